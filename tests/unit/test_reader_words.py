"""The words that readers of messages, responses and Gemini go by, one by one."""

from typing import Any

import pytest

from broker.dialects.neutral.event import Failed, Signed
from broker.dialects.neutral.usage import Usage
from broker.dialects.responses.fold import ResponsesFold
from tests.unit.reader_words import Object, end, heard, said

# ── Messages ───────────────────────────────────────────────────────────────────────────

BEGUN = {"type": "message_start", "message": {"id": "m", "model": "x", "content": []}}


def block(kind: str, *deltas: Object, **fields: Any) -> list[Object]:
    begun = {"type": kind, **fields}
    return [
        BEGUN,
        {"type": "content_block_start", "index": 0, "content_block": begun},
        *({"type": "content_block_delta", "index": 0, "delta": each} for each in deltas),
        {"type": "content_block_stop", "index": 0},
    ]


def over(reason: str) -> Object:
    return {"type": "message_delta", "delta": {"stop_reason": reason}}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        *((word, "end") for word in ("end_turn", "stop", "end", "eos")),
        *((word, "length") for word in ("max_tokens", "length", "max_output_tokens")),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "stop_sequence"),
        ("refusal", "refusal"),
        *((w, "filter") for w in ("content_filter", "content_filtered", "guardrail_intervened")),
        ("nobody's", "failed unexpressible_answer"),
    ],
)
def test_reasons_to_end_in_messages(word: str, reason: str) -> None:
    assert end(heard("messages", *block("text", text="a"), over(word))) == reason


@pytest.mark.parametrize("word", ["tool_use", "tool_calls", "function_call"])
def test_reasons_to_call_in_messages(word: str) -> None:
    events = block("tool_use", id="c", name="f", input={})
    assert end(heard("messages", *events, over(word))) == "tool_calls"


def test_a_pause_is_no_end_in_messages() -> None:
    found = heard("messages", *block("text", text="a"), over("pause_turn"))
    assert end(found) == "failed unexpressible_answer"
    assert "pause_turn" in next(each.message for each in found if isinstance(each, Failed))


@pytest.mark.parametrize(
    ("kind", "fields", "what"),
    [
        ("text", {"text": "x"}, "text"),
        ("output_text", {"text": "x"}, "text"),
        ("thinking", {"thinking": "x"}, "thought"),
        ("reasoning", {"thinking": "x"}, "thought"),
    ],
)
def test_blocks_that_begin_with_what_they_say(kind: str, fields: Object, what: str) -> None:
    found = heard("messages", *block(kind, **fields), over("end_turn"))
    assert said(found) == [(what, "x")]


@pytest.mark.parametrize("kind", ["tool_use", "function_call"])
def test_blocks_that_call(kind: str) -> None:
    events = block(kind, id="c", name="f", input={"a": 1})
    assert said(heard("messages", *events, over("tool_use"))) == [
        ("call", "f"),
        ("arguments", '{"a":1}'),
    ]


@pytest.mark.parametrize(
    ("kind", "delta", "told"),
    [
        ("text", {"text": "x"}, [("text", "x")]),
        ("thinking", {"thinking": "x"}, [("thought", "x")]),
        ("tool_use", {"partial_json": '{"a":1}'}, [("call", "f"), ("arguments", '{"a":1}')]),
    ],
)
def test_deltas_are_known_by_their_fields(kind: str, delta: Object, told: list[Any]) -> None:
    assert said(heard("messages", *block(kind, delta, name="f"), over("end_turn"))) == told


def test_signatures_come_in_deltas() -> None:
    found = heard("messages", *block("thinking", {"signature": "s"}, thinking="x"), over("stop"))
    assert [each.signature.data for each in found if isinstance(each, Signed)] == ["s"]


@pytest.mark.parametrize("kind", ["image", "document"])
def test_blocks_that_other_callers_can_not_be_given(kind: str) -> None:
    found = heard("messages", *block(kind, source={}))
    assert [each.code for each in found if isinstance(each, Failed)] == ["unexpressible_answer"]


