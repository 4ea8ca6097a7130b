"""What a provider of another dialect can't be asked as it is, served another way."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import put
from broker.errors import Unexpressible
from broker.settings import Quirks
from tests.unit.neutral_answers import CALLERS
from tests.unit.test_losses import BASE, HI, PROVIDERS, TOOL, asked, given, user

PNG, PDF = "iVBORw0KGgo=", "JVBERi0xLjQK"


Holds = dict[str, Callable[[dict[str, Any]], bool]]


class Served(NamedTuple):
    """What a caller asks, and what of it each provider's body holds."""

    caller: str
    body: dict[str, Any]
    holds: Holds


CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
USE = {"type": "tool_use", "id": "c1", "name": "look", "input": {}}
DATA = f"data:image/png;base64,{PNG}"
SEEN = {"type": "image_url", "image_url": {"url": DATA}}
BLOCK = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
FILE = {
    "type": "file",
    "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
}
DOCUMENT = {
    "type": "document",
    "title": "a.pdf",
    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
}
INPUT_FILE = {
    "type": "input_file",
    "filename": "a.pdf",
    "file_data": f"data:application/pdf;base64,{PDF}",
}
FUNCTION = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def results(caller: str) -> dict[str, Any]:
    """A tool's result of a text and a picture, and a file behind it."""
    if caller == "chat":
        content = [{"type": "text", "text": "Here:"}, SEEN, FILE]
        said = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        told = {"role": "tool", "tool_call_id": "c1", "name": "look", "content": content}
        return {"messages": [HI, said, told]}
    if caller == "messages":
        inner = [{"type": "text", "text": "Here:"}, BLOCK, DOCUMENT]
        result = {"type": "tool_result", "tool_use_id": "c1", "content": inner}
        told = {"role": "user", "content": [result, {"type": "text", "text": "Well?"}]}
        return {"messages": [HI, {"role": "assistant", "content": [USE]}, told]}
    output = [
        {"type": "input_text", "text": "Here:"},
        {"type": "input_image", "image_url": DATA},
        INPUT_FILE,
    ]
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c1", "output": output}
    return {"input": [HI, call, result]}


def behind_chat(body: dict[str, Any]) -> bool:
    place = next(n for n, each in enumerate(body["messages"]) if each["role"] == "tool")
    tool, turn = body["messages"][place : place + 2]
    kinds = [part["type"] for part in turn["content"]]
    return (
        tool["content"].startswith("Here:\n\n[1 picture and 1 file of this result")
        and turn["role"] == "user"
        and kinds == ["text", "image_url", "file"]
        and "c1" in turn["content"][0]["text"]
    )


def behind_gemini(body: dict[str, Any]) -> bool:
    answer, turn = body["contents"][2:4]
    response = answer["parts"][0]["functionResponse"]["response"]["output"]
    kinds = [next(iter(part)) for part in turn["parts"]]
    return (
        response.startswith("Here:")
        and len(answer["parts"]) == 1
        and turn["role"] == "user"
        and kinds == ["text", "inlineData", "inlineData"]
    )


def within_messages(body: dict[str, Any]) -> bool:
    blocks = body["messages"][2]["content"][0]["content"]
    return [block["type"] for block in blocks] == ["text", "image", "document"]


def within_responses(body: dict[str, Any]) -> bool:
    output = body["input"][-1 if "output" in body["input"][-1] else -2]["output"]
    return [part["type"] for part in output] == ["input_text", "input_image", "input_file"]


def holding(*texts: str, but: tuple[str, ...] = ()) -> Callable[[dict[str, Any]], bool]:
    def holds(body: dict[str, Any]) -> bool:
        said = msgspec.json.encode(body).decode()
        return all(text in said for text in texts) and not any(text in said for text in but)

    return holds


