"""The nouns of the broker: job, attempt, failure, terminal.

States of a job (an arrow is one script of the store, and nothing else changes a state):

    create ─▶ queued ──claim──▶ running ──append of a terminal──▶ completed | failed
                ▲                  │
                └─ rescue, release ┘        cancel: queued or running ─▶ cancelled
                                            queue deadline: queued ─▶ failed
    retry: failed, nothing delivered ─▶ queued

Final states never change, ``retry`` apart, which starts a recorded new attempt of a job
whose stream holds no dialect frame.
"""

import hashlib
import os
import re
from base64 import urlsafe_b64encode
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

import msgspec

from broker.errors import BadRequestId


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset((JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED))


Fault = Literal["caller", "broker", "operator"]


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an attempt or a job ended without an answer.

    ``type`` is the word a program matches on (PROTOCOL.md lists them all); ``message`` is
    for people. ``remedy`` is what may help the job: the same target again, the next target,
    or nothing (``final``: the call itself is at fault); ``retryable`` tells the caller
    whether the whole call may be made again. ``status`` is the HTTP status a caller sees when
    nothing was streamed yet; ``provider_status`` is what the provider answered, if it did.
    ``fault`` is whose fault a provider's refusal is, where that can be told: see ``broker.blame``.
    """

    type: str
    message: str
    status: int = 502
    remedy: Literal["retry", "next", "final"] = "retry"
    code: str | None = None
    param: str | None = None
    provider_status: int | None = None
    retryable: bool = False
    retry_after: float | None = None  # seconds
    fault: Fault | None = None


# The type of the failure of a job for which nobody was called, since the breakers of all its
# targets were open. The same call again is a new try, under its own request id too.
CIRCUIT_OPEN = "circuit_open"


class Attempt(msgspec.Struct, omit_defaults=True):
    """One try of a job against one provider. Times are Unix seconds, on the worker's clock.

    An attempt of which only the claim is known (its worker was lost before it could tell
    whether it called anybody) has no provider and no model.
    """

    number: int
    provider: str
    model: str
    started: float
    ended: float | None = None
    outcome: str | None = None  # completed | failed | cancelled | lost | handed_over
    provider_id: str | None = None
    first_token: float | None = None  # seconds after started
    usage: dict[str, Any] | None = None
    error: Failure | None = None
    lost: tuple[str, ...] = ()  # paths of what the provider was not told, as the operator allows


class Options(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a caller narrows one job, within what its account and the route allow.

    ``deadline`` and ``grace`` are seconds. With ``on_disconnect`` ``cancel`` the job is
    cancelled once nobody has read it for ``grace``; None takes the deployment's own. ``join``
    is no narrowing: see ``broker.api.joining``.
    """

    targets: tuple[str, ...] | None = None  # of the route's, in the order to be tried
    retries: int | None = None
    attempts: int | None = None
    deadline: float | None = None
    priority: Literal["interactive", "batch"] = "interactive"
    on_disconnect: Literal["continue", "cancel"] = "continue"
    grace: float | None = None
    join: float | None = None  # seconds after which a call whose reader was lost is joined no more
    # Whether the caller makes a call again that fails: then no target is tried twice for it before
    # anything was delivered. None: that is to be found out.
    caller_retries: bool | None = None


class Outline(msgspec.Struct, frozen=True):
    """A request too large to be decoded on an event loop: see ``broker.offload``.

    ``request`` has those of its fields that are short, ``prompt`` is about how many tokens
    what it asks has, ``size`` how many bytes the whole body.
    """

    request: dict[str, Any]
    prompt: int
    size: int


class Terminal(msgspec.Struct, frozen=True, omit_defaults=True):
    """The one frame that ends a stream; each view renders it in its own way.

    ``told`` says that the frame before it was the provider's own word on the failure. ``closing``
    is its last event's JSON, on one line, where that says more than that it is the last: a view
    whose dialect ends in such an event renders the terminal as that.
    """

    state: JobState
    usage: dict[str, Any] | None = None
    error: Failure | None = None
    told: bool = False
    closing: str | None = None


class Job(msgspec.Struct, omit_defaults=True):
    """A job's record as the store holds it. Times are Unix milliseconds of the store's clock."""

    key: str
    account: str
    request_id: str
    dialect: str
    model: str
    state: JobState
    created_ms: int
    digest: str = ""  # of the request; see ``request_digest``
    last: int = 0  # sequence number of the stream's last frame
    delivered: bool = False  # whether a dialect frame was appended
    started_ms: int | None = None
    ended_ms: int | None = None
    claims: int = 0
    losses: int = 0
    declined: int = 0  # times that it was handed back by workers that didn't know its model
    spent: int = 0  # attempts before the last `retry`
    attempts: list[Attempt] = msgspec.field(default_factory=list)
    # Of an attempt at a provider that resumes: its number, and the provider's number of the
    # last of its events that is in the stream.
    cursor: tuple[int, int] | None = None
    usage: dict[str, Any] | None = None
    error: Failure | None = None
    metadata: dict[str, Any] | None = None
    options: Options = Options()
    deadline_ms: int | None = None
    grace_ms: int | None = None  # set if its readers' leaving is to cancel it
    keep: bool = False  # whether its request is kept for as long as its stream
    meaning: str | None = None  # what its model's name stood for at its creation, if another
    outline: Outline | None = None  # of a request that is large
    # Where its numbers break off, for the store may have lost what came there: (last before,
    # first after) each. See ``broker.cursor``.
    breaks: tuple[tuple[int, int], ...] = ()

    @property
    def routed(self) -> str:
        """The name of a route, or the ``PROVIDER/MODEL``, that its model's name stands for."""
        return self.meaning or self.model


REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{0,127}\Z")


def check_request_id(text: str) -> str:
    """Return ``text`` if it is a request id.

    Raises:
        BadRequestId: it is not.
    """
    if not REQUEST_ID.match(text):
        raise BadRequestId(param="request_id")
    return text


def new_request_id() -> str:
    """A request id of our own making: 120 random bits."""
    return "req_" + os.urandom(15).hex()


@lru_cache(maxsize=64)  # a call asks for its own several times over; request ids are short
def job_key(account: str, request_id: str) -> str:
    """The job's name within the store: 20 characters, 120 bits of SHA-256.

    Both parts are length-prefixed, so that no two pairs run together into one text.
    """
    name, rid = account.encode(), request_id.encode()
    parts = b"%d:%s%d:%s" % (len(name), name, len(rid), rid)
    return urlsafe_b64encode(hashlib.sha256(parts).digest()[:15]).decode()


def request_digest(dialect: str, request: dict[str, Any]) -> str:
    """SHA-256 of dialect and canonical JSON of a request, how it is to be streamed left out."""
    bare = {k: v for k, v in request.items() if k not in ("stream", "stream_options")}
    text = msgspec.json.encode(bare, order="deterministic")
    return hashlib.sha256(dialect.encode() + b"\n" + text).hexdigest()
