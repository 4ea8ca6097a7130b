"""PROTOCOL.md's table of answers: every row and column is shown to be true.

A row's neutral events are told in each dialect, must be found there, and must be heard back
from it; Gemini's own words for them are heard.
"""

import json
import re
from typing import Any

import pytest

from broker.dialects.neutral.event import (
    ArgumentsDelta,
    CallStart,
    Event,
    RefusalDelta,
    Signed,
    Start,
    Stop,
    TextDelta,
    ThoughtDelta,
)
from broker.dialects.neutral.signature import Signature
from broker.dialects.neutral.usage import Usage
from tests.unit.neutral_answers import CALLERS, fold, heard, said, settled
from tests.unit.neutral_streams_more import function, given
from tests.unit.protocol_tables import rows

Body = dict[str, Any]
ARGUMENTS = '{"zip":"0150"}'
START = Start("answer_1", "m")
CALLED: list[Event] = [CallStart(0, "call_a", "lookup"), ArgumentsDelta(0, ARGUMENTS)]
COUNTS = Usage(input=20, output=9, cached=4, cache_write=3, reasoning=2)


def told(*events: Event, stop: Any = "end") -> list[Event]:
    return [START, *events, Stop(stop) if isinstance(stop, str) else stop]  # type: ignore[arg-type]


# A row's neutral events; what of them must be found in each dialect; and Gemini's own words.
ANSWERS: dict[str, tuple[list[Event], dict[str, str], Body | None]] = {
    "text": (
        told(TextDelta("Hei")),
        {"chat": '"content": "Hei"', "messages": "text_delta", "responses": r"output_text\.delta"},
        given({"text": "Hei"}, finish="STOP"),
    ),
    "refusals": (
        told(RefusalDelta("No"), stop="refusal"),
        {
            "chat": '"refusal": "No"',
            "messages": r'text_delta.*"stop_reason": "refusal"',
            "responses": r"refusal\.delta",
        },
        None,
    ),
    "reasoning": (
        told(ThoughtDelta("Hm"), TextDelta("a")),
        {
            "chat": '"reasoning_content": "Hm"',
            "messages": "thinking_delta",
            "responses": r"reasoning_summary_text\.delta",
        },
        given({"text": "Hm", "thought": True}, {"text": "a"}, finish="STOP"),
    ),
    "its signature": (
        told(ThoughtDelta("Hm"), Signed(Signature("gemini", "c2ln")), TextDelta("a")),
        {
            "chat": "reasoning_details",
            "messages": "signature",
            "responses": '"encrypted_content": "streamhold:gemini',
        },
        given(
            {"text": "Hm", "thought": True},
            {"text": "a", "thoughtSignature": "c2ln"},
            finish="STOP",
        ),
    ),
    "tool calls": (
        told(*CALLED, stop="tool_calls"),
        {"chat": '"tool_calls": \\[', "messages": '"tool_use"', "responses": '"function_call"'},
        given(function("lookup", json.loads(ARGUMENTS), id="call_a"), finish="STOP"),
    ),
    "it ended": (
        told(TextDelta("a")),
        {
            "chat": '"finish_reason": "stop"',
            "messages": '"stop_reason": "end_turn"',
            "responses": r"response\.completed",
        },
        given({"text": "a"}, finish="STOP"),
    ),
    "with tool calls": (
        told(*CALLED, stop="tool_calls"),
        {
            "chat": '"finish_reason": "tool_calls"',
            "messages": '"stop_reason": "tool_use"',
            "responses": r"response\.completed",
        },
        given(function("lookup", json.loads(ARGUMENTS), id="call_a"), finish="STOP"),
    ),
    "too long": (
        told(TextDelta("a"), stop="length"),
        {
            "chat": '"finish_reason": "length"',
            "messages": '"stop_reason": "max_tokens"',
            "responses": r"response\.incomplete.*max_output_tokens",
        },
        given({"text": "a"}, finish="MAX_TOKENS"),
    ),
    "at a stop sequence": (
        told(TextDelta("a"), stop=Stop("stop_sequence", "END")),
        {
            "chat": '"finish_reason": "stop"',
            "messages": '"stop_sequence": "END"',
            "responses": r"response\.completed",
        },
        None,
    ),
    "filtered": (
        told(TextDelta("a"), stop="filter"),
        {
            "chat": '"finish_reason": "content_filter"',
            "messages": '"stop_reason": "refusal"',
            "responses": r"response\.incomplete.*content_filter",
        },
        given({"text": "a"}, finish="SAFETY"),
    ),
    "refused without a word": (
        told(stop="refusal"),
        {
            "chat": '"finish_reason": "content_filter"',
            "messages": '"stop_reason": "refusal"',
            "responses": r"response\.incomplete.*content_filter",
        },
        None,
    ),
    "usage: input, output, cached, written to the cache, reasoning": (
        [*told(TextDelta("a")), COUNTS],
        {
            "chat": '"cached_tokens": 4',
            "messages": '"cache_creation_input_tokens": 3',
            "responses": '"cached_tokens": 4',
        },
        given(
            {"text": "a"},
            finish="STOP",
            usageMetadata={
                "promptTokenCount": 20,
                "candidatesTokenCount": 7,
                "thoughtsTokenCount": 2,
                "cachedContentTokenCount": 4,
            },
        ),
    ),
}


def test_every_row_of_answers_is_shown() -> None:
    assert set(rows("Answers")) == set(ANSWERS)


@pytest.mark.parametrize("row", ANSWERS)
@pytest.mark.parametrize("dialect", CALLERS)
def test_answers(row: str, dialect: str) -> None:
    events, found, _ = ANSWERS[row]
    assert rows("Answers")[row][dialect]
    written = said(dialect, events)
    assert re.search(found[dialect], json.dumps(written)), written
    assert fold(heard(dialect, written)) == fold(settled(events, dialect))


@pytest.mark.parametrize("row", [row for row, (_, _, theirs) in ANSWERS.items() if theirs])
def test_what_gemini_says(row: str) -> None:
    events, _, theirs = ANSWERS[row]
    assert theirs is not None
    assert rows("Answers")[row]["gemini"]
    expected = fold(events)
    if expected.usage is not None:
        expected.usage = Usage(20, 9, 4, 0, 2)
    assert fold(heard("gemini", [theirs])) == expected
