"""Order among interleaved calls: who passes at once, and who waits."""

import pytest

from broker.dialects.neutral.event import ArgumentsDelta, CallStart, Event, Stop, TextDelta
from broker.dialects.neutral.sequence import Garbled, Sequence

A, B = CallStart(0, "a", "f"), CallStart(1, "b", "g")


def test_calls_in_order_pass_at_once() -> None:
    more = [ArgumentsDelta(0, '{"x":'), ArgumentsDelta(0, "1}")]
    events: list[Event] = [A, *more, B, ArgumentsDelta(1, "{}")]
    sequence = Sequence()
    assert [sequence.feed(event) for event in events] == [[event] for event in events]


def test_what_comes_between_waits() -> None:
    sequence, said = Sequence(), TextDelta("x")
    sequence.feed(A)
    assert sequence.feed(ArgumentsDelta(0, "{")) == [ArgumentsDelta(0, "{")]
    assert sequence.feed(B) == sequence.feed(ArgumentsDelta(1, "{")) == sequence.feed(said) == []
    assert sequence.feed(ArgumentsDelta(0, "}")) == [
        ArgumentsDelta(0, "}"),
        B,
        ArgumentsDelta(1, "{"),
    ]
    assert sequence.feed(ArgumentsDelta(1, "}")) == [ArgumentsDelta(1, "}"), said]


def test_a_brace_is_no_end() -> None:
    sequence = Sequence()
    sequence.feed(A)
    sequence.feed(ArgumentsDelta(0, '{"x": {}'))
    assert sequence.feed(B) == []


def test_the_answers_end_ends_all() -> None:
    sequence = Sequence()
    sequence.feed(A)
    sequence.feed(B)
    assert sequence.feed(Stop("length")) == [B, Stop("length")]


def test_nothing_goes_on_after_its_end() -> None:
    sequence = Sequence()
    for event in (A, ArgumentsDelta(0, "{}"), B, ArgumentsDelta(1, "{}")):
        sequence.feed(event)
    assert sequence.feed(ArgumentsDelta(0, " \n")) == []
    with pytest.raises(Garbled):
        sequence.feed(ArgumentsDelta(0, "{}"))
