"""A dialect's own endpoint (``POST /v1/chat/completions`` and its like) over durable jobs.

``Idempotency-Key`` is the request id; the same key again attaches to the job. A
``Last-Event-ID`` only ever attaches: it says that a stream was begun.
"""

from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from broker import cursor as cursors
from broker.api.attach import (
    check_cursor,
    collect,
    find_job,
    narrowed,
    resume,
    while_connected,
)
from broker.api.body import Body, read_body
from broker.api.core import Core, account_of, body_limits_of, core_of, request_id_of
from broker.api.examined import examined, submission_of
from broker.api.folding import Folding
from broker.api.headers import header
from broker.api.joined import follow_any
from broker.api.joining import hand_over, handed_over, sends
from broker.api.locations import in_its_dialect
from broker.api.lost import lost_header
from broker.api.options import from_headers
from broker.api.problems import failure_response
from broker.api.stream import StreamResponse
from broker.dialects import View
from broker.dialects.body import decode_object
from broker.dialects.dialect import Dialect
from broker.dialects.wire import encode
from broker.errors import RequestIdReused
from broker.model import Failure
from broker.offload.tasks import Examine
from broker.queue import Submission
from broker.tail import Reader


class Inference:
    """The endpoint of one dialect, an ASGI application: as a function starlette wraps it twice."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self.create(Request(scope, receive, send))
        except BaseException:
            if (hold := handed_over(scope)) is not None:
                hold.left()
            raise
        sends(scope, handed_over(scope), response)
        await response(scope, receive, send)

    async def create(self, request: Request) -> Response:
        """``POST``: the whole answer, or its events."""
        core = core_of(request)
        core.admit()
        submission = await self._submission(core, request)
        after = header(request, b"last-event-id")
        if after is None:
            headers = request.scope["headers"]
            options = core.retrying.options(from_headers(headers), headers)
            submission = narrowed(core, submission, options)
            reader, submission = await follow_any(core, request, submission)
        else:
            found = await self._attach(core, submission, cursors.parse(after))
            if found is None:
                return Response(status_code=204, headers=_headers(submission.request_id))
            reader = found
        replays = header(request, b"idempotency-key") is not None
        if submission.request.get("stream"):
            return self._streamed(core, request, reader, submission, replays)
        hand_over(request, reader)
        response = await self._answered(core, request, reader, submission, replays)
        response.headers.update(lost_header(submission.lost))
        return response

    async def _answered(
        self, core: Core, request: Request, reader: Reader, submission: Submission, replays: bool
    ) -> Response:
        """The answer to a caller that does not stream."""
        return await self._whole(core, request, reader, submission.request_id, replays)

    async def _submission(self, core: Core, request: Request) -> Submission:
        received = await read_body(request, body_limits_of(request))
        if received.reserved is not None:
            return await self._examined(core, request, received)
        body = bytes(received.data)
        call = decode_object(body)
        if self._dialect.headers and (said := with_headers(self._dialect, request.headers, call)):
            call |= said
            body = encode(call)
        self._dialect.check(call)
        given = header(request, b"idempotency-key")
        return Submission(
            account=account_of(request),
            request_id=request_id_of(request, given),
            dialect=self._dialect.name,
            request=call,
            body=body,
            keep=self._dialect.keeps(call),
        )

    async def _examined(self, core: Core, request: Request, received: Body) -> Submission:
        """The same of a large body, which is dealt with elsewhere."""
        task = Examine(
            account=account_of(request),
            request_id=request_id_of(request, header(request, b"idempotency-key")),
            dialect=self._dialect.name,
            headers=with_headers(self._dialect, request.headers, {}),
            options=from_headers(request.scope["headers"]),
            upload=header(request, b"last-event-id") is None,
        )
        return submission_of(task, await examined(core, task, received))

    async def _attach(self, core: Core, submission: Submission, cursor: int) -> Reader | None:
        """A reader of a job that must be there; None at its end. A whole answer has no cursor."""
        job = await find_job(core, submission.key, cursor)
        await check_cursor(core, job, cursor)
        if job.digest != submission.digest:
            raise RequestIdReused(f"It is {job.request_id!r}.", param="Idempotency-Key")
        after = cursor if submission.request.get("stream") else 0
        return await resume(core, job, after, self._dialect.last_shown)

    def _streamed(
        self, core: Core, request: Request, reader: Reader, submission: Submission, replays: bool
    ) -> Response:
        headers = _headers(submission.request_id)
        located = {**headers, **self._located(core, submission), **lost_header(submission.lost)}

        def refuse(failure: Failure) -> Response:
            response = failure_response(request.url.path, failure, final=replays)
            response.headers.update(headers)
            return response

        return StreamResponse(
            core,
            reader,
            self._view(core, submission),
            located,
            refuse=refuse if reader.cursor == 0 else None,
        )

    def _view(self, core: Core, submission: Submission) -> View:
        return self._dialect.view(submission.request)

    def _located(self, core: Core, submission: Submission) -> dict[str, str]:
        """Where a stream goes on that was cut."""
        return in_its_dialect(submission.request_id, submission.request)

    async def _whole(
        self, core: Core, request: Request, reader: Reader, request_id: str, replays: bool
    ) -> Response:
        """The folded answer."""
        folding = Folding(self._dialect)
        terminal = await while_connected(request, collect(core, reader, folding))
        if terminal.error is not None:
            response = failure_response(request.url.path, terminal.error, final=replays)
            response.headers.update(_headers(request_id))
            return response
        return Response(await folding.encoded(), 200, _headers(request_id), "application/json")


def with_headers(dialect: Dialect, headers: Headers, call: dict[str, Any]) -> dict[str, Any]:
    """What headers add to a request: comma lists, each in the field that is kept for it."""
    found: dict[str, Any] = {}
    for name, field in dialect.headers.items():
        words = [word.strip() for line in headers.getlist(name) for word in line.split(",")]
        if any(words):
            own = call.get(field)
            if not isinstance(own, list | None) or not all(isinstance(w, str) for w in own or ()):
                continue  # what is wrong with it the dialect's check says
            found[field] = list(dict.fromkeys((*(own or ()), *filter(None, words))))
    return found


def _headers(request_id: str) -> dict[str, str]:
    return {"x-request-id": request_id}
