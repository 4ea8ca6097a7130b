"""Messages requests for providers of other dialects: what they are told, and what is refused."""

from typing import Any

import pytest

from broker.dialects.messages.counting import count
from broker.dialects.messages.refused import refused as worded
from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import translate_request
from broker.dialects.neutral.writing.user import user_of
from broker.errors import Unexpressible
from broker.settings.takes import Takes

Body = dict[str, Any]
ELSEWHERE = ("chat", "responses", "gemini")
HI: Body = {"role": "user", "content": "Hi"}
BASE: Body = {"model": "m", "max_tokens": 9, "messages": [HI]}
TOOL: Body = {"name": "f", "input_schema": {"type": "object"}}


def put(body: Body, to: str, **terms: Any) -> Body:
    return translate_request(BASE | body, "messages", to, "m", terms=Terms(**terms))


def refused(body: Body, to: str, **terms: Any) -> Unexpressible:
    with pytest.raises(Unexpressible) as caught:
        put(body, to, **terms)
    return caught.value


def said(body: Body, provider: str) -> list[tuple[str, str]]:
    """The turns of a translated request: role and text."""
    theirs = put(body, provider)
    found: list[tuple[str, str]] = []
    for turn in theirs.get("messages") or theirs.get("input") or theirs["contents"]:
        content = turn.get("content", turn.get("parts"))
        texts = [content] if isinstance(content, str) else [part["text"] for part in content]
        found.append((turn["role"], "\n".join(texts)))
    return found


SYSTEM: Body = {"messages": [HI, {"role": "system", "content": "Be brief."}]}


@pytest.mark.parametrize("provider", ["chat", "responses"])
def test_a_system_turn_stays_where_it_is(provider: str) -> None:
    assert said(SYSTEM, provider) == [("user", "Hi"), ("system", "Be brief.")]


def test_gemini_is_told_it_as_a_marked_turn_of_the_user() -> None:
    assert said(SYSTEM, "gemini")[-1] == ("user", "<system>\nBe brief.\n</system>")


def test_a_turn_for_one_user_message_is_gone_after_the_next() -> None:
    def turn(text: str, clear_at: str) -> Body:
        return {"role": "system", "content": text, "clear_at": clear_at}

    past = [HI, turn("past", "next_user_message"), turn("kept", "never")]
    answer = {"role": "assistant", "content": "Yes"}
    messages = [*past, answer, HI, turn("now", "next_user_message")]
    texts = [text for role, text in said({"messages": messages}, "chat") if role == "system"]
    assert texts == ["kept", "now"]


def change(kind: str, name: str, **tool: Any) -> Body:
    reference = tool or {"type": "tool_reference", "name": name}
    return {"type": kind, "tool": reference, "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize("provider", ELSEWHERE)
def test_tools_that_come_and_go_are_one_list_and_are_told_in_their_place(provider: str) -> None:
    made = {"type": "tool_definition", "definition": {**TOOL, "name": "made"}}
    first = [change("tool_removal", "f"), change("tool_addition", "made", **made)]
    later = [change("tool_addition", "g"), change("tool_removal", "h")]
    tools = [{**TOOL, "name": name, "defer_loading": True} for name in "fgh"]
    turns = [{"role": "system", "content": first}, {"role": "system", "content": later}]
    body = {"messages": [HI, *turns], "tools": tools}
    theirs = put(body, provider)["tools"]
    listed = theirs[0].get("functionDeclarations", theirs)
    assert [each.get("function", each)["name"] for each in listed] == ["g", "made"]
    text = " ".join(text for _, text in said(body, provider))
    assert "'f' can't be called" in text
    assert "'made' can be called" in text


@pytest.mark.parametrize("provider", ELSEWHERE)
def test_a_reference_to_a_tool_is_a_text_of_its_result(provider: str) -> None:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    found = {"type": "tool_reference", "tool_name": "g"}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [found]}
    turns = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    assert "The tool 'g' was found" in str(put({"messages": [HI, *turns]}, provider))


