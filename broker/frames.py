"""Frames: the events of a stream, numbered from 1, and how they travel in one message.

A frame's ``body`` is the text of one SSE event without its ``id`` line and without the
blank line that ends it: ``data: {...}``, or ``event: attempt\\ndata: {...}``. It holds the
provider's own bytes; nothing is decoded and encoded again on the way. A view (see
``broker.dialects``) puts the id before it, or skips it, so rendering is a concatenation.

A message on a job's channel is what one append added: a header line in ASCII, then bytes.

    first SP last (SP template-id ":" length)* LF  definitions...  payload

The header is text because scripts write it too (a terminal by cancel or by a queue
deadline has no client that could know its number).
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import msgspec


class Kind(IntEnum):
    """What a frame is to the views.

    DIALECT: an event of the job's own dialect, in every view of it.
    USAGE: the dialect's usage-only event; a chat view shows it to callers who asked.
    WHOLE: one verbatim whole answer, from a target that does not stream.
    NATIVE: native-only (attempt boundaries and the like); has an ``event:`` line.
    TERMINAL: the last frame; its body is the JSON of ``broker.model.Terminal``.
    """

    DIALECT = 0
    USAGE = 1
    WHOLE = 2
    NATIVE = 3
    TERMINAL = 4


class Frame(NamedTuple):
    """One event of a stream; its number is its place."""

    kind: int
    body: bytes


def data_frame(kind: Kind, data: bytes, event: bytes = b"") -> Frame:
    """The frame of an event with this data; a line end inside begins a further data line.

    To SSE a lone CR ends a line too, so that one left in the data would cut it; JSON knows
    raw line ends as white space only, where one is as good as another.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = b"data: " + (data.replace(b"\n", b"\ndata: ") if b"\n" in data else data)
    return Frame(kind, b"event: " + event + b"\n" + lines if event else lines)


ATTEMPT, ATTACHED = b"attempt", b"attached"  # events of native frames


def begins_attempt(frame: Frame) -> bool:
    """Whether a frame is where another attempt begins."""
    return frame.kind == Kind.NATIVE and frame.body.startswith(b"event: %b\n" % ATTEMPT)


def data_of(body: bytes) -> bytes:
    """The data of a frame's body: its ``data:`` lines, joined by line feeds."""
    if body.startswith(b"data: ") and b"\n" not in body:
        return body[6:]
    return b"\n".join(line[6:] for line in body.split(b"\n") if line.startswith(b"data: "))


class Message(msgspec.Struct, frozen=True, gc=False):
    """What one append added to a stream: frames ``first`` to ``last``, still encoded."""

    first: int
    last: int
    definitions: tuple[tuple[int, bytes], ...]  # templates first used here
    payload: bytes


def message_head(first: int, last: int, definitions: Sequence[tuple[int, bytes]]) -> bytes:
    """The header and the definitions of a message; the payload follows it as it is."""
    marks = b"".join(b" %d:%d" % (number, len(text)) for number, text in definitions)
    return b"%d %d%b\n%b" % (first, last, marks, b"".join(text for _, text in definitions))


def parse_message(data: bytes) -> Message:
    """Take a message of a job's channel apart."""
    end = data.index(b"\n")
    first, last, *marks = data[:end].split(b" ")
    if not marks:
        return Message(int(first), int(last), (), data[end + 1 :])
    place = end + 1
    definitions: list[tuple[int, bytes]] = []
    for mark in marks:
        number, _, length = mark.partition(b":")
        definitions.append((int(number), data[place : place + int(length)]))
        place += int(length)
    return Message(int(first), int(last), tuple(definitions), data[place:])
