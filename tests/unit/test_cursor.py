"""A cursor is a plain number, and an entry id holds one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker import cursor
from broker.errors import BadCursor

PROPERTY = settings(max_examples=150, derandomize=True, deadline=None)


def entry_id(last: int) -> bytes:
    """The id that an append gives to the entry which ends with this frame."""
    return b"%d-0" % last


@PROPERTY
@given(st.integers(0, 10**15 - 1))
def test_a_cursor_and_its_entry_id_come_back(number: int) -> None:
    assert cursor.parse(str(number)) == number
    assert cursor.last_in(entry_id(number)) == number
    assert cursor.exclusive(number) == f"({entry_id(number).decode()}"


@PROPERTY
@given(st.text(max_size=20))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    plain = len(text) <= 15 and set(text) <= set("0123456789")
    if plain:
        assert cursor.parse(text) == int(text or "0")
    else:
        with pytest.raises(BadCursor):
            cursor.parse(text)


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_cursor_is_the_beginning(nothing: str | None) -> None:
    assert cursor.parse(nothing) == 0


@pytest.mark.parametrize(
    "text", ["-1", "+1", "1.0", "1e3", " 1", "1 ", "1-0", "٣", "²", "1_000", "0x1", "9" * 16]
)
def test_what_is_not_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(BadCursor) as caught:
        cursor.parse(text)
    assert caught.value.param == "Last-Event-ID"


@PROPERTY
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=12),
    st.integers(0, 60),
)
def test_the_entries_after_a_cursor_hold_every_later_frame(sizes: list[int], after: int) -> None:
    """A naive XRANGE: ids compare as numbers; the first entry may hold earlier frames too."""
    stored: list[tuple[bytes, list[int]]] = []
    last = 0
    for size in sizes:
        stored.append((entry_id(last + size), list(range(last + 1, last + size + 1))))
        last += size
    start = int(cursor.exclusive(after).removeprefix("(").removesuffix("-0"))
    brought = [frames for entry, frames in stored if cursor.last_in(entry) > start]
    kept = [number for frames in brought for number in frames if number > after]
    assert kept == list(range(after + 1, last + 1))
    assert all(frames[0] > after for frames in brought[1:])


@pytest.mark.parametrize(
    ("place", "lost"),
    [(0, False), (50, False), (51, True), (998, True), (999, False), (1000, False), (5000, False)],
)
def test_a_cursor_between_a_break_s_numbers_is_lost(place: int, lost: bool) -> None:
    assert cursor.breaks_in(b"50:1000,1010:6000") == ((50, 1000), (1010, 6000))
    assert cursor.is_lost(place, ((50, 1000),)) is lost
    assert cursor.is_lost(5000, ((50, 1000), (1010, 6000)))


@PROPERTY
@given(st.integers(0, 10**14), st.integers(1_600_000_000_000_000, 2_400_000_000_000_000))
def test_an_end_of_one_s_own_has_a_number_of_its_own(place: int, now: int) -> None:
    number = cursor.never_used(place, now)
    assert number > place
    assert cursor.parse(str(number)) == number
