"""An entry decoded some frames at a time: the same frames, and never many at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.codec import Encoder, UnknownTemplate, decode, verbatim
from broker.decoding import FRAME, SLICE, Decoding, size_of
from broker.frames import Frame, Kind

PROPERTY = settings(max_examples=100, derandomize=True, deadline=None)
BODIES = st.one_of(
    st.integers(0, 300).map(lambda n: b'data: {"id":"x","n":%d}' % n),
    st.binary(max_size=40).map(lambda text: b"data: " + text),
    st.text("ab\u00e9", max_size=9).map(lambda t: b'data: {"id":"x","t":"%b"}' % t.encode()),
)
FRAMES = st.lists(st.builds(Frame, st.sampled_from([0, 0, 0, 1, 3]), BODIES), max_size=40)


def encoded(frames: list[Frame]) -> tuple[bytes, dict[int, tuple[bytes, ...]]]:
    encoder, out = Encoder(), bytearray()
    for frame in frames:
        encoder.encode(frame.kind, frame.body, out)
    return bytes(out), dict(enumerate(encoder.templates))


def parts(decoding: Decoding, room: int) -> list[list[Frame]]:
    found: list[list[Frame]] = []
    while not decoding.done:
        found.append(decoding.some(room))
    return found


@PROPERTY
@given(FRAMES, st.integers(1, 1000))
def test_the_frames_are_the_same_however_they_are_cut(frames: list[Frame], room: int) -> None:
    payload, templates = encoded(frames)
    found = parts(Decoding(payload, templates), room)
    assert [frame for part in found for frame in part] == frames == decode(payload, templates)
    for part in found:
        assert part
        assert size_of(part[:-1]) < room or len(part) == 1


def test_what_a_small_payload_swells_to_is_cut_as_well() -> None:
    """Three bytes a frame, four kilobytes each when it is decoded."""
    template = (b"data: " + b"x" * 4000, b"!")
    payload = bytes((0, 1)) + b"a"
    found = parts(Decoding(payload * 5000, {0: template}), SLICE)
    assert sum(map(len, found)) == 5000
    assert max(map(size_of, found)) <= SLICE + 4007 + 1 + FRAME


def test_a_large_frame_comes_alone_and_nothing_is_kept_of_it() -> None:
    large = b"data: " + b"x" * (3 * SLICE)
    decoding = Decoding(verbatim(Kind.WHOLE, large) + verbatim(Kind.DIALECT, b"data: a"), {})
    assert decoding.some() == [Frame(Kind.WHOLE, large)]
    assert decoding.some() == [Frame(Kind.DIALECT, b"data: a")]
    assert decoding.done
    assert decoding._payload == decoding._plain == b""


def test_a_template_that_is_missing_is_met_again() -> None:
    templates: dict[int, tuple[bytes, ...]] = {0: (b"data: ", b"")}
    decoding = Decoding(bytes((0, 1)) + b"a" + bytes((1, 1)) + b"b", templates)
    assert decoding.some(1) == [Frame(Kind.DIALECT, b"data: a")]
    for _ in range(2):
        with pytest.raises(UnknownTemplate):
            decoding.some()
    templates[1] = (b"<", b">")
    assert decoding.some() == [Frame(Kind.DIALECT, b"<b>")]
    assert decoding.done
