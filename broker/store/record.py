"""A job's record: the fields of its hash, to and from ``broker.model.Job``.

The scripts own ``state token last digest account created started ended holder claims losses
score member spent priority allowed deadline grace bytes breaks since``; the rest is written by
processes: ``request_id dialect model meaning task metadata options keep outline`` at creation,
``delivered usage error cursor declined again`` and one ``attempt:N`` an attempt by holders.

``usage`` is left out where the job's one attempt says it; ``score member task`` are a job's
that may still have to wait in a queue.

``calling`` is the claim's to raise and the holder's to clear, with the first attempt it
records. So a holder need not wait for the store before it calls its provider: should it die
in between, the claim stands for the attempt, one of which no more is known. Calls are never
more than the attempts of a record.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from broker import cursor as cursors
from broker.model import Attempt, Failure, Job, JobState, Options, Outline
from broker.store import bodies

_Field = tuple[str, bytes]

_FIELD = b"attempt:"
_STATES = {state.value.encode(): state for state in JobState}
_NO_OPTIONS = Options()
# Made once: to decode "as" a type costs more than to decode.
_attempt = msgspec.json.Decoder(Attempt).decode
_cursor = msgspec.json.Decoder(tuple[int, int]).decode
_options = msgspec.json.Decoder(Options).decode
_outline = msgspec.json.Decoder(Outline).decode
_failure = msgspec.json.Decoder(Failure).decode


# What a record that was damaged raises here; its job is of no use, and no other's fault.
UNREADABLE = (KeyError, ValueError, msgspec.MsgspecError)


def pairs(flat: Iterable[Any]) -> dict[bytes, bytes]:
    """A flat reply (name, value, name, value, ...) as a dict."""
    items = iter(flat)
    return dict(zip(items, items, strict=True))


def to_job(key: str, record: Mapping[bytes, bytes]) -> Job:
    """The job in a record."""
    get = record.get
    state, spent = _STATES[record[b"state"]], int(get(b"spent", 0))
    attempts = _attempts(record)
    usage = _json(get(b"usage"))
    if usage is None and state.final and len(attempts) == spent + 1:
        usage = attempts[-1].usage
    return Job(
        key=key,
        account=record[b"account"].decode(),
        request_id=record[b"request_id"].decode(),
        dialect=record[b"dialect"].decode(),
        model=record[b"model"].decode(),
        state=state,
        created_ms=int(record[b"created"]),
        digest=record[b"digest"].decode(),
        last=int(record[b"last"]),
        delivered=b"delivered" in record,
        started_ms=_number(get(b"started")),
        ended_ms=_number(get(b"ended")),
        claims=int(get(b"claims", 0)),
        losses=int(get(b"losses", 0)),
        declined=int(get(b"declined", 0)),
        spent=spent,
        attempts=attempts,
        cursor=_cursor(record[b"cursor"]) if b"cursor" in record else None,
        options=_options(record[b"options"]) if b"options" in record else _NO_OPTIONS,
        deadline_ms=_number(get(b"deadline")),
        grace_ms=_number(get(b"grace")),
        keep=b"keep" in record,
        meaning=record[b"meaning"].decode() if b"meaning" in record else None,
        breaks=cursors.breaks_in(record[b"breaks"]) if b"breaks" in record else (),
        outline=_outline(record[b"outline"]) if b"outline" in record else None,
        usage=usage,
        error=_failure(record[b"error"]) if b"error" in record else None,
        metadata=_json(get(b"metadata")),
    )


def to_record(job: Job, task: bytes, size: int = 0) -> tuple[list[_Field], list[_Field]]:
    """A claimed job's record again: the fields that the claim wrote, and all others.

    Its stream begins anew: what was in it before the claim is not ours to say. Numbers that an
    earlier loss passed over stay so. ``size`` is what its body takes, in bytes.
    """
    claimed = [("claims", job.claims), ("calling", _silent(job)), ("started", job.started_ms)]
    metadata = msgspec.json.encode(job.metadata) if job.metadata is not None else b""
    fresh = len(job.breaks) == 1 and job.breaks[0] == (0, job.last + 1)
    others = {
        "created": job.created_ms,
        "last": job.last if fresh else 0,
        "breaks": f"0:{job.last + 1}" if fresh else None,
        "account": job.account,
        "request_id": job.request_id,
        "dialect": job.dialect,
        "model": job.model,
        "digest": job.digest,
        "task": task,
        "bytes": bodies.counted(size + len(metadata)) or None,
        "losses": job.losses or None,
        "spent": job.spent or None,
        "deadline": job.deadline_ms,
        "allowed": job.deadline_ms - job.created_ms if job.deadline_ms else None,
        "grace": job.grace_ms,
        "keep": 1 if job.keep else None,
        "meaning": job.meaning,
        "declined": job.declined or None,
        "outline": msgspec.json.encode(job.outline) if job.outline is not None else None,
        "priority": job.options.priority if job.options.priority != "interactive" else None,
        "options": msgspec.json.encode(job.options) if job.options != _NO_OPTIONS else None,
        "metadata": metadata or None,
    }
    tried = [attempt_field(attempt) for attempt in job.attempts if attempt.provider]
    return _flat(claimed), [*_flat(others.items()), *tried]


def _flat(fields: Iterable[tuple[str, Any]]) -> list[_Field]:
    return [
        (name, value if isinstance(value, bytes) else str(value).encode())
        for name, value in fields
        if value is not None
    ]


def _silent(job: Job) -> int:
    """The claims that told of no attempt, the present one among them."""
    return 1 + sum(not attempt.provider for attempt in job.attempts)


# Goes with a failure for which nobody was called: the same call may try again under its request id.
AGAIN = ("again", b"1")
CALLING_TOLD = ("calling", b"0")  # goes with the first frame that a claim's holder writes


def attempt_field(attempt: Attempt) -> tuple[str, bytes]:
    """The record's field that holds an attempt."""
    return f"attempt:{attempt.number}", msgspec.json.encode(attempt)


def cursor_field(number: int, cursor: int) -> tuple[str, bytes]:
    """The record's field that holds how far an attempt's answer is stored."""
    return "cursor", b"[%d,%d]" % (number, cursor)


def _attempts(record: Mapping[bytes, bytes]) -> list[Attempt]:
    found = [_attempt(record[name]) for name in record if name[:8] == _FIELD]
    if len(found) > 1:
        found.sort(key=lambda attempt: attempt.number)
    # Claims that told of no attempt; the present holder's may still come to tell.
    silent = int(record.get(b"calling", 0)) - (record[b"state"] == b"running")
    for _ in range(silent):
        started = int(record[b"created"]) / 1000
        found.append(Attempt(len(found) + 1, "", "", started, outcome="lost"))
    return found


def _number(text: bytes | None) -> int | None:
    return None if text is None else int(text)


def _json(text: bytes | None) -> Any:
    return msgspec.json.decode(text) if text else None
