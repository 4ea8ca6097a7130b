"""``/v1/responses``: OpenAI's Responses over durable jobs.

A response is a job of that dialect; its id (``broker.store.response_ids``) leads to it, and
whoever it is not for is answered as if there were none. Every job runs in the
background here; ``background`` only says that its caller does not wait. ``store: false`` means
that the response is there for as long as it runs, and not after that.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from broker import cursor as cursors
from broker.api.attach import check_cursor, find_job, held, known, resume
from broker.api.core import Core, account_of, core_of
from broker.api.folding import Folding
from broker.api.inference import Inference
from broker.api.locations import located, of_response
from broker.api.stream import StreamResponse
from broker.dialects import View
from broker.dialects.body import decode_object
from broker.dialects.responses import ResponsesView
from broker.dialects.responses.dialect import RESPONSES
from broker.dialects.responses.resource import input_page, resource, said_again
from broker.dialects.responses.view import last_shown
from broker.dialects.wire import encode
from broker.errors import BadRequest, FramesLost, JobGone, JobNotFound, ResponseNotFound
from broker.model import Job, JobState
from broker.offload.tasks import Items
from broker.queue import Submission
from broker.tail import Reader
from broker.tail.back import pages

_MOST_ITEMS = 100  # of a page


class Responses(Inference):
    """``POST /v1/responses``."""

    def __init__(self) -> None:
        super().__init__(RESPONSES)

    async def create(self, request: Request) -> Response:
        """``POST``: the whole answer, its events, or in the background how far it is."""
        await core_of(request).store.response_ids.ready()
        return await super().create(request)

    async def _answered(
        self, core: Core, request: Request, reader: Reader, submission: Submission, replays: bool
    ) -> Response:
        """In the background the response as it is; else the whole one."""
        if not submission.request.get("background"):
            return await super()._answered(core, request, reader, submission, replays)
        reader.close()
        job = await known(core, submission.key)
        return await _shown(core, job, core.store.response_ids.of(job.key), submission.request)

    def _view(self, core: Core, submission: Submission) -> View:
        name = core.store.response_ids.of(submission.key)
        return ResponsesView(name, submission.request["model"])

    def _located(self, core: Core, submission: Submission) -> dict[str, str]:
        return of_response(core.store.response_ids.of(submission.key))


async def retrieve(request: Request) -> Response:
    """``GET /v1/responses/{id}``: as it is now, or with ``stream`` its events.

    Those begin after ``starting_after``, or ``Last-Event-ID``: both are cursors.
    """
    core = core_of(request)
    if not _flag(request, "stream"):
        job = await _find(core, request)
        return await _shown(core, job, request.path_params["response_id"])
    after = request.headers.get("last-event-id") or request.query_params.get("starting_after")
    cursor = cursors.parse(after)
    job = await _find(core, request, cursor)
    await check_cursor(core, job, cursor)
    reader = await resume(core, job, cursor, last_shown)
    headers = {"x-request-id": job.request_id, **located(request)}
    if reader is None:
        return Response(status_code=204, headers=headers)
    reader.hold = await held(core, job, reader)
    view = ResponsesView(request.path_params["response_id"], job.model)
    return StreamResponse(core, reader, view, headers)


async def cancel(request: Request) -> Response:
    """``POST …/cancel``: the response, cancelled, or as it had ended."""
    core = core_of(request)
    job = await _find(core, request)
    body = await core.store.jobs.body(job.key)  # it may be gone with the job's end
    await core.store.jobs.cancel(job.key)
    asked = said_again(body) if body is not None else None
    name = request.path_params["response_id"]
    return await _shown(core, await core.store.jobs.get(job.key), name, asked)


async def delete(request: Request) -> Response:
    """``DELETE``: cancelled if need be, then gone."""
    core = core_of(request)
    job = await _find(core, request)
    await core.store.jobs.delete(job.key)
    gone = {"id": request.path_params["response_id"], "object": "response", "deleted": True}
    return _json(gone, job)


async def list_input(request: Request) -> Response:
    """``GET …/input_items``: what the response was asked with, newest first."""
    core, query = core_of(request), request.query_params
    order, after = query.get("order", "desc"), query.get("after")
    if order not in ("asc", "desc"):
        raise BadRequest("'order' is asc or desc.", param="order")
    limit = query.get("limit", "20")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 4) or not (
        1 <= int(limit) <= _MOST_ITEMS
    ):
        raise BadRequest(f"'limit' must be from 1 to {_MOST_ITEMS}.", param="limit")
    job = await _find(core, request)
    name, newest_first = request.path_params["response_id"], order == "desc"
    if job.outline is not None:
        task = Items(
            key=job.key, name=name, newest_first=newest_first, limit=int(limit), after=after
        )
        _, page = await core.offload.run(task, type(None), account=job.account)
        headers = {"x-request-id": job.request_id}
        return Response(bytes(page), 200, headers, "application/json")
    asked = await _request_of(core, job)
    if asked is None:
        raise JobGone("Its request is no longer kept.")
    return _json(input_page(name, asked, newest_first, int(limit), after), job)


async def _find(core: Core, request: Request, cursor: int = 0) -> Job:
    """The job of the response that the path names.

    Raises:
        ResponseNotFound: there is none that is the caller's; or it was deleted, or was not to be
            stored and has ended; or the store lost it, for an id doesn't tell whose it was. It is
            the same whichever it is.
    """
    name = request.path_params["response_id"]
    key = await core.store.response_ids.key_of(name)
    try:
        job = None if key is None else await find_job(core, key, cursor)
    except (JobNotFound, JobGone, FramesLost):
        job = None
    if (
        job is None
        or job.account != account_of(request)
        or job.dialect != RESPONSES.name
        or (job.state.final and not job.keep)
    ):
        raise ResponseNotFound(f"It is {name[:100]!r}.")
    return job


async def _shown(core: Core, job: Job, name: str, asked: dict[str, Any] | None = None) -> Response:
    """The response as it is now, by its id; ``asked`` is its request, if that is at hand."""
    folding = Folding(RESPONSES)
    if job.state is not JobState.QUEUED:
        async for page in pages(core.store, job.key):
            folding.feed(page.frames)
            await core.tail.turns.take()
    if asked is None and job.state is not JobState.COMPLETED:
        asked = await _said_again(core, job)

    def shown(answer: dict[str, Any]) -> bytes:
        return encode(resource(name, job, asked or {}, answer))

    headers = {"x-request-id": job.request_id}
    return Response(await folding.shown(shown), 200, headers, "application/json")


async def _said_again(core: Core, job: Job) -> dict[str, Any]:
    """What a response repeats of its request; of a large one what is short."""
    if job.outline is not None:
        return job.outline.request
    body = await core.store.jobs.body(job.key)
    return said_again(body) if body is not None else {}


async def _request_of(core: Core, job: Job) -> dict[str, Any] | None:
    """What it was asked with, of a large request the outline; None if it is no longer kept."""
    if job.outline is not None:
        return job.outline.request
    body = await core.store.jobs.body(job.key)
    return decode_object(body) if body is not None else None


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise BadRequest(f"{name!r} must be true or false.", param=name)
    return text in ("true", "1")


def _json(value: Any, job: Job) -> Response:
    headers = {"x-request-id": job.request_id}
    return Response(encode(value), 200, headers, "application/json")
