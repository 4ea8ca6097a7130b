"""From a call without a key to a reader: of the job of a lost equal call, or of one of its own."""

import msgspec
from starlette.requests import Request

from broker.api.attach import follow, follow_made
from broker.api.core import Core
from broker.api.headers import header
from broker.api.joining import Hold
from broker.api.known_retriers import is_joined
from broker.errors import JobGone, JobNotFound, RequestIdReused
from broker.model import JobState
from broker.queue import Submission
from broker.tail import Reader

_UNANSWERED = (JobState.FAILED, JobState.CANCELLED)


def join_seconds(core: Core, request: Request, submission: Submission) -> float:
    """For how many seconds the call is joinable, and may join; 0: it is not."""
    if header(request, b"idempotency-key") is not None:
        return 0.0
    settings, seconds = core.settings, submission.join
    if seconds is None:
        account = settings.accounts.get(submission.account)
        seconds = account.join if account is not None else None
    if seconds is None:
        joined = settings.server.join_known and is_joined(header(request, b"user-agent"))
        seconds = settings.server.join_known if joined else 0.0
    return min(seconds, settings.store.stream_ttl)


async def follow_any(
    core: Core, request: Request, submission: Submission
) -> tuple[Reader, Submission]:
    """Follow the job that the call makes, finds or joins; and the submission under its id.

    Raises:
        RequestIdReused, JobGone, StoreAway, StoreFull, QueueFull, AccountBusy.
    """
    seconds = join_seconds(core, request, submission)
    if not seconds:
        return await follow(core, submission), submission
    options = msgspec.structs.replace(submission.options, join=seconds)
    own = msgspec.structs.replace(submission, options=options)
    while True:
        hold = await core.joining.join(own, seconds)
        try:
            reader = await _follow(core, own, hold)
        except BaseException:
            hold.left()
            raise
        if reader is None:
            hold.ended()
            continue
        reader.hold = hold
        request.scope["request_id"] = hold.request_id
        return reader, msgspec.structs.replace(own, request_id=hold.request_id)


async def _follow(core: Core, own: Submission, hold: Hold) -> Reader | None:
    """Follow the job that is held; None if it is another call's, and will have no answer."""
    if not hold.joined:
        return await follow(core, own)
    submission = msgspec.structs.replace(own, request_id=hold.request_id)
    try:
        if own.examined is not None:  # its body was uploaded for another id, so it can't be made
            await core.store.jobs.get(submission.key)
        reader, creation = await follow_made(core, submission, found="joined")
    except (JobNotFound, JobGone, RequestIdReused):  # RequestIdReused: made anew with another body
        return None
    if creation.state in _UNANSWERED:
        reader.close()
        return None
    return reader
