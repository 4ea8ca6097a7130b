"""``POST /v1/chat/completions``: OpenAI's surface over durable jobs.

``Idempotency-Key`` is the request id; the same key again attaches to the job. A
``Last-Event-ID`` only ever attaches: it says that a stream was begun.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from broker import cursor as cursors
from broker.api.attach import check_cursor, collect, follow, narrowed, resume, while_connected
from broker.api.body import decode_object, read_json
from broker.api.core import Core, account_of, core_of
from broker.api.options import from_headers
from broker.api.problems import failure_response
from broker.api.stream import StreamResponse
from broker.dialects import chat
from broker.errors import RequestIdReused
from broker.model import (
    Failure,
    check_request_id,
    new_request_id,
    request_digest,
)
from broker.queue import Submission
from broker.tail import Reader

DIALECT = "chat"


async def create_completion(request: Request) -> Response:
    """The endpoint."""
    core = core_of(request)
    core.admit()
    body = await read_json(request, core.settings.server.max_body)
    call = decode_object(body)
    chat.check(call)
    given = request.headers.get("idempotency-key")
    submission = Submission(
        account=account_of(request),
        request_id=new_request_id() if given is None else check_request_id(given),
        dialect=DIALECT,
        request=call,
        body=body,
    )
    after = request.headers.get("last-event-id")
    if after is None:
        options = from_headers(request.headers)
        reader = await follow(core, narrowed(core, submission, options))
    else:
        found = await _attach(core, submission, cursors.parse(after))
        if found is None:
            return Response(status_code=204, headers=_headers(submission.request_id))
        reader = found
    replays = given is not None
    if call.get("stream"):
        return _streamed(core, request, reader, submission, replays)
    return await _whole(core, request, reader, submission.request_id, replays)


async def _attach(core: Core, submission: Submission, cursor: int) -> Reader | None:
    """A reader of a job that must be there; None at its end. A whole answer has no cursor."""
    job = await core.store.jobs.get(submission.key)
    check_cursor(job, cursor)
    if job.dialect != DIALECT or job.digest != request_digest(submission.request):
        raise RequestIdReused(f"It is {job.request_id!r}.", param="Idempotency-Key")
    return await resume(core, job, cursor if submission.request.get("stream") else 0)


def _streamed(
    core: Core, request: Request, reader: Reader, submission: Submission, replays: bool
) -> Response:
    options: dict[str, Any] = submission.request.get("stream_options") or {}
    headers = _headers(submission.request_id)

    def refuse(failure: Failure) -> Response:
        response = failure_response(request.url.path, failure, final=replays)
        response.headers.update(headers)
        return response

    return StreamResponse(
        core,
        reader,
        chat.ChatView(include_usage=bool(options.get("include_usage"))),
        headers,
        refuse=refuse if reader.cursor == 0 else None,
    )


async def _whole(
    core: Core, request: Request, reader: Reader, request_id: str, replays: bool
) -> Response:
    """The folded answer."""
    frames, terminal = await while_connected(request, collect(core, reader))
    if terminal.error is not None:
        response = failure_response(request.url.path, terminal.error, final=replays)
        response.headers.update(_headers(request_id))
        return response
    answer = chat.encode(chat.fold(frames))
    return Response(answer, 200, _headers(request_id), "application/json")


def _headers(request_id: str) -> dict[str, str]:
    return {"x-request-id": request_id}
