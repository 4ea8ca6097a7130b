"""What creates a job, and what came of it."""

from typing import Any, NamedTuple

import msgspec

from broker.model import JobState, Options, Outline


class Limits(msgspec.Struct, frozen=True):
    """What an account may have at once, in all; None and 1.0 are no limit.

    ``share`` is of the room in a queue (see ``refusal`` in lua/enqueue.part.lua); ``bytes`` are of
    the stored request bodies of its open jobs, small ones apart.
    """

    open: int | None = None  # jobs queued or running
    share: float = 1.0
    bytes: int | None = None


NO_LIMITS, NO_OPTIONS = Limits(), Options()


class Upload(NamedTuple):
    """A body that was uploaded: under which name, and the bytes that it takes."""

    name: str
    size: int


class NewJob(msgspec.Struct, frozen=True):
    """What creates a job. ``body`` is the caller's request as JSON, ``task`` arq's job.

    ``deadline`` and ``grace`` are seconds from now, None for none.
    """

    key: str
    account: str
    request_id: str
    dialect: str
    model: str
    digest: str
    body: bytes  # empty, if it was uploaded
    task: bytes
    metadata: dict[str, Any] | None = None
    options: Options = NO_OPTIONS
    meaning: str | None = None  # as in ``model.Job``
    deadline: float | None = None
    grace: float | None = None
    limits: Limits = NO_LIMITS
    keep: bool = False  # the body, for as long as the stream
    outline: Outline | None = None  # of a body that was uploaded,
    upload: Upload | None = None
    admitted: bool = True  # false: the store is short of memory, and may only say what is there


class Creation(msgspec.Struct, frozen=True):
    """Whether a job was created, or was there, in which state; ``grace_ms`` as in ``model.Job``.

    ``again``: it is there, but failed without a call to anybody, and this one may try again.
    """

    created: bool
    grace_ms: int | None = None
    state: JobState = JobState.QUEUED
    again: bool = False