BEHIND: Holds = {
    "chat": behind_chat,
    "gemini": behind_gemini,
    "messages": within_messages,
    "responses": within_responses,
}
FILES: Holds = {
    "chat": holding('"file_data":"data:application/pdf;base64,' + PDF, '"filename":"a.pdf"'),
    "messages": holding('"media_type":"application/pdf"', PDF, '"title":"a.pdf"'),
    "responses": holding('"type":"input_file"', PDF, '"filename":"a.pdf"'),
    "gemini": holding('"inlineData":{"mimeType":"application/pdf"', PDF),
}
STOPPED: Holds = {
    "chat": holding('"stop":["END"]'),
    "messages": holding('"stop_sequences":["END"]'),
    "responses": holding(but=("END",)),  # cut here: see below
    "gemini": holding('"stopSequences":["END"]'),
}
LATE: Holds = {
    "messages": holding("<system>\\nBe brief.\\n</system>", but=('"role":"system"',)),
    "gemini": holding("<system>\\nBe brief.\\n</system>"),
    "responses": holding('"role":"system"', but=("<system>",)),
}
NAMELESS: Holds = {each: holding(but=("bob",)) for each in ("messages", "responses", "gemini")}
JSON: Holds = {
    "messages": holding("single JSON object", but=("response_format", "output_config")),
    "responses": holding('"format":{"type":"json_object"}'),
    "chat": holding('"response_format":{"type":"json_object"}'),
    "gemini": holding('"responseMimeType":"application/json"'),
}
ALONE: Holds = {
    "chat": holding('"parallel_tool_calls":false'),
    "messages": holding('"disable_parallel_tool_use":true'),
    "responses": holding('"parallel_tool_calls":false'),
    "gemini": holding('"mode":"ANY"'),
}
SERVED = [
    *(Served(caller, results(caller), BEHIND) for caller in CALLERS),
    Served("chat", {"messages": user(FILE)}, FILES),
    Served("messages", {"messages": user(DOCUMENT)}, FILES),
    Served("responses", {"input": given(INPUT_FILE)}, FILES),
    Served("chat", {"stop": "END"}, STOPPED),
    Served("messages", {"stop_sequences": ["END"]}, STOPPED),
    Served("chat", {"response_format": {"type": "json_object"}}, JSON),
    Served("responses", {"text": {"format": {"type": "json_object"}}}, JSON),
    Served(
        "chat",
        {
            "messages": [
                HI,
                {"role": "assistant", "content": "Yes?"},
                {"role": "system", "content": "Be brief."},
                HI,
            ]
        },
        LATE,
    ),
    Served(
        "chat",
        {"tools": [FUNCTION], "tool_choice": "required", "parallel_tool_calls": False},
        ALONE,
    ),
    Served(
        "messages",
        {
            "tools": [TOOL],
            "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": True},
        },
        ALONE,
    ),
    Served(
        "responses",
        {
            "tools": [{"type": "function", "name": "look", "parameters": {}}],
            "tool_choice": "required",
            "parallel_tool_calls": False,
        },
        ALONE,
    ),
    Served("responses", {"truncation": "auto"}, {}),
    Served("chat", {"store": True, "service_tier": "flex"}, {}),
    Served("messages", {"service_tier": "priority"}, {}),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("served", SERVED)
def test_what_can_be_served_is(served: Served, provider: str) -> None:
    if served.caller == provider:
        return
    found = asked(served.caller, provider, served.body)
    assert found.lost == ()
    holds = served.holds.get(provider)
    if served.holds:
        assert holds is None or holds(found.request), found.request
    else:
        assert found.request == asked(served.caller, provider, {}).request


@pytest.mark.parametrize("provider", ["messages", "responses", "gemini"])
def test_names_are_left_out_or_written(provider: str) -> None:
    named = {"messages": [{**HI, "name": "bob"}, {"role": "user", "content": [SEEN], "name": "al"}]}
    found = asked("chat", provider, named)
    assert found.lost == ("messages[0].name", "messages[1].name")
    assert NAMELESS[provider](found.request)
    written = asked("chat", provider, named, names="text")
    assert written.lost == ()
    assert holding("bob: Hi", "al:")(written.request)
    result = asked("chat", provider, results("chat"))
    assert result.lost == (), "a tool's result repeats its call's name"


