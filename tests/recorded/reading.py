"""Event streams read by the grammar alone: one more implementation, for comparison.

Numbers are kept as they were written and objects as lists of pairs, so that two events are
equal only if their JSON is, digit for digit and key for key.
"""

import json
import re
from typing import Any, NamedTuple

_LINE = re.compile(rb"\r\n|\r|\n")


class Event(NamedTuple):
    """An event: its id as far as it has one, its name, its data."""

    id: int | None
    name: str
    data: bytes


def events_of(body: bytes) -> list[Event]:
    """The whole events of a body that have data."""
    found: list[Event] = []
    id: int | None = None
    name = ""
    data: list[bytes] = []
    for line in _LINE.split(body.removeprefix(b"\xef\xbb\xbf"))[:-1]:
        if not line:
            if data and b"\n".join(data).strip():
                found.append(Event(id, name, b"\n".join(data)))
            id, name, data = None, "", []
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode()
        elif field == b"id":
            id = int(value)
    return found


def exactly(data: bytes) -> Any:
    """JSON with its objects as pairs and its numbers as their text."""
    return json.loads(
        data,
        object_pairs_hook=lambda pairs: ("object", pairs),
        parse_int=lambda text: ("number", text),
        parse_float=lambda text: ("number", text),
    )
