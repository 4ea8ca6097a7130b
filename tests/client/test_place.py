"""Which events of a new connection a reader has already."""

import pytest

from streamhold_client.place import Backwards, Place


def test_numbers_rise_and_nothing_below_the_cursor_is_new() -> None:
    place = Place()
    assert place.take(3, b"a")
    assert place.take(5, b"b")
    place.resume()
    assert not place.take(4, b"c")
    assert place.take(6, b"c")
    assert place.cursor == 6


@pytest.mark.parametrize("own", [True, False])
def test_a_frames_events_are_left_out_when_they_come_again(own: bool) -> None:
    place = Place(2)
    if own:
        assert place.take(3, b"the last of its own frame")
    assert place.take(3, b"a")
    assert place.take(3, b"a")
    place.resume()
    assert [place.take(3, raw) for raw in (b"a", b"a", b"c")] == [False, False, True]
    place.resume()
    seen = [place.take(3, raw) for raw in (b"a", b"a", b"c", b"d")]
    assert seen == [False, False, False, True]
    assert place.take(4, b"e")


def test_after_the_applications_own_cursor() -> None:
    place = Place(3)
    assert place.take(3, b"the first of the next frame")


@pytest.mark.parametrize("came", [[b"b"], [b"x"], [b"a", b"c"]])
def test_what_comes_again_otherwise_is_another_stream(came: list[bytes]) -> None:
    place = Place(2)
    for raw in (b"own", b"a", b"b"):
        place.take(3, raw)
    place.resume()
    *before, last = came
    assert not any(place.take(3, raw) for raw in before)
    with pytest.raises(Backwards):
        place.take(3, last)
