"""What is asked of each vendor: the cases that a row by itself does not show."""

import json
from typing import Any

import pytest

from broker.dialects.neutral.reading.chat_events import ChatReader
from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import Translation, put, translate_request, writer
from broker.dialects.vendors.model import NEWEST, model_named
from broker.errors import Unexpressible
from broker.settings import Quirks
from broker.settings.load import load, problems
from broker.settings.takes import Takes
from tests.unit.vendor_rows import function, strings

Body = dict[str, Any]
HI: Body = {"role": "user", "content": "Hi"}
BASE: dict[str, Body] = {
    "chat": {"model": "x", "messages": [HI]},
    "messages": {"model": "x", "max_tokens": 2000, "messages": [HI]},
    "responses": {"model": "x", "input": [HI]},
}
OPUS, HAIKU = "claude-opus-4-8", "claude-haiku-4-5"


def ask(caller: str, to: str, model: str = "m", terms: Terms | None = None, **fields: Any) -> Body:
    return translate_request(BASE[caller] | fields, caller, to, model, terms=terms)


@pytest.mark.parametrize(
    ("name", "vendor", "family", "version"),
    [
        ("claude-opus-4-8", "claude", "opus", (4, 8)),
        ("claude-haiku-4-5-20251001", "claude", "haiku", (4, 5)),
        ("claude-sonnet-4-20250514", "claude", "sonnet", (4, 0)),
        ("claude-3-5-sonnet-20241022", "claude", "sonnet", (3, 5)),
        ("anthropic/claude-opus-4.8", "claude", "opus", (4, 8)),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", "claude", "opus", (4, 5)),
        ("anthropic/claude-4.7-opus", "claude", "opus", (4, 7)),
        ("claude-opus-5-20260724", "claude", "opus", (5, 0)),
        ("claude-fable-5-1", "claude", "fable", (5, 1)),
        ("claude-2.1", "claude", "", (2, 1)),
        ("claude-opus-latest", "claude", "opus", NEWEST),
        ("gpt-4o", "gpt", "", (4, 0)),
        ("gpt-5.2-2025-12-11", "gpt", "", (5, 2)),
        ("gpt-5-chat-latest", "gpt", "chat", (5, 0)),
        ("o4-mini", "gpt", "o", (4, 0)),
        ("openai/o3", "gpt", "o", (3, 0)),
        ("gpt-oss-120b", "", "", NEWEST),
        ("gemini-2.5-flash-lite", "gemini", "flash-lite", (2, 5)),
        ("models/gemini-3.1-pro", "gemini", "pro", (3, 1)),
        ("gemini-flash-latest", "gemini", "flash", NEWEST),
        ("Qwen/Qwen3-32B", "qwen", "", NEWEST),
        ("open-mistral-nemo", "", "", NEWEST),
        ("mixtral-8x7b", "mistral", "", NEWEST),
        ("deepseek-vl2", "deepseek", "vision", NEWEST),
        ("default", "", "", NEWEST),
    ],
)
def test_a_model_is_known_by_its_name(
    name: str, vendor: str, family: str, version: tuple[int, int]
) -> None:
    found = model_named(name)
    assert (found.vendor, found.family, found.version) == (vendor, family, version)


def test_an_empty_result_is_an_empty_text() -> None:
    used = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a"}
    for more in ({}, {"content": []}, {"content": ""}, {"content": [{"type": "text", "text": ""}]}):
        turns = [
            HI,
            {"role": "assistant", "content": [used]},
            {"role": "user", "content": [result | more]},
        ]
        assert ask("messages", "chat", messages=turns)["messages"][2]["content"] == ""
        assert ask("messages", "responses", messages=turns)["input"][2]["output"] == ""
        (part,) = ask("messages", "gemini", messages=turns)["contents"][2]["parts"]
        assert part["functionResponse"]["response"] == {"output": ""}
        assert ask("messages", "messages", messages=turns)["messages"][2]["content"] == [
            {**result, "content": ""}
        ]


def test_a_result_that_is_an_error_says_something_to_claude() -> None:
    used = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [], "is_error": True}
    turns = [HI, {"role": "assistant", "content": [used]}, {"role": "user", "content": [result]}]
    told = ask("messages", "messages", messages=turns)["messages"][2]["content"][0]
    assert told["content"].strip()
    assert told["is_error"] is True


