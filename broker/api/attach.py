"""From a request id to a reader: the one way in which any endpoint follows a job."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from broker.api.core import Core
from broker.api.folding import Folding
from broker.api.joining import Hold
from broker.catalog import meaning
from broker.cursor import is_lost
from broker.dialects.neutral.expressible import expressible
from broker.errors import (
    BadCursor,
    FramesLost,
    JobGone,
    JobNotFound,
    NotRetriable,
    StoreFull,
)
from broker.model import Job, Options, Terminal
from broker.queue import Submission, enqueue
from broker.routing import policy_for
from broker.store.new_job import Creation
from broker.store.scripts import Executor
from broker.tail import Reader

T = TypeVar("T")

_LOOK = 0.2  # seconds between looks for a job that the store may have lost
_LARGE = 256 * 1024  # bytes of a body that is not sent over the connection of live messages


def narrowed(core: Core, submission: Submission, options: Options) -> Submission:
    """The submission of a job that may have to be made, with all that limits it.

    Raises:
        UnknownModel, AmbiguousModel: see ``catalog.naming``. Unexpressible: none of the model's
            targets can be asked this.
        BadRequest: an option goes beyond the model's route.
    """
    settings = core.settings
    model, examined = submission.request["model"], submission.examined
    if examined is None:
        routed = meaning(settings, model, submission.dialect, core.model_lists.catalog)
    else:
        routed = examined.meaning or model
    narrowing = options if options.join is None else msgspec.structs.replace(options, join=None)
    policy = policy_for(settings, routed, narrowing)
    if examined is not None:  # the child has looked
        lost = examined.lost
    else:
        dialect, request = submission.dialect, submission.request
        lost = expressible(settings, dialect, request, policy.targets, policy.drop_tools)
    grace = settings.server.grace if options.grace is None else options.grace
    return msgspec.structs.replace(
        submission,
        options=options,
        meaning=routed if routed != model else None,
        deadline=policy.deadline,
        grace=grace if options.on_disconnect == "cancel" else None,
        limits=core.limits_of(submission.account),
        admitted=core.has_memory,
        lost=lost,
        join=policy.join if options.join is None else options.join,
    )


async def submit(core: Core, submission: Submission) -> bool:
    """Create the job, or find it; whether it was created.

    Raises:
        RequestIdReused, JobGone, StoreAway, StoreFull, QueueFull, AccountBusy.
    """
    return (await _create(core, submission)).created


async def follow(core: Core, submission: Submission) -> Reader:
    """Create the job, or find it, and follow it from the start: see ``follow_made``."""
    return (await follow_made(core, submission))[0]


async def follow_made(
    core: Core, submission: Submission, found: str = "attached"
) -> tuple[Reader, Creation]:
    """Create the job, or find it, and follow it from the start; and what became of it.

    ``found`` is what a job that is there already counts as.

    The subscription stands before the job does: a new job's stream needs no catching up.

    Raises:
        RequestIdReused, JobGone, StoreAway, StoreFull, QueueFull, AccountBusy.
    """
    if len(submission.body) > _LARGE:
        reader = await core.tail.follow(submission.key, 0)
        try:
            creation = await _create(core, submission, found)
        except BaseException:
            reader.close()
            raise
    else:
        make = partial(_create, core, submission, found)
        reader, creation = await core.tail.follow_new(submission.key, make)
    reader.grace_ms = creation.grace_ms
    if creation.created:
        reader.begin()
    return reader, creation


async def _create(
    core: Core, submission: Submission, found: str = "attached", over: Executor | None = None
) -> Creation:
    creation = await enqueue(core.store, submission, over=over)
    if creation.again:
        await _make_again(core, submission)
    core.metrics.calls.labels("created" if creation.created else found).inc()
    return creation


async def _make_again(core: Core, submission: Submission) -> None:
    """Queue a job again that failed without a call to anybody, as ``…/retry`` does.

    Raises:
        StoreAway, StoreFull, QueueFull, AccountBusy: it is not admitted just now.
    """
    if not submission.admitted:
        raise StoreFull()
    with suppress(NotRetriable, JobNotFound, JobGone):  # another call did it at the same time
        await core.store.jobs.retry(submission.key, submission.limits)


async def check_cursor(core: Core, job: Job, cursor: int) -> None:
    """Return if the job's stream reaches as far as the cursor, or may have done.

    Raises:
        BadCursor: it lies beyond the stream's end, and no frames can have been lost.
        StoreAway.
    """
    if cursor > job.last and not await core.store.streams.may_have_lost(job):
        raise BadCursor(f"The stream ends at {job.last} so far.", param="Last-Event-ID")


async def find_job(core: Core, key: str, cursor: int) -> Job:
    """The record of the job that a reader with this cursor asks for.

    With a cursor the job was there. Where the store has just come back without it, its worker may
    be about to make it again, which is waited for.

    Raises:
        JobNotFound, JobGone, StoreAway. FramesLost: the store lost the job.
    """
    waited = False
    while True:
        try:
            return await core.store.jobs.get(key)
        except JobNotFound:
            if waited and not core.tail.heals:
                raise FramesLost("The store lost the job.") from None
            if not cursor or not core.tail.heals:
                raise
        waited = True
        await asyncio.sleep(_LOOK)


async def known(core: Core, key: str) -> Job:
    """The record of a job that was there a moment ago.

    Raises:
        FramesLost: the store lost it. JobGone, StoreAway.
    """
    try:
        return await core.store.jobs.get(key)
    except JobNotFound:
        raise FramesLost("The store lost the job.") from None


async def resume(
    core: Core, job: Job, cursor: int, last: Callable[[Job], int] | None = None
) -> Reader | None:
    """A reader of a located job from the cursor; None if nothing will come after it.

    That is after the terminal, or what ``last`` says of an ended job.

    Raises:
        StoreAway.
    """
    core.metrics.calls.labels("resumed" if cursor else "attached").inc()
    end = job.last if last is None else last(job)
    if job.state.final and end <= cursor <= job.last and not is_lost(cursor, job.breaks):
        return None
    reader = await core.tail.follow(job.key, cursor)
    reader.grace_ms = None if job.state.final else job.grace_ms
    return reader


async def held(core: Core, job: Job, reader: Reader) -> Hold | None:
    """The hold of a reader that goes on with a joinable job by its address; else None.

    Raises:
        StoreAway: the reader is closed.
    """
    try:
        return await core.joining.hold(job, reader.cursor)
    except BaseException:
        reader.close()
        raise


async def collect(core: Core, reader: Reader, folding: Folding) -> Terminal:
    """Fold all frames from the reader's cursor to the terminal; closes the reader.

    A drain waits for it as for a stream: its caller holds no cursor to come back with. If the
    store lost frames of those that are here, it reads again what came in their place.

    Raises:
        StoreAway, JobGone: the stream could not be read to its end.
        FramesLost: the store lost the job.
    """
    with core.following(reader):
        while True:
            try:
                segments = await reader.next()
            except FramesLost:
                if not folding.begun:
                    raise
                folding.clear()
                reader.begin_again()
                continue
            for segment in segments:
                folding.feed(segment.frames)
                if segment.terminal is not None:
                    return segment.terminal


async def while_connected(request: Request, work: Awaitable[T]) -> T:
    """The result of the work, which is given up when the client leaves.

    The request's body must have been read.

    Raises:
        ClientDisconnect: the client left.
    """
    task = asyncio.ensure_future(work)

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    watcher = asyncio.ensure_future(watch())
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        watcher.cancel()
        task.cancel()