@pytest.mark.parametrize(
    ("model", "setting", "native"),
    [
        ("claude-opus-4-8", "auto", True),
        ("claude-opus-5-5", "auto", True),
        ("us.anthropic.claude-sonnet-5", "auto", True),
        ("claude-sonnet-4-5-20250929", "auto", False),
        ("claude-opus-4-20250514", "auto", False),
        ("claude-3-5-haiku-20241022", "auto", False),
        ("some-model", "auto", False),
        ("some-model", "native", True),
        ("claude-opus-4-8", "user", False),
    ],
)
def test_late_system_turns_are_native_to_newer_models(
    model: str, setting: Any, native: bool
) -> None:
    late = {"role": "system", "content": "Be brief."}
    terms = Terms(system_turns=setting)
    body = {"model": "m", "messages": [HI, late]}
    roles = [
        each["role"] for each in put(body, "chat", "messages", model, terms).request["messages"]
    ]
    assert roles == (["user", "system"] if native else ["user", "user"])
    answer = {"role": "assistant", "content": "Yes?"}
    for before in ([HI, answer, late, HI], [HI, late, HI], [HI, answer, late]):
        asked_there = put({"messages": before}, "chat", "messages", model, terms).request
        assert "system" not in [each["role"] for each in asked_there["messages"]], "no place for it"
    twice = put({"messages": [HI, late, late, answer, HI]}, "chat", "messages", model, terms)
    roles = [each["role"] for each in twice.request["messages"]]
    assert roles.count("system") == (1 if native else 0)


def test_a_chat_provider_without_files_refuses_them() -> None:
    quirks = Quirks(files=False)
    body = {"input": given(INPUT_FILE)}
    terms = Terms(provider="local", quirks=quirks)
    with pytest.raises(Unexpressible) as caught:
        put(BASE["responses"] | body, "responses", "chat", "m", terms)
    (loss,) = caught.value.losses
    assert (loss.path, loss.setting) == ("input[0].content[0]", "documents")
    allowed = msgspec.structs.replace(terms, allow_loss=frozenset({"documents"}))
    found = put(BASE["responses"] | body, "responses", "chat", "m", allowed)
    assert holding("left out", but=(PDF,))(found.request)


def test_top_k_goes_to_a_chat_provider_that_takes_it() -> None:
    terms = Terms(quirks=Quirks(takes=("top_k",)))
    assert (
        put(BASE["messages"] | {"top_k": 3}, "messages", "chat", "m", terms).request["top_k"] == 3
    )


def test_a_schema_that_a_provider_lacks_is_asked_for_in_words_if_allowed() -> None:
    quirks = Quirks(without=("response_format.json_schema",))
    schema = {"type": "object", "properties": {"port": {"type": "string"}}}
    output = {"type": "json_schema", "name": "x", "schema": schema}
    body = BASE["responses"] | {"text": {"format": output}}
    terms = Terms(provider="p", quirks=quirks)
    with pytest.raises(Unexpressible) as caught:
        put(body, "responses", "chat", "m", terms)
    (loss,) = caught.value.losses
    assert (loss.path, loss.setting) == ("text.format", "json_schema")
    allowed = msgspec.structs.replace(terms, allow_loss=frozenset({"json_schema"}))
    found = put(body, "responses", "chat", "m", allowed)
    assert found.request["response_format"] == {"type": "json_object"}
    assert '"port"' in found.request["messages"][0]["content"]


def test_text_documents_are_texts() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "Tides of Bergen"}
    block = {"type": "document", "title": "tides", "context": "A table.", "source": source}
    for provider in ("chat", "responses", "gemini"):
        found = asked("messages", provider, {"messages": user(block)})
        assert holding("Document: tides", "A table.", "Tides of Bergen")(found.request)
    file = {
        "type": "file",
        "file": {"filename": "t.md", "file_data": "data:text/markdown;base64,YQ=="},
    }
    found = asked("chat", "messages", {"messages": user(file)})
    source = found.request["messages"][0]["content"][0]["source"]
    assert source == {"type": "text", "media_type": "text/plain", "data": "a"}