# ── Responses ──────────────────────────────────────────────────────────────────────────


def response(*output: Object, status: str = "completed", **more: Any) -> Object:
    told = {"id": "r", "status": status, "output": list(output), **more}
    return {"type": f"response.{status}", "response": told}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("max_output_tokens", "length"),
        ("max_tokens", "length"),
        ("content_filter", "filter"),
        ("nobody's", "length"),
    ],
)
def test_why_a_response_is_incomplete(word: str, reason: str) -> None:
    ended = response(status="incomplete", incomplete_details={"reason": word})
    assert end(heard("responses", ended)) == reason


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("output_text", "text"),
        ("refusal", "refusal"),
        ("reasoning_summary_text", "thought"),
        ("reasoning_text", "thought"),
    ],
)
def test_texts_of_responses(kind: str, what: str) -> None:
    event = {"type": f"response.{kind}.delta", "output_index": 0, "delta": "x"}
    assert said(heard("responses", event, response())) == [(what, "x")]


def test_arguments_of_responses() -> None:
    item = {"id": "i", "type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    kind = "response.function_call_arguments"
    events = (
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": f"{kind}.delta", "output_index": 0, "delta": '{"a":'},
        {"type": f"{kind}.done", "output_index": 0, "arguments": '{"a":1}'},
    )
    found = heard("responses", *events, response())
    assert said(found) == [("call", "f"), ("arguments", '{"a":'), ("arguments", "1}")]


@pytest.mark.parametrize(
    ("where", "part", "what"),
    [
        ("content", {"type": "output_text", "text": "x"}, "text"),
        ("content", {"type": "text", "text": "x"}, "text"),
        ("content", {"type": "refusal", "refusal": "x"}, "refusal"),
        ("summary", {"type": "summary_text", "text": "x"}, "thought"),
        ("content", {"type": "reasoning_text", "text": "x"}, "thought"),
    ],
)
def test_parts_of_items(where: str, part: Object, what: str) -> None:
    kind = "reasoning" if what == "thought" else "message"
    found = heard("responses", response({"id": "i", "type": kind, where: [part]}))
    assert said(found) == [(what, "x")]


@pytest.mark.parametrize(
    "kind",
    [
        *("custom_tool_call", "image_generation_call", "computer_call", "local_shell_call"),
        *("shell_call", "apply_patch_call", "mcp_approval_request"),
    ],
)
def test_items_that_other_callers_can_not_be_given(kind: str) -> None:
    found = heard("responses", response({"id": "i", "type": kind}))
    assert [each.code for each in found if isinstance(each, Failed)] == ["unexpressible_answer"]


def folded(*events: Object) -> Object:
    fold = ResponsesFold()
    for event in events:
        fold.take(event)
    return fold.folded()


@pytest.mark.parametrize(
    ("kind", "item", "path"),
    [
        ("output_text", {"type": "message", "content": []}, ("content", 0, "text")),
        ("refusal", {"type": "message", "content": []}, ("content", 0, "refusal")),
        ("reasoning_text", {"type": "reasoning", "content": []}, ("content", 0, "text")),
        ("reasoning_summary_text", {"type": "reasoning", "summary": []}, ("summary", 0, "text")),
        ("function_call_arguments", {"type": "function_call"}, ("arguments",)),
        ("mcp_call_arguments", {"type": "mcp_call"}, ("arguments",)),
        ("custom_tool_call_input", {"type": "custom_tool_call"}, ("input",)),
        ("code_interpreter_call_code", {"type": "code_interpreter_call"}, ("code",)),
    ],
)
@pytest.mark.parametrize("begun", [True, False])
def test_a_fold_has_what_only_deltas_told(
    kind: str, item: Object, path: tuple[Any, ...], begun: bool
) -> None:
    if not begun and item["type"] not in ("message", "reasoning"):
        return  # nobody would know what is called
    place = {"output_index": 0, "item_id": "i", "content_index": 0, "summary_index": 0}
    added = {"type": "response.output_item.added", **place, "item": {"id": "i", **item}}
    deltas = [{"type": f"response.{kind}.delta", **place, "delta": text} for text in "xy"]
    answer = folded(*([added] if begun else []), *deltas, response())
    value: Any = answer["output"][0]
    for key in path:
        value = value[key]
    assert value == "xy"


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_what_a_response_ends_with_is_what_it_is(status: str) -> None:
    item = {"id": "i", "type": "message", "content": [{"type": "output_text", "text": "all"}]}
    added = {"type": "response.output_item.added", "output_index": 0, "item": {**item, "x": 1}}
    assert folded(added, response(item, status=status))["output"] == [item]


# ── Gemini ─────────────────────────────────────────────────────────────────────────────


def candidate(*parts: Object, reason: str = "STOP", **more: Any) -> Object:
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": reason}], **more}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        *((word, "end") for word in ("STOP", "END_TURN", "STOP_SEQUENCE")),
        ("FINISH_REASON_UNSPECIFIED", "end"),
        *((word, "length") for word in ("MAX_TOKENS", "LENGTH", "length")),
        *((word, "filter") for word in ("SAFETY", "RECITATION", "SPII", "BLOCKLIST")),
        *(
            (word, "failed")
            for word in (
                *("OTHER", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "NO_IMAGE"),
                *("TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE"),
                "IMAGE_OTHER",
            )
        ),
    ],
)
def test_reasons_to_end_in_gemini(word: str, reason: str) -> None:
    found = heard("gemini", candidate({"text": "a"}, reason=word))
    failed = [each for each in found if isinstance(each, Failed)]
    assert ("failed" if failed else end(found)) == reason


