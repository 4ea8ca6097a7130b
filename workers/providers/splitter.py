"""Bytes of an SSE body in, events out: incremental, and blind to where the reads were cut.

Follows the WHATWG event stream grammar: lines end in LF, CRLF or CR; a blank line ends an
event; ``data`` lines join with LF; one space after the colon is dropped; comments, ``id``,
``retry`` and unknown fields are ignored; a leading byte order mark is skipped. An event
whose data is empty is dropped, for no dialect says anything with one.

The usual event is one ``data: …`` line, so the work is left to ``rfind`` and ``split`` over
everything that arrived together; a block that is not of that form is read line by line.
Bytes of an unfinished event are kept as a list of pieces and joined once, so that a large
event costs no more than its size.
"""

from typing import NamedTuple

LIMIT = 16 * 1024 * 1024  # bytes of one event
_BOM = b"\xef\xbb\xbf"


class SseEvent(NamedTuple):
    """One event: its name (empty unless given) and its data, the provider's own bytes."""

    event: bytes
    data: bytes


class EventTooLarge(ValueError):
    """One event of the stream is over the limit."""


class SseSplitter:
    """Splits one body. ``limit`` bounds one event, its field names and comments included."""

    __slots__ = ("_after_cr", "_after_lf", "_limit", "_pieces", "_size", "_started")

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []  # of the unfinished event, line ends made LF
        self._size = 0  # of the pieces
        self._after_lf = False  # an LF follows the pieces; held back, it may be half a blank line
        self._after_cr = False  # the last byte was a CR; an LF after it belongs to it
        self._started = False  # past the place of a byte order mark

    @property
    def pending(self) -> bool:
        """Whether bytes of an unfinished event are held; at the body's end they are void."""
        return bool(self._pieces)

    @property
    def held(self) -> int:
        """Bytes of an unfinished event."""
        return self._size

    @property
    def idle(self) -> bool:
        """Whether what comes next begins an event."""
        return self._started and not (self._pieces or self._after_lf or self._after_cr)

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that these bytes complete, in order.

        Raises:
            EventTooLarge: an event, finished or not, is over the limit.
        """
        if not self._started:
            data = self._start(data)
        if self._after_cr or b"\r" in data:
            data = self._line_feeds(data)
        if self._after_lf:
            data, self._after_lf = b"\n" + data, False
        elif not self._pieces and data.startswith(b"\n"):
            data = data.lstrip(b"\n")
        cut = data.rfind(b"\n\n")
        if cut < 0:
            self._hold(data)
            return []
        block = data[:cut]
        if self._pieces:
            block = b"".join((*self._pieces, block))
            self._pieces, self._size = [], 0
        events = self._split(block)
        self._hold(data[cut + 2 :])
        return events

    def _start(self, data: bytes) -> bytes:
        """Skip a byte order mark, which may itself arrive in parts."""
        data = b"".join((*self._pieces, data))
        self._pieces, self._size = [], 0
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._pieces = [data] if data else []
            return b""
        self._started = True
        return data.removeprefix(_BOM)

    def _line_feeds(self, data: bytes) -> bytes:
        if self._after_cr and data:
            data, self._after_cr = data.removeprefix(b"\n"), False
        if data.endswith(b"\r"):
            self._after_cr = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, data: bytes) -> None:
        """Keep what ends no event, a last line feed apart."""
        if data.endswith(b"\n"):
            data, self._after_lf = data[:-1], True
        if data:
            self._pieces.append(data)
            self._size += len(data)
            if self._size > self._limit:
                raise EventTooLarge

    def _split(self, block: bytes) -> list[SseEvent]:
        """The events of a block that ends where an event ends."""
        large = len(block) > self._limit
        events = []
        for text in block.split(b"\n\n"):
            if large and len(text) > self._limit:
                raise EventTooLarge
            if text.startswith(b"data: ") and b"\n" not in text:
                if len(text) > 6:
                    events.append(SseEvent(b"", text[6:]))
            elif (event := _parse(text)) is not None:
                events.append(event)
        return events


def _parse(text: bytes) -> SseEvent | None:
    """The event of these lines; None if it has no data.

    A blank line can only stand at either end, left over from a run of them: it ends nothing.
    """
    name = b""
    data: list[bytes] = []
    for line in text.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    joined = b"\n".join(data)
    return SseEvent(name, joined) if joined else None