def test_an_effort_of_the_last_turn_counts_and_one_of_an_earlier_does_not() -> None:
    def turn(effort: str) -> Body:
        return {"role": "system", "content": "x", "output_config": {"effort": effort}}

    top: Body = {"output_config": {"effort": "high"}}
    assert put(top | {"messages": [HI, turn("low")]}, "chat")["reasoning_effort"] == "low"
    past = [HI, turn("low"), {"role": "assistant", "content": "y"}, HI]
    assert put(top | {"messages": past}, "chat")["reasoning_effort"] == "high"


@pytest.mark.parametrize("provider", ELSEWHERE)
@pytest.mark.parametrize(
    "fields",
    [
        {"context_management": {"edits": []}},
        {"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}},
        {"diagnostics": {"previous_message_id": None}},
        {"anthropic_beta": ["a-beta-2026-01-01"]},
        {"service_tier": "auto"},
        {"speed": "fast"},
    ],
)
def test_hints_change_nothing(fields: Body, provider: str) -> None:
    assert put(fields, provider) == put({}, provider)


def test_examples_of_a_tools_input_are_told_with_its_description() -> None:
    tool = {**TOOL, "description": "Does.", "input_examples": [{"x": 1}]}
    (theirs,) = put({"tools": [{**tool, "allowed_callers": ["direct"]}]}, "chat")["tools"]
    assert theirs["function"]["description"] == 'Does.\nExamples of its input:\n{"x":1}'
    error = refused({"tools": [{**TOOL, "allowed_callers": ["code_execution_20260120"]}]}, "chat")
    assert error.param == "tools[0].allowed_callers"


EVERYTHING: Body = {
    "tools": [{**TOOL, "news": 1}, {"name": "w", "type": "web_search_20250305"}],
    "messages": [{"role": "critic", "content": "x"}, {"role": "user", "content": [{"type": "x"}]}],
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "container": "c",
    "top_k": 3,
}


def test_all_that_is_refused_is_named_at_once_in_anthropics_words_first() -> None:
    error = refused(EVERYTHING, "chat", provider="elsewhere")
    theirs, _, ours = worded(error).partition(". ")
    extra = "Extra inputs are not permitted"
    assert sorted(theirs.split("; ")) == [
        f"container: {extra}",
        f"context_management: {extra}",
        "messages.0.role: Input should be 'user', 'assistant' or 'system'",
        f"messages.1.content.0.type: {extra}",
        f"tools.0.news: {extra}",
        "tools.1.type: Input should be 'custom'",
        f"top_k: {extra}",
    ]
    assert "provider 'elsewhere'" in ours
    assert "allow_loss = ['hosted_tools']" in ours


def test_a_refusal_without_losses_is_said_as_it_is() -> None:
    assert worded(Unexpressible("Why.")) == Unexpressible("Why.").message


@pytest.mark.parametrize(("provider", "longest"), [("chat", 64), ("responses", 64)])
def test_a_long_id_of_a_user_is_hashed(provider: str, longest: int) -> None:
    def user(text: str) -> str:
        found: str = put({"metadata": {"user_id": text}}, provider)["user"]
        return found

    assert user("u" * longest) == "u" * longest
    long = [user("u" * 150), user("u" * 150), user("v" * 150)]
    assert [len(each) for each in long] == [64] * 3
    assert long[0] == long[1] != long[2]
    assert user_of(None, Takes(user_most=1)) is None


def test_a_prompt_is_counted_by_its_text_and_pictures_by_themselves() -> None:
    text = {"type": "text", "text": "word " * 400}
    data = {"type": "base64", "media_type": "image/png", "data": "A" * 10_000_000}
    picture = {"type": "image", "source": data}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [picture]}

    def counted(*blocks: Body) -> int:
        return count({"messages": [{"role": "user", "content": list(blocks)}]})

    plain = counted(text)
    assert 480 < plain < 560
    assert 1600 <= counted(text, picture) - plain < 1700
    assert 1600 <= counted(text, result) - plain < 1700
    document = {"type": "document", "source": data | {"media_type": "application/pdf"}}
    assert 100_000 < counted(document) < 400_000
    assert count({}) == 1
    assert count({"messages": [1, {"content": [1, {"source": 1}]}]}) > 1
