"""Order among interleaved calls: who passes at once, and who waits."""

import pytest

from broker.dialects.neutral.event import ArgumentsDelta, CallStart, Event, Stop, TextDelta
from broker.dialects.neutral.sequence import Garbled, Sequence, Tangled

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


def test_calls_without_an_end_take_no_more_than_their_time() -> None:
    """Each round over what waits would find one call."""
    sequence, count = Sequence(), 200
    calls = [CallStart(n, f"c{n}", "f") for n in range(count)]
    halves = [ArgumentsDelta(n, "{") for n in range(count)]
    events: list[Event] = [*calls, *halves]
    for event in events:
        sequence.feed(event)
    told = [event for pair in zip(calls, halves, strict=True) for event in pair]
    assert sequence.feed(Stop("tool_calls")) == [*told[2:], Stop("tool_calls")]


def test_a_text_that_might_end_with_each_piece_is_looked_at_ever_more_rarely() -> None:
    sequence = Sequence()
    sequence.feed(A)
    sequence.feed(ArgumentsDelta(0, '{"x":"'))
    sequence.feed(B)
    for _ in range(100_000):
        sequence.feed(ArgumentsDelta(0, "}"))
    sequence.feed(ArgumentsDelta(0, '"}'))
    assert sequence.feed(Stop("tool_calls"))[-2:] == [B, Stop("tool_calls")]


def test_no_more_waits_than_can_be_held() -> None:
    texts, calls = Sequence(), Sequence()
    for sequence, count in ((texts, 20_000), (calls, 256)):
        sequence.feed(A)
        for n in range(1, count + 1):
            sequence.feed(TextDelta("x") if sequence is texts else CallStart(n, f"c{n}", "f"))
        with pytest.raises(Tangled):
            sequence.feed(CallStart(count + 1, "c", "f"))
