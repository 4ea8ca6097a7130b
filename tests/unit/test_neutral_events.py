"""Answers: said in a dialect and heard again, and from any dialect to any other."""

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from broker.dialects.neutral.event import ErrorKind, Event, Failed, Start, Stop, TextDelta
from broker.dialects.neutral.translation import Translation, reader, writer
from tests.unit.neutral_answers import CALLERS, answers, fold, heard, said, settled, tangled

RESPONSE_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.mark.parametrize("dialect", CALLERS)
@given(events=answers())
def test_what_is_said_is_heard(dialect: str, events: list[Event]) -> None:
    assert heard(dialect, said(dialect, events)) == settled(events, dialect)


@pytest.mark.parametrize("dialect", CALLERS)
@given(events=tangled())
def test_interleaved_calls_come_to_the_same(dialect: str, events: list[Event]) -> None:
    assert fold(heard(dialect, said(dialect, events))) == fold(settled(events, dialect))


@given(events=tangled())
def test_chat_interleaves_as_it_was(events: list[Event]) -> None:
    assert heard("chat", said("chat", events)) == events


@pytest.mark.parametrize("provider", CALLERS)
@pytest.mark.parametrize("caller", CALLERS)
@settings(max_examples=40)
@given(events=answers() | tangled())
def test_every_pair_folds_to_the_same(provider: str, caller: str, events: list[Event]) -> None:
    translation = Translation(reader(provider), writer(caller, {}, 1))
    theirs = said(provider, events)
    ours = [out for event in theirs for out in translation.feed(event)] + translation.end()
    expected = settled(settled(events, provider), caller)
    assert fold(heard(caller, ours)) == fold(expected)


@given(events=answers() | tangled())
def test_chunks_are_the_official_clients(events: list[Event]) -> None:
    for chunk in said("chat", events):
        ChatCompletionChunk.model_validate(chunk)


@given(events=answers() | tangled())
def test_response_events_are_the_official_clients(events: list[Event]) -> None:
    stream = said("responses", events)
    for number, event in enumerate(stream):
        RESPONSE_EVENT.validate_python({**event, "sequence_number": number})
    places = [event["output_index"] for event in stream if "output_index" in event]
    assert places == sorted(places)
    assert len(stream[-1]["response"]["output"]) == (places[-1] + 1 if places else 0)


@given(events=answers() | tangled())
def test_message_blocks_follow_one_another(events: list[Event]) -> None:
    stream = said("messages", events)
    assert [stream[0]["type"], stream[-2]["type"]] == ["message_start", "message_delta"]
    assert stream[-1] == {"type": "message_stop"}
    open_block, last = None, -1
    for event in stream[1:-2]:
        kind, index = event["type"], event["index"]
        if kind == "content_block_start":
            assert (open_block, index) == (None, last + 1)
            open_block = last = index
        else:
            assert index == open_block
            open_block = None if kind == "content_block_stop" else open_block
    assert open_block is None


@pytest.mark.parametrize("dialect", CALLERS)
def test_an_error_is_said_and_heard(dialect: str) -> None:
    for kind in get_args(ErrorKind):
        target = writer(dialect, {}, 1)
        events: list[Event] = [Start("i", "m"), TextDelta("a"), Failed(kind, "why")]
        found = [out for event in events for out in target.feed(event)]
        source = reader(dialect)
        assert [out for event in found for out in source.feed(event)][-1] == events[-1]


def test_nothing_follows_an_error() -> None:
    translation = Translation(reader("messages"), writer("chat", {}, 1))
    assert translation.feed({"type": "error", "error": {"type": "overloaded_error"}}) == []
    assert translation.failed == Failed("overloaded")
    assert translation.end() == []


def test_a_call_that_goes_on_after_its_end_is_garbled() -> None:
    translation = Translation(reader("chat"), writer("messages", {}, 1))

    def call(index: int, arguments: str, **fields: str) -> dict[str, Any]:
        function = {"name": "f", "arguments": arguments}
        delta = {"tool_calls": [{"index": index, "function": function, **fields}]}
        return {"choices": [{"index": 0, "delta": delta}]}

    translation.feed(call(0, "{}", id="a"))
    translation.feed(call(1, "{", id="b"))
    translation.feed(call(0, " "))
    translation.feed(call(1, "}"))
    assert translation.failed is None
    translation.feed(call(0, "{}"))
    assert translation.failed is not None


@pytest.mark.parametrize("dialect", CALLERS)
def test_an_answer_without_its_reason_ends_all_the_same(dialect: str) -> None:
    events = said(dialect, [Start("i", "m"), TextDelta("a")])
    assert Stop("end") in heard(dialect, events)
