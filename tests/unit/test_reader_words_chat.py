"""The words that the reader of chat goes by, one by one: what each means to a caller."""

from typing import Any

import pytest

from broker.dialects.neutral.event import Failed
from broker.dialects.neutral.usage import Usage
from tests.unit.reader_words import Object, end, heard, said


def chunk(delta: Object, reason: str | None = None, **more: Any) -> Object:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}


STOP = chunk({}, "stop")
ENDED = "stop end eos eos_token end_turn completed complete finish finished done normal COMPLETE"
CUT = (
    "length max_tokens max_length max_output_tokens max_completion_tokens model_length token_limit "
    "context_length_exceeded MAX_TOKENS"
)
FILTERED = (
    "content_filter content_filtered guardrail_intervened sensitive safety recitation blocklist "
    "prohibited_content spii SAFETY"
)
GIVEN_UP = (
    "error abort aborted cancelled canceled timeout network_error insufficient_system_resource "
    "malformed_function_call"
)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        *((word, "end") for word in ENDED.split()),
        *((word, "length") for word in CUT.split()),
        *((word, "filter") for word in FILTERED.split()),
        *((word, "failed") for word in GIVEN_UP.split()),
        ("stop_sequence", "stop_sequence"),
        ("refusal", "refusal"),
        ("nobody's", "failed unexpressible_answer"),
    ],
)
def test_reasons_to_end_in_chat(word: str, reason: str) -> None:
    assert end(heard("chat", chunk({"content": "a"}), chunk({}, word))) == reason


@pytest.mark.parametrize(
    "word", ["tool_calls", "tool_call", "tool_use", "function_call", "function_calls", "TOOL_CALL"]
)
def test_reasons_to_call_in_chat(word: str) -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    assert end(heard("chat", chunk({"tool_calls": [call]}), chunk({}, word))) == "tool_calls"


@pytest.mark.parametrize(
    "field",
    ["reasoning_content", "reasoning", "thinking", "reasoning_text", "thought", "tool_plan"],
)
def test_where_thoughts_stand_in_chat(field: str) -> None:
    assert said(heard("chat", chunk({field: "hm", "content": "a"}), STOP)) == [
        ("thought", "hm"),
        ("text", "a"),
    ]


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ({"type": "text", "text": "x"}, "text"),
        ({"type": "output_text", "text": "x"}, "text"),
        ({"type": "thinking", "thinking": "x"}, "thought"),
        ({"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}, "thought"),
        ({"type": "reasoning", "reasoning": "x"}, "thought"),
        ({"type": "reasoning_content", "reasoning_content": "x"}, "thought"),
        ({"type": "reasoning_text", "text": "x"}, "thought"),
        ({"type": "summary_text", "text": "x"}, "thought"),
        ({"type": "refusal", "refusal": "x"}, "refusal"),
    ],
)
def test_parts_of_content_in_chat(part: Object, what: str) -> None:
    assert said(heard("chat", chunk({"content": [part]}), STOP)) == [(what, "x")]


@pytest.mark.parametrize(
    "delta",
    [
        {"images": [{"type": "image_url"}]},
        {"audio": {"id": "a", "data": "UklG"}},
        *(
            {"content": [{"type": kind, kind: {"url": "data:"}}]}
            for kind in (
                *("image_url", "image", "output_image", "audio", "input_audio", "output_audio"),
                "file",
            )
        ),
    ],
)
def test_what_other_callers_can_not_be_given_fails_in_chat(delta: Object) -> None:
    found = heard("chat", chunk({"content": "a"}), chunk(delta))
    assert [each.code for each in found if isinstance(each, Failed)] == ["unexpressible_answer"]


@pytest.mark.parametrize(
    "field",
    [
        *("role", "name", "id", "index", "type", "object", "obfuscation", "provider_metadata"),
        *("annotations", "citations", "provider_specific_fields", "tool_call_id", "status"),
        *("logprobs", "finish_reason", "token_ids", "prefix", "matched_stop", "extra_content"),
    ],
)
def test_fields_that_say_nothing_are_no_content_in_chat(field: str) -> None:
    assert end(heard("chat", chunk({field: "x"}), STOP)) == "end"


def test_a_field_that_nobody_has_heard_of_is_no_empty_answer() -> None:
    assert end(heard("chat", chunk({"speech": "x"}), STOP)) == "failed"


@pytest.mark.parametrize(
    "last",
    [
        {**STOP, "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        {**STOP, "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 2}}},
        {
            "choices": [
                {**STOP["choices"][0], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
            ]
        },
    ],
)
def test_where_figures_stand_in_chat(last: Object) -> None:
    found = heard("chat", chunk({"content": "a"}), last)
    assert [each for each in found if isinstance(each, Usage)] == [Usage(input=3, output=2)]
