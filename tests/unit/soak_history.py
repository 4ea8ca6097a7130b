"""The history of one healthy job, to be broken in one place by each test of the soak's checks."""

from typing import Any

import msgspec

from tests.soak.history import Call, Final, History, Line, Listed, Mark, Read
from tests.soak.spoken import uncut

JOB = "soak-0-0-plain"
MODEL = "tokens=3"
NATIVE: list[Mark] = [(1, "attempt"), (2, "a"), (3, "b"), (4, "end")]
CHAT: list[Mark] = [(2, "a"), (3, "b"), (4, "done")]
SAID = uncut(MODEL, JOB, 1)


def attempt(number: int = 1, outcome: str | None = "completed", **fields: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
    base = {"number": number, "provider": "raw", "model": MODEL, "outcome": outcome}
    return {**base, "error": None, "usage": usage, **fields}


def record(*attempts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    each = list(attempts) or [attempt()]
    usage = {key: value * len(each) for key, value in attempt()["usage"].items()}
    return {"state": "completed", "cursor": 4, "error": None, "attempts": each, "usage": usage} | (
        fields
    )


def call(kind: str = "jobs", status: int = 202, at: float = 0.0, **fields: Any) -> Call:
    return Call(job=JOB, kind=kind, api=0, begun=at, ended=at + 0.1, status=status, **fields)


def look(state: str, at: float, cursor: int = 4) -> Call:
    return call("look", 200, at, state=state, cursor=cursor)


def read(events: list[Mark], reader: int = 0, view: str = "native", **fields: Any) -> Read:
    base: dict[str, Any] = {"job": JOB, "reader": reader, "view": view, "api": 0, "after": 0}
    base |= {"begun": 0.0, "ended": 1.0, "status": 200, "ending": "terminal", "final": True}
    return Read(**{**base, **fields}, events=events)


def final(**fields: Any) -> Final:
    base: dict[str, Any] = {"job": JOB, "model": "plain", "deleted": False, "status": 200}
    base |= {"record": record(), "calls": 1, "result_status": 200, "result": "whole"}
    base |= {"said": SAID, "finishes": 1, "told": 1, "losses": 0}
    return Final(**{**base, **fields})


def history(
    *more: Line, last: Final | None = None, native: list[Mark] = NATIVE, chat: list[Mark] = CHAT
) -> History:
    """A job made once and read twice, one reader of which came back; and ``more``."""
    lines: list[Line] = [
        call(),
        look("running", 0.5, 2),
        look("completed", 2.0),
        call("result", 200, 2.5, body="whole"),
        read(NATIVE),
        read(CHAT[:1], 1, "chat", ending="cut", final=False),
        read(CHAT[1:], 1, "chat", after=2),
        read(native, -1),
        read(chat, -2, "chat"),
        read(chat, -3, "usage"),
        call("result", 200, 9.0, body="whole"),
        Listed(jobs=[JOB]),
    ]
    return History([*lines, *more, last or final()])


def with_record(**fields: Any) -> Final:
    """The same end with another record."""
    return msgspec.structs.replace(final(), record=record(**fields))