@pytest.mark.parametrize("to", ["chat", "responses", "messages", "gemini"])
@pytest.mark.parametrize("caller", ["chat", "messages", "responses"])
@pytest.mark.parametrize("content", ["", []])
def test_a_user_that_says_nothing_is_still_a_turn(caller: str, to: str, content: Any) -> None:
    key = "input" if caller == "responses" else "messages"
    body = ask(caller, to, **{key: [{"role": "user", "content": content}]})
    turns = body.get("messages") or body.get("input") or body["contents"]
    assert [turn["role"] for turn in turns] == ["user"]
    assert to in ("chat", "responses") or all(text.strip() for text in strings(turns))


def test_a_blank_turn_of_the_model_is_left_out_and_one_of_the_user_is_not() -> None:
    turns = [HI, {"role": "assistant", "content": " "}, {"role": "user", "content": "\n"}]
    found = ask("chat", "messages", messages=turns)["messages"]
    assert [turn["role"] for turn in found] == ["user", "user"]
    assert found[1]["content"].strip()


def test_blank_instructions_are_left_out() -> None:
    turns = [{"role": "system", "content": " "}, HI]
    assert "system" not in ask("chat", "messages", messages=turns)


def test_instructions_and_a_developer_are_one_system_message_where_there_is_no_developer() -> None:
    developer = {"role": "developer", "content": "Be kind."}
    fields: Body = {"instructions": "Be brief.", "input": [developer, HI]}
    found = ask("responses", "chat", terms=Terms(quirks=Quirks(developer_role=False)), **fields)
    whole = {"role": "system", "content": "Be brief.\n\nBe kind."}
    assert found["messages"] == [whole, HI]
    both = ask("responses", "chat", **fields)["messages"]
    assert [turn["role"] for turn in both] == ["system", "developer", "user"]


def test_system_messages_in_a_row_are_one() -> None:
    several = [{"role": "system", "content": text} for text in "abc"]
    found = ask("chat", "chat", messages=[*several, HI, *several])["messages"]
    assert [(turn["role"], turn["content"]) for turn in found] == [
        ("system", "a\n\nb\n\nc"),
        ("user", "Hi"),
        ("system", "a\n\nb\n\nc"),
    ]


@pytest.mark.parametrize("to", ["chat", "responses"])
def test_late_system_messages_are_the_users_where_the_operator_says_so(to: str) -> None:
    late = [HI, {"role": "system", "content": "Be brief."}]
    found = ask("messages", to, terms=Terms(system_turns="user"), messages=late)
    turn = (found.get("messages") or found["input"])[1]
    assert turn == {"role": "user", "content": "<system>\nBe brief.\n</system>"}


LONG = "mcp__harbour__" + "tide" * 20


@pytest.mark.parametrize(("to", "model"), [("chat", "m"), ("responses", "m"), ("gemini", "m")])
def test_a_long_name_of_a_tool_is_told_back_as_its_callers(to: str, model: str) -> None:
    tool = {"name": LONG, "input_schema": {"type": "object"}}
    made = put(BASE["messages"] | {"tools": [tool]}, "messages", to, model, Terms())
    ((short, name),) = made.names.items()
    assert name == LONG
    assert len(short) <= 64
    assert short in json.dumps(made.request)
    told = Translation(
        ChatReader("1"), writer("messages", {}, 0, made), made.space, made.cut, made.names
    )
    call = {
        "index": 0,
        "id": "a",
        "type": "function",
        "function": {"name": short, "arguments": "{}"},
    }
    chunk = {
        "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]
    }
    events = [*told.feed(chunk), *told.end()]
    (begun,) = [each for each in events if each["type"] == "content_block_start"]
    assert begun["content_block"]["name"] == LONG


def test_arguments_that_are_no_object_are_told_as_they_are() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"port": "Be'}}
    turns = [
        HI,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "x"},
    ]
    (used,) = ask("chat", "messages", messages=turns)["messages"][1]["content"]
    assert used["input"] == {"invalid_arguments": '{"port": "Be'}
    (part,) = ask("chat", "gemini", messages=turns)["contents"][1]["parts"]
    assert part["functionCall"]["args"] == used["input"]
    again = ask("chat", "chat", messages=turns)["messages"][1]["tool_calls"][0]
    assert again["function"]["arguments"] == '{"port": "Be'


