"""A reader's place in a stream: "after this sequence number". It is the SSE ``id``.

A cursor is a decimal integer, 0 before the first frame. An entry of the stream has the id
``<last sequence number in it>-0``, so ``XRANGE (k-0 +`` starts at the entry that holds
frame k + 1, whatever k was; the frames ≤ k of that entry are dropped by the reader.

No number is ever used for two frames, so that a cursor means the same for good. Numbers rise by
one, but for a **break**: where the store may have lost frames that readers had seen, and whoever
goes on can't send them again, the next frame has a number that was never used
(lua/era.part.lua). So a cursor is one of these:

    on the stream   up to a break's last frame before it, or from its first one on: go on
    lost            in between: what was seen is not in the stream; it can't be gone on with
    beyond the end  sent, lost, and to be sent again by its holder, in a moment; or lost for good

A reader of the second kind, or of the third for too long, ends with ``frames_lost``: it is not
given other frames, and not told that it has seen the end.
"""

from collections.abc import Iterable

from broker.errors import BadCursor

_MAX_DIGITS = 15  # far above any stream and any break, far below a stream id's 64 bits

_ZERO = 1_500_000_000_000_000  # µs; as in lua/era.part.lua


def parse(text: str | None) -> int:
    """The cursor in a ``Last-Event-ID`` header or an ``after`` parameter; 0 if there is none.

    Raises:
        BadCursor: the text is not a plain decimal number.
    """
    if text is None or text == "":
        return 0
    if len(text) > _MAX_DIGITS or not (text.isascii() and text.isdigit()):
        raise BadCursor("It must be a number as sent in an event's id.", param="Last-Event-ID")
    return int(text)


def last_in(entry: bytes) -> int:
    """The sequence number of the last frame in the entry with this id."""
    return int(entry.partition(b"-")[0])


def exclusive(cursor: int) -> str:
    """The start of an XRANGE that brings everything after the cursor."""
    return f"({cursor}-0"


def never_used(cursor: int, now_us: int) -> int:
    """A number for an end that is one reader's alone; ``now_us`` is the Unix time in µs."""
    return max(cursor + 1, now_us - _ZERO)


def breaks_in(text: bytes) -> tuple[tuple[int, int], ...]:
    """The breaks in a record's field: (last before, first after) each."""
    pairs = (each.partition(b":") for each in text.split(b","))
    return tuple((int(before), int(after)) for before, _, after in pairs)


def passed_over(last: int, breaks: Iterable[tuple[int, int]]) -> int:
    """The number before the next frame's, if this is the last of a frame."""
    for before, after in breaks:
        if last == before:
            last = after - 1
    return last


def count_of(last: int, breaks: Iterable[tuple[int, int]]) -> int:
    """About how many frames a stream has up to a number of its: breaks pass over the rest."""
    return last - sum(after - 1 - before for before, after in breaks if after <= last + 1)


def is_lost(cursor: int, breaks: Iterable[tuple[int, int]]) -> bool:
    """Whether what was seen up to the cursor is not in the stream."""
    return any(before < cursor < after - 1 for before, after in breaks)
