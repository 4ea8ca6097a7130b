"""Server-sent events cut out of bytes. Pure: bytes in, blocks out.

A block is what is handed on as one piece: an event with its blank line, byte for byte as it
came, or a comment line that stands between events. What has no end yet is held back, so that a
cut in the middle of an event leaves nothing of it behind.
"""

import re
from typing import NamedTuple

# An event as Streamhold writes nearly all of them: what is read of it takes no loop over its lines.
_PLAIN = re.compile(rb"id: ([0-9]+)\n(?:event: ([a-z_.]+)\n)?data: ([^\r\n]*)\n\n")


class Block(NamedTuple):
    """Some bytes of a stream, and what they say if they are an event.

    ``fields`` is false for comments, blank lines and bytes that nobody looked into.
    """

    raw: bytes
    fields: bool = False
    id: str | None = None
    event: str = "message"
    data: bytes = b""
    retry: float | None = None  # seconds


class Splitter:
    """Cuts blocks out of chunks of any size. Lines end in LF or CRLF."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._line = 0  # where the line that is not whole yet begins
        self._looked = 0  # up to where it holds no line end

    @property
    def size(self) -> int:
        """How many bytes are held back."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Block]:
        """The blocks that are whole now."""
        held, begin = self._held, 0
        blocks: list[Block] = []
        if not held:
            data = _plain(data, blocks)
            if not data:
                return blocks
        held += data
        line, looked = self._line, self._looked
        while (end := held.find(b"\n", looked)) >= 0:
            looked = end + 1
            blank = end == line or (end == line + 1 and held[line] == 13)
            comment = line == begin and not blank and held[line] == 58
            if blank or comment:
                blocks.append(_block(bytes(held[begin:looked]), comment or line == begin))
                begin = looked
            line = looked
        del held[:begin]
        self._line, self._looked = line - begin, len(held)
        return blocks

    def drain(self) -> bytes:
        """What is held back, and no longer is."""
        rest = bytes(self._held)
        self._held.clear()
        self._line = self._looked = 0
        return rest


def _plain(data: bytes, blocks: list[Block]) -> bytes:
    """Take the plain events off the front of the data; the rest of it."""
    end = 0
    while found := _PLAIN.match(data, end):
        end = found.end()
        number, event, text = found.groups()
        name = "message" if event is None else event.decode()
        blocks.append(Block(found[0], True, number.decode(), name, text))
    return data[end:] if end else data


def _block(raw: bytes, bare: bool) -> Block:
    if bare:
        return Block(raw)
    name, number, retry, data = "message", None, None, []
    for line in raw.split(b"\n"):
        field, _, value = line.removesuffix(b"\r").partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"id":
            number = value.decode("utf-8", "replace")
        elif field == b"event":
            name = value.decode("utf-8", "replace") or "message"
        elif field == b"retry" and value.isdigit():
            retry = int(value) / 1000
    return Block(raw, True, number, name, b"\n".join(data), retry)
