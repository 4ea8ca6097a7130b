"""A job's record: the fields of its hash, to and from ``broker.model.Job``.

The scripts own ``state token last digest account created started ended holder claims losses
score member spent priority allowed deadline grace``; the rest is written by processes:
``request_id dialect model task metadata options keep outline`` at creation, ``delivered usage error
cursor declined`` and one ``attempt:N`` an attempt by holders.

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

from broker.model import Attempt, Failure, Job, JobState, Options, Outline

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
        outline=_outline(record[b"outline"]) if b"outline" in record else None,
        usage=usage,
        error=_failure(record[b"error"]) if b"error" in record else None,
        metadata=_json(get(b"metadata")),
    )


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
