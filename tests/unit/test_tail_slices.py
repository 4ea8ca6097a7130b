"""Slices of a page: every frame after the cursor once, under its number, a little at a time."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.codec import verbatim
from broker.decoding import FRAME, SLICE, size_of
from broker.frames import Frame, Kind
from broker.model import JobState, Terminal
from broker.tail.segment import Segment
from broker.tail.slices import slices

PROPERTY = settings(max_examples=100, derandomize=True, deadline=None)
END = Frame(Kind.TERMINAL, msgspec.json.encode(Terminal(JobState.COMPLETED)))


def entry(first: int, last: int, size: int = 0) -> tuple[int, bytes]:
    """Frames that say their own number."""
    bodies = [b"data: %d" % number + b"." * size for number in range(first, last + 1)]
    return last, b"".join(verbatim(Kind.DIALECT, body) for body in bodies)


def numbers(segment: Segment) -> list[int]:
    spoken = [int(frame.body[6:].rstrip(b".")) for frame in segment.frames]
    assert spoken == list(range(segment.first, segment.last + 1))
    return spoken


@PROPERTY
@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0, 0, 900, 9000, 70_000])), min_size=1),
    st.integers(0, 60),
    st.data(),
)
def test_each_frame_after_the_cursor_comes_once(
    shape: list[tuple[int, int]], before: int, data: st.DataObject
) -> None:
    """The first entry may begin anywhere before the cursor, and a stream at any number."""
    rows: list[tuple[int, bytes]] = []
    last = before
    for count, size in shape:
        rows.append(entry(last + 1, last + count, size))
        last += count
    cursor = data.draw(st.integers(before, rows[0][0] - 1))
    steps = list(slices(rows, {}, cursor))
    found = [segment for segment in steps if segment is not None]
    told = [number for segment in found for number in numbers(segment)]
    assert told == list(range(cursor + 1, last + 1))
    for segment in found:
        assert size_of(segment.frames[:-1]) < SLICE + FRAME


def test_many_small_entries_make_one_segment() -> None:
    rows = [entry(number, number) for number in range(1, 201)]
    (segment,) = slices(rows, {}, 0)
    assert segment is not None
    assert numbers(segment) == list(range(1, 201))


def test_a_large_entry_that_began_long_before_is_counted_in_steps() -> None:
    rows = [entry(1, 5000)]
    steps = list(slices(rows, {}, 4990))
    assert sum(step is None for step in steps) > 10
    (segment,) = (step for step in steps if step is not None)
    assert numbers(segment) == list(range(4991, 5001))


def test_a_terminal_ends_its_segment() -> None:
    last, payload = entry(1, 2)
    rows = [(last + 1, payload + verbatim(END.kind, END.body)), entry(4, 5)]
    before, after = slices(rows, {}, 0)
    assert before is not None
    assert after is not None
    assert (before.first, before.last, before.terminal is None) == (1, 3, False)
    assert numbers(after) == [4, 5]


def test_an_entry_without_a_frame_is_nothing() -> None:
    assert list(slices([(3, b"")], {}, 0)) == []


def test_no_segment_reaches_over_a_break() -> None:
    """Nothing was written between the last two of these breaks."""
    rows = [entry(1, 3), entry(4, 5), entry(1000, 1001), entry(1002, 1002), entry(3000, 3001)]
    breaks = ((5, 1000), (1002, 2000), (1999, 3000))
    found = [segment for segment in slices(rows, {}, 0, breaks) if segment is not None]
    assert [numbers(segment) for segment in found] == [
        [1, 2, 3, 4, 5],
        [1000, 1001, 1002],
        [3000, 3001],
    ]
    assert [segment.first for segment in slices(rows[1:], {}, 5, breaks) if segment] == [1000, 3000]
