"""Slices: entries read from the store, decoded a bounded part at a time."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from broker.codec import Template
from broker.cursor import passed_over
from broker.decoding import SLICE, Decoding, size_of
from broker.frames import Frame, Kind
from broker.tail.segment import Segment

_TERMINAL = int(Kind.TERMINAL)


def slices(
    rows: Sequence[tuple[int, bytes]],
    templates: Mapping[int, Template],
    cursor: int,
    breaks: Sequence[tuple[int, int]] = (),
) -> Iterator[Segment | None]:
    """What consecutive entries hold after a cursor, in segments of about ``SLICE`` bytes each.

    Each step is about the same work. None is a step that brought nothing: it took frames up to
    the cursor, or counted those of an entry that may begin before it. The templates are looked
    at as the steps go on. No segment reaches over a break (``broker.cursor``).

    Raises:
        UnknownTemplate: a template is missing.
    """
    last = -1  # the number before the next frame; of the first entry only its own last is known
    held: list[Frame] = []
    room = SLICE
    left = deque(rows)  # an entry may be large: none is kept that was taken
    del rows
    while left:
        end, payload = left.popleft()
        decoding = Decoding(payload, templates)
        frames = decoding.some(room)
        if last < 0:
            count = len(frames)
            while not decoding.done:
                count += len(decoding.some())
                yield None
            if count > len(frames):
                decoding = Decoding(payload, templates)
                frames = decoding.some(room)
            last = end - count
        del payload
        while True:
            last += len(frames)
            held += frames
            room -= size_of(frames)
            if room <= 0:
                del frames
                segment, held, room = Segment(last, held), [], SLICE
                yield _after(cursor, segment)
                del segment
            if decoding.done:
                break
            frames = decoding.some(room)
        last = passed_over(end, breaks)
        if held and (held[-1][0] == _TERMINAL or last != end):  # it is the last of its segment
            segment, held, room = Segment(end, held), [], SLICE
            yield _after(cursor, segment)
    if held:
        yield _after(cursor, Segment(last, held))


def _after(cursor: int, segment: Segment) -> Segment | None:
    return segment.after(cursor) if segment.last > cursor else None
