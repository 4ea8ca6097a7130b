"""``/v1/jobs/{request_id}/events`` and ``/result``: a job's stream, and what it folds into."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from broker.api.attach import (
    check_cursor,
    collect,
    find_job,
    held,
    known,
    resume,
    while_connected,
)
from broker.api.core import core_of
from broker.api.folding import Folding
from broker.api.headers import header
from broker.api.jobs import job_response, key_of
from broker.api.joining import answering, sends
from broker.api.locations import located
from broker.api.options import NAMED_BY_PROXY
from broker.api.problems import failure_response
from broker.api.stream import ComeAgain, StreamResponse, cursor_of
from broker.api.tickets import Ticket
from broker.api.views import view_of
from broker.dialects.native import NativeView
from broker.dialects.registry import DIALECTS
from broker.errors import BadRequest, Draining, StoreAway
from broker.model import Job

_LONGEST_WAIT = 60.0  # seconds


async def stream_events(request: Request) -> Response:
    """``GET …/events``: SSE in the native view, from ``Last-Event-ID`` or ``?after=``.

    A browser's EventSource gives up for good on an error status, so with the store away or
    the process draining it is told to come again instead. With ``?view=dialect`` the stream
    is what the job's own POST streams, refusals included. A proxy that names its calls is told
    that the process drains: it asks the next one, where the reader would be sent back here.
    """
    core = core_of(request)
    request_id = request.path_params["request_id"]
    key_of(request)  # refuses what can be no request id
    cursor = cursor_of(request)
    its_own = _chosen(request, "view", "native", "dialect")
    usage = _chosen(request, "include_usage", "false", "true")
    headers = {"x-request-id": request_id, **located(request)}
    try:
        core.admit()
        job = await _job(request, cursor)
        await check_cursor(core, job, cursor)
        dialect = DIALECTS[job.dialect]
        asked = {"model": job.model, "stream_options": {"include_usage": usage}}
        own = await view_of(core, dialect, job.key, asked) if its_own else None
        reader = await resume(core, job, cursor, dialect.last_shown if its_own else None)
        if its_own and reader is not None and not request.scope.get("ticket"):
            reader.hold = await held(core, job, reader)
    except (Draining, StoreAway) as error:
        passed_on = isinstance(error, Draining) and header(request, NAMED_BY_PROXY)
        if its_own or passed_on:
            raise
        return ComeAgain(cursor, error.code)
    if reader is None:
        return Response(status_code=204, headers=headers)
    if own is not None:
        return StreamResponse(core, reader, own, headers)
    native = NativeView(request_id, dialect.numbers)
    return StreamResponse(core, reader, native, headers, hands_back=True)


async def get_result(request: Request) -> Response:
    """``GET …/result?wait=``: the whole answer; 202 and the job while there is none."""
    core = core_of(request)
    wait = _seconds(request.query_params.get("wait"))
    job = await _job(request)
    if not job.state.final and wait == 0:
        return _pending(job)
    reader = await core.tail.follow(job.key, 0)
    reader.grace_ms = job.grace_ms
    hold = None if request.scope.get("ticket") else await held(core, job, reader)
    with answering(hold):
        folding = Folding(DIALECTS[job.dialect])
        try:
            async with asyncio.timeout(None if job.state.final else wait):
                terminal = await while_connected(request, collect(core, reader, folding))
        except TimeoutError:
            if hold is not None:
                hold.left()
            return _pending(await known(core, job.key))
        headers = {"x-request-id": job.request_id}
        if terminal.error is not None:
            response = failure_response(request.url.path, terminal.error, final=True)
            response.headers.update(headers)
        else:
            response = Response(await folding.encoded(), 200, headers, "application/json")
        sends(request.scope, hold, response)
        return response


async def _job(request: Request, cursor: int = 0) -> Job:
    """The job that the path names, if the caller's ticket (should it be one) opens it.

    Raises:
        BadRequestId, JobNotFound, JobGone, BadTicket, StoreAway; with a cursor FramesLost.
    """
    core = core_of(request)
    job = await find_job(core, key_of(request), cursor)
    ticket: Ticket | None = request.scope.get("ticket")
    if ticket is not None:
        ticket.check(job, core.booth.now_ms)
    return job


def _chosen(request: Request, name: str, default: str, other: str) -> bool:
    """Whether a parameter says the one thing that it may say other than its default."""
    text = request.query_params.get(name, default)
    if text not in (default, other):
        raise BadRequest(f"{name!r} is {default} or {other}.", param=name)
    return text == other


def _pending(job: Job) -> Response:
    response = job_response(job, 202)
    response.headers["retry-after"] = "1"
    return response


def _seconds(text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e6:
        raise BadRequest("'wait' must be a number of seconds.", param="wait")
    return min(seconds, _LONGEST_WAIT)
