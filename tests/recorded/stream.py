"""One recorded stream, and how its text is written down."""

import json
from typing import Any, Literal, NamedTuple

Event = dict[str, Any] | str | bytes


class Recorded(NamedTuple):
    """A provider's whole answer as it is on the wire.

    ``ends`` is what becomes of a job that is answered so; ``choices`` how many it asks for.
    """

    name: str
    odd: str
    body: bytes
    ends: Literal["completed", "failed"] = "completed"
    choices: int = 1


def sse(*events: Event, named: bool = False, eol: str = "\n") -> bytes:
    """A body of these events: objects, their JSON as text, or bytes that go out as they are.

    ``named`` events get a name, their type, as responses and messages have it.
    """
    return b"".join(
        each if isinstance(each, bytes) else _lines(each, named, eol) for each in events
    )


def _lines(event: dict[str, Any] | str, named: bool, eol: str) -> bytes:
    text = event if isinstance(event, str) else json.dumps(event, separators=(",", ":"))
    name = f"event: {event['type']}{eol}" if named and isinstance(event, dict) else ""
    return f"{name}data: {text}{eol}{eol}".encode()
