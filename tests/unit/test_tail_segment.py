"""Segments: decoded once, rendered once a view, cut at any cursor."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from broker.codec import Encoder, UnknownTemplate, parse_definition, verbatim
from broker.dialects.chat import ChatView
from broker.dialects.native import NativeView
from broker.frames import Frame, Kind
from broker.model import Failure, JobState, Terminal
from broker.tail import Segment

FRAMES = [Frame(Kind.DIALECT, b"data: %d" % n) for n in range(4, 8)]
END = Terminal(JobState.FAILED, error=Failure("provider_error", "It fell over."))


class CountingView(msgspec.Struct, frozen=True):
    """Renders numbers, and counts how often."""

    calls: list[int] = []

    def __hash__(self) -> int:
        return id(self)

    def render(self, first: int, frames: Sequence[Frame]) -> bytes:
        self.calls.append(first)
        return b",".join(b"%d=%b" % (n, f.body[6:]) for n, f in enumerate(frames, first))


def test_a_segment_counts_back_from_its_last_number() -> None:
    segment = Segment(7, FRAMES)
    assert (segment.first, segment.last, segment.terminal) == (4, 7, None)


def test_the_terminal_is_read_from_the_last_frame() -> None:
    segment = Segment(8, [*FRAMES, Frame(Kind.TERMINAL, msgspec.json.encode(END))])
    assert segment.terminal == END


def test_what_was_encoded_is_decoded() -> None:
    encoder, payload = Encoder(), bytearray()
    for frame in FRAMES:
        encoder.encode(frame.kind, frame.body, payload)
    templates = {number: parse_definition(text) for number, text in encoder.take_fresh()}
    assert templates
    assert Segment.decoded(7, bytes(payload), templates).frames == FRAMES
    with pytest.raises(UnknownTemplate):
        Segment.decoded(7, bytes(payload), {})


@pytest.mark.parametrize(
    ("cursor", "expected"),
    [(0, b"4=4,5=5,6=6,7=7"), (3, b"4=4,5=5,6=6,7=7"), (4, b"5=5,6=6,7=7"), (6, b"7=7")],
)
def test_what_comes_after_a_cursor(cursor: int, expected: bytes) -> None:
    segment = Segment(7, FRAMES)
    after = segment.after(cursor)
    assert after.render(CountingView(calls=[])) == expected
    assert after.last == 7
    assert (after is segment) == (cursor < 4)


def test_a_cut_segment_keeps_its_terminal() -> None:
    segment = Segment(8, [*FRAMES, Frame(Kind.TERMINAL, msgspec.json.encode(END))])
    assert segment.after(7).terminal == END


def test_rendered_once_a_view() -> None:
    segment, view = Segment(7, FRAMES), CountingView(calls=[])
    assert segment.render(view) is segment.render(view)
    assert view.calls == [4]


def test_equal_views_share_what_was_rendered() -> None:
    segment = Segment(7, FRAMES)
    assert segment.render(NativeView("r1")) is segment.render(NativeView("r1"))
    assert segment.render(ChatView(include_usage=True)) is segment.render(
        ChatView(include_usage=True)
    )


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        (Kind.DIALECT, True),
        (Kind.USAGE, True),
        (Kind.WHOLE, True),
        (Kind.NATIVE, False),
        (Kind.TERMINAL, False),
    ],
)
def test_which_frames_are_part_of_the_answer(kind: Kind, answers: bool) -> None:
    body: Any = msgspec.json.encode(END) if kind is Kind.TERMINAL else b"data: x"
    assert Segment(1, [Frame(kind, body)]).answers is answers
    assert Segment.decoded(1, verbatim(kind, body), {}).answers is answers