@pytest.mark.parametrize("word", ["STOP", "TOOL_CALLS", "TOOL_USE", "FUNCTION_CALL", "tool_calls"])
def test_reasons_to_call_in_gemini(word: str) -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    assert end(heard("gemini", candidate(call, reason=word))) == "tool_calls"


def test_every_name_of_googles_sdk() -> None:
    counts = {
        "prompt_token_count": 9,
        "candidates_token_count": 3,
        "thoughts_token_count": 2,
        "tool_use_prompt_token_count": 1,
        "cached_content_token_count": 4,
        "total_token_count": 15,
    }
    parts = [
        {"text": "hm", "thought": True, "thought_signature": "s"},
        {"function_call": {"name": "f", "args": {"a": 1}}},
    ]
    found = heard(
        "gemini",
        {
            "candidates": [{"content": {"parts": parts}, "finish_reason": "MAX_TOKENS"}],
            "usage_metadata": counts,
            "response_id": "id-1",
            "model_version": "model-1",
        },
    )
    assert (getattr(found[0], "id", ""), getattr(found[0], "model", "")) == ("id-1", "model-1")
    assert said(found) == [("thought", "hm"), ("call", "f"), ("arguments", '{"a":1}')]
    assert [each.signature.data for each in found if isinstance(each, Signed)] == ["s"]
    assert end(found) == "length"
    assert found[-1] == Usage(input=10, output=5, cached=4, reasoning=2)


@pytest.mark.parametrize("part", [{"inline_data": {"data": "x"}}, {"file_data": {"uri": "x"}}])
def test_pictures_under_the_names_of_googles_sdk(part: Object) -> None:
    found = heard("gemini", candidate(part))
    assert [each.code for each in found if isinstance(each, Failed)] == ["unexpressible_answer"]


def test_a_blocked_prompt_under_the_names_of_googles_sdk() -> None:
    assert end(heard("gemini", {"prompt_feedback": {"block_reason": "SAFETY"}})) == "filter"


def test_a_total_under_the_name_of_googles_sdk_tells() -> None:
    counts = {"prompt_token_count": 9, "candidates_token_count": 5, "thoughts_token_count": 2}
    found = heard(
        "gemini", candidate({"text": "a"}, usage_metadata={**counts, "total_token_count": 14})
    )
    assert found[-1] == Usage(input=9, output=5, reasoning=2)