@pytest.mark.parametrize(
    "model", [HAIKU, "claude-sonnet-4-6", OPUS, "claude-opus-5-5", "claude-fable-5"]
)
@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh"])
@pytest.mark.parametrize("length", [None, 200, 1025, 1500, 100_000])
def test_thinking_is_as_the_model_takes_it_or_refused_by_name(
    model: str, effort: str, length: int | None
) -> None:
    fields = {"reasoning_effort": effort} | ({"max_completion_tokens": length} if length else {})
    never = effort == "none" and model in ("claude-opus-5-5", "claude-fable-5")
    if never or (model == HAIKU and effort != "none" and length == 200):
        with pytest.raises(Unexpressible) as caught:
            ask("chat", "messages", model, **fields)
        assert [loss.path for loss in caught.value.losses] == ["reasoning_effort"]
        assert caught.value.losses[0].setting == "reasoning"
        return
    body = ask("chat", "messages", model, **fields)
    thinking, output = body.get("thinking"), body.get("output_config")
    if effort == "none":
        assert thinking == {"type": "disabled"}
        assert output is None
    elif model == HAIKU:
        assert thinking["type"] == "enabled"
        assert 1024 <= thinking["budget_tokens"] < body["max_tokens"]
        assert output is None
    else:
        assert thinking == {"type": "adaptive"}
        assert output["effort"] in ("low", "medium", "high", "xhigh")
        assert model != "claude-sonnet-4-6" or output["effort"] != "xhigh"


@pytest.mark.parametrize("model", [HAIKU, "claude-sonnet-4-6", OPUS])
@pytest.mark.parametrize(
    ("fields", "lost", "words"),
    [
        ({"tools": [function()], "tool_choice": "required"}, "reasoning_effort", ("reasoning",)),
        ({"temperature": 0.2}, "temperature", ("temperature",)),
        ({"top_p": 0.2}, "top_p", ("top_p",)),
    ],
)
def test_what_can_not_stand_beside_thinking_is_named(
    model: str, fields: Body, lost: str, words: tuple[str, ...]
) -> None:
    asked = {"reasoning_effort": "low", **fields}
    with pytest.raises(Unexpressible) as caught:
        ask("chat", "messages", model, **asked)
    assert [loss.path for loss in caught.value.losses] == [lost]
    body = ask("chat", "messages", model, terms=Terms(allow_loss=frozenset(words)), **asked)
    assert lost not in body
    assert ("thinking" in body) == (lost != "reasoning_effort")


def test_top_p_near_1_stands_beside_a_budget() -> None:
    body = ask("chat", "messages", HAIKU, reasoning_effort="low", top_p=0.97)
    assert body["top_p"] == 0.97


def test_a_schema_that_can_not_be_closed_is_refused_or_asked_for_in_words() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    with pytest.raises(Unexpressible) as caught:
        ask("chat", "messages", OPUS, response_format=form)
    assert caught.value.losses[0].setting == "json_schema"
    terms = Terms(allow_loss=frozenset(["json_schema"]))
    body = ask("chat", "messages", OPUS, terms=terms, response_format=form)
    assert '"additionalProperties"' in body["system"]
    assert "output_config" not in body


def test_strict_tools_of_claude_are_closed() -> None:
    (tool,) = ask("chat", "messages", OPUS, tools=[function(strict=True)])["tools"]
    assert tool["strict"] is True
    assert tool["input_schema"]["additionalProperties"] is False
    (loose,) = ask("chat", "messages", OPUS, tools=[function()])["tools"]
    assert "additionalProperties" not in loose["input_schema"]


def test_an_operator_says_what_a_model_takes() -> None:
    terms = Terms(takes={"harbour-*": Takes(thinking="budget", budget_least=2048, efforts=())})
    body = ask("chat", "messages", "harbour-2", terms=terms, reasoning_effort="low")
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    other = ask("chat", "messages", "quay-2", terms=terms, reasoning_effort="low")
    assert other["thinking"] == {"type": "adaptive"}


FILE = """
[providers.p]
base_url = "http://p.example"
dialect = "messages"

[providers.p.takes."harbour-*"]
thinking = "budget"
budget_least = 2048
efforts = []
"""


def test_it_stands_in_the_file(tmp_path: Any) -> None:
    path = tmp_path / "s.toml"
    path.write_text(FILE)
    takes = load(path, {}).providers["p"].takes
    assert takes == {"harbour-*": Takes(thinking="budget", budget_least=2048, efforts=())}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('thinking = "hard"', "providers.p.takes"),
        ("news = 1", "providers.p.takes"),
        ("call_id_most = 2", "providers.p.takes.harbour-*.call_id_most: must be 8 or more"),
        ("call_id_least = 70\ncall_id_most = 80", "call_id_least: must be 40 or less"),
        ("call_id_least = 9\ncall_id_most = 8", "must be call_id_least or more"),
    ],
)
def test_what_is_wrong_in_it_is_named(tmp_path: Any, line: str, complaint: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(FILE.partition("thinking")[0] + line)
    (found,) = problems(path, {})
    assert complaint in found
