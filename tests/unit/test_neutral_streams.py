"""Streams as providers write them: what they say, and that every caller is told the same."""

from typing import Any

import pytest

from broker.dialects.neutral.event import Failed, Start
from broker.dialects.neutral.translation import Translation, reader, writer
from tests.unit.neutral_answers import CALLERS, Whole, fold, heard, settled
from tests.unit.neutral_streams import CHAT, MESSAGES
from tests.unit.neutral_streams_more import GEMINI, RESPONSES, function, given

STREAMS = {"chat": CHAT, "messages": MESSAGES, "responses": RESPONSES, "gemini": GEMINI}
ALL = [
    pytest.param(provider, events, whole, id=f"{provider}: {name}")
    for provider, streams in STREAMS.items()
    for name, events, whole in streams
]
Events = list[dict[str, Any]]


@pytest.mark.parametrize(("provider", "events", "whole"), ALL)
def test_what_a_stream_says(provider: str, events: Events, whole: Whole) -> None:
    found = heard(provider, events)
    assert isinstance(found[0], Start)
    assert fold(found) == whole


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("provider", "events", "whole"), ALL)
def test_every_caller_is_told_the_same(
    provider: str, events: Events, whole: Whole, caller: str
) -> None:
    translation = Translation(reader(provider), writer(caller, {}, 1))
    told = [out for event in events for out in translation.feed(event)] + translation.end()
    assert fold(heard(caller, told)) == fold(settled(heard(provider, events), caller))


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    ("provider", "answer"),
    [
        (
            "chat",
            {
                "id": "c",
                "model": "m",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "tool_calls",
                        "message": {
                            "role": "assistant",
                            "content": "Hi",
                            "tool_calls": [
                                {"id": "a", "function": {"name": "f", "arguments": "{}"}}
                            ],
                        },
                    }
                ],
                "usage": {"prompt_tokens": 1, "completion_tokens": 2},
            },
        ),
        (
            "messages",
            {
                "id": "c",
                "model": "m",
                "content": [
                    {"type": "text", "text": "Hi"},
                    {"type": "tool_use", "id": "a", "name": "f", "input": {}},
                ],
                "stop_reason": "tool_use",
                "usage": {"input_tokens": 1, "output_tokens": 2},
            },
        ),
        (
            "responses",
            {
                "id": "c",
                "model": "m",
                "status": "completed",
                "output": [
                    {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
                    {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
                ],
                "usage": {"input_tokens": 1, "output_tokens": 2},
            },
        ),
        (
            "gemini",
            given(
                {"text": "Hi"},
                function("f", {}, id="a"),
                finish="STOP",
                usageMetadata={"promptTokenCount": 1, "candidatesTokenCount": 2},
            ),
        ),
    ],
)
def test_a_whole_answer_is_told_as_events(
    provider: str, answer: dict[str, Any], caller: str
) -> None:
    translation = Translation(reader(provider), writer(caller, {}, 1))
    whole = fold(heard(caller, translation.whole(answer)))
    assert (whole.said, whole.calls, whole.stop) == ("Hi", (("a", "f", {}),), "tool_calls")
    assert whole.usage is not None
    assert (whole.usage.input, whole.usage.output) == (1, 2)


@pytest.mark.parametrize(
    ("provider", "event", "failed"),
    [
        ("chat", {"error": {"message": "m", "code": 429}}, Failed("rate_limit", "m")),
        ("chat", {"error": "m"}, Failed("provider", "m")),
        (
            "messages",
            {"type": "error", "error": {"type": "overloaded_error", "message": "m"}},
            Failed("overloaded", "m"),
        ),
        ("responses", {"type": "error", "code": "server_error", "message": "m"},
         Failed("provider", "m")),
        (
            "responses",
            {
                "type": "response.failed",
                "response": {"error": {"code": "rate_limit_exceeded", "message": "m"}},
            },
            Failed("rate_limit", "m"),
        ),
        (
            "gemini",
            {"error": {"code": 503, "status": "UNAVAILABLE", "message": "m"}},
            Failed("overloaded", "m"),
        ),
        (
            "gemini",
            given(finish="MALFORMED_FUNCTION_CALL"),
            Failed("provider", "The model gave up: MALFORMED_FUNCTION_CALL."),
        ),
    ],
)  # fmt: skip
def test_errors_within_an_answer(provider: str, event: dict[str, Any], failed: Failed) -> None:
    assert failed in heard(provider, [event])
