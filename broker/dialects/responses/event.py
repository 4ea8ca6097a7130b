"""Events and their numbers: a stored frame has none, a rendered event has the stream's.

A frame's body is ``event: TYPE``, then ``data: {``, and the rest of an object that says no
``sequence_number``. Rendering is one cut and one concatenation, and stays the same bytes for
ever; and a number that changes from frame to frame is not stored with each of them.
"""

import re
from typing import Any

import msgspec

from broker.dialects.wire import decode_object, encode
from broker.frames import Frame, Kind, data_frame, data_of

# As OpenAI writes it. Anchored to the object's start, so that it is its own number and no
# other's: what a text says has its quotes escaped, what a nested object says stands later.
_NUMBER = re.compile(rb'\{"type":"[a-z0-9_.]+",("sequence_number":-?\d+,)')
_NAME = re.compile(r"[!-~]+\Z")  # what can stand in an ``event:`` line and be read again

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def fields_of(data: bytes) -> dict[str, Any]:
    """The object's fields, each in its own bytes where it can be had so.

    What msgspec refuses (half a surrogate pair) is decoded: it is written again with escapes.
    """
    try:
        return _decode_fields(data)
    except (ValueError, RecursionError):
        return decode_object(data) or {}


def unnumbered(data: bytes) -> bytes:
    """The data of an event without its number; it begins with ``{`` and a field."""
    found = _NUMBER.match(data)
    if found is not None:
        start, end = found.span(1)
        return data[:start] + data[end:]
    if data.startswith(b"{") and b"sequence_number" not in data and not data[1:2].isspace():
        return data
    fields = fields_of(data)
    fields.pop("sequence_number", None)
    return encode(fields)


def numbered(number: int, body: bytes) -> bytes:
    """The text of a frame's event, less the blank line that ends it."""
    name, _, rest = body.partition(b"\ndata: {")
    return b'id: %d\n%b\ndata: {"sequence_number":%d,%b' % (number, name, number, rest)


def named(kind: str) -> bool:
    """Whether a type can name an event."""
    return _NAME.match(kind) is not None


def event_frame(kind: str, data: bytes) -> Frame:
    """The frame of an event of this type; its data has no number."""
    return data_frame(Kind.DIALECT, data, kind.encode())


def made_frame(event: dict[str, Any]) -> Frame:
    """The frame of an event of our own making."""
    return event_frame(event["type"], encode(event))


def event_of(frame: Frame) -> dict[str, Any] | None:
    """What a frame's event says; None if it is no object."""
    return decode_object(data_of(frame.body))
