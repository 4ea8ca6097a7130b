"""Odd values, and what an event becomes when one of them gets into it."""

import json
import random
from collections.abc import Iterator
from typing import Any

from tests.recorded.reading import Event

Path = tuple[Any, ...]
# As JSON text, for some are none: huge, not finite, too deep, half a character.
VALUES = (
    *("null", "true", "false", "0", "-1", "1.5", "1e308", "1e400", "-0.0", "NaN", "-Infinity"),
    *("1000000000", "9223372036854775808", "123456789012345678901234567890", "9" * 5000),
    *('""', '"x"', '"0"', '"\\ud83d"', '"\\udc00\\ud800"', '"\\u0000\\n\\r"', '"a\\n\\ndata: b"'),
    *("[]", "{}", "[null]", '[{"a":1}]', "[[]]", '{"a":{}}', '{"index":{}}', '{"type":[]}'),
    "[" * 300 + "]" * 300,
    '{"a":' * 990 + "1" + "}" * 990,
    "[" * 100_000 + "]" * 100_000,
    '"' + "é" * 70_000 + '"',
)
INDEXES = ("index", "output_index", "content_index", "summary_index", "annotation_index")
NAMES = (
    "end",
    "attempt",
    "whole",
    "retry",
    "error",
    "ping",
    "message_stop",
    "done",
    "[DONE]",
    "é ü",
)
TYPES = (
    *("error", "end", "attempt", "ping", "message_start", "message_stop", "message_delta"),
    *("content_block_start", "response.created", "response.completed", "response.failed"),
    *("x\ndata: y", "x\n\nevent: end\ndata: {}", "\ud83d", "", "é", "a" * 3000),
)
_MARK = "\x01here\x01"


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """The places of all values in a value, but itself."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs if isinstance(value, dict | list) else ():
        yield (*at, key)
        if isinstance(inner, dict | list):
            yield from paths(inner, (*at, key))


def put(event: Event, path: Path, text: str) -> Event:
    """The event with this JSON text at a place."""
    value = json.loads(event.data)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = _MARK
    marked = json.dumps(value, separators=(",", ":"))
    return event._replace(data=marked.replace(json.dumps(_MARK), text).encode())


def confused(drawn: random.Random, event: Event) -> Event:
    """The event with an odd value anywhere."""
    places = _places(event)
    return put(event, drawn.choice(places), drawn.choice(VALUES)) if places else event


def without(drawn: random.Random, event: Event) -> Event:
    """The event less one of its fields."""
    places = [path for path in _places(event) if isinstance(path[-1], str)]
    if not places:
        return event
    value = json.loads(event.data)
    path = drawn.choice(places)
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return event._replace(data=json.dumps(value).encode())


def at_keys(drawn: random.Random, event: Event, keys: tuple[str, ...], texts: Any) -> Event:
    """The event with an odd value at one of these keys, or beside the first of its own."""
    places = [path for path in _places(event) if path[-1] in keys]
    if not places:
        return event
    return put(event, drawn.choice(places), drawn.choice(texts))


def _places(event: Event) -> list[Path]:
    try:
        return list(paths(json.loads(event.data)))
    except (ValueError, RecursionError):
        return []
