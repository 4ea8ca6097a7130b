"""What a provider of another dialect can't be asked: served another way, or refused by its path,
with its value, the provider and the setting that allows it; and allowed, served without it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from broker.dialects.neutral.terms import Terms
from broker.dialects.neutral.translation import Put, put
from broker.errors import BadRequest, Unexpressible
from broker.loss import Loss, place_of, shown, worded
from broker.settings import Quirks
from broker.settings.losses import LOSSES
from tests.unit.neutral_answers import CALLERS

PROVIDERS = ("chat", "messages", "responses", "gemini")
PNG, PDF = "iVBORw0KGgo=", "JVBERi0xLjQK"
HI: dict[str, Any] = {"role": "user", "content": "Hi"}
BASE: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": [HI]},
    "messages": {"model": "m", "messages": [HI], "max_tokens": 9},
    "responses": {"model": "m", "input": [HI]},
}
PAIRS = [(caller, provider) for caller in CALLERS for provider in PROVIDERS if caller != provider]


def asked(caller: str, provider: str, body: dict[str, Any], *allow: str, **terms: Any) -> Put:
    said = Terms(provider="there", allow_loss=frozenset(allow), **terms)
    return put(BASE[caller] | body, caller, provider, "m", said)


def refused(caller: str, provider: str, body: dict[str, Any], *allow: str) -> tuple[Loss, ...]:
    with pytest.raises(Unexpressible) as caught:
        asked(caller, provider, body, *allow)
    return caught.value.losses


def text_of(found: Put) -> str:
    return msgspec.json.encode(found.request).decode()


# ── Refused, unless it is allowed ──────────────────────────────────────────────────────


class Wish(NamedTuple):
    """What a caller asks, where it stands, what allows it, and who is asked nevertheless."""

    caller: str
    body: dict[str, Any]
    path: str
    setting: str
    served: tuple[str, ...] = ()


def user(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*content, {"type": "text", "text": "See."}]}]


def given(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*content, {"type": "input_text", "text": "See."}]}]


URL = "https://x.example/a"
AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PICTURE = {"type": "image_url", "image_url": {"url": URL}}
WISHES = [
    Wish("chat", {"seed": 7}, "seed", "seed", ("gemini",)),
    Wish("chat", {"frequency_penalty": 0.5}, "frequency_penalty", "penalties", ("gemini",)),
    Wish("chat", {"presence_penalty": 0.5}, "presence_penalty", "penalties", ("gemini",)),
    Wish("chat", {"temperature": 1.5}, "temperature", "temperature", ("responses", "gemini")),
    Wish("chat", {"verbosity": "low"}, "verbosity", "verbosity", ("responses",)),
    Wish("chat", {"logit_bias": {"5": 1}}, "logit_bias", "logit_bias"),
    Wish("chat", {"logprobs": True}, "logprobs", "include"),
    Wish("chat", {"top_logprobs": 2}, "top_logprobs", "include"),
    Wish("chat", {"audio": {"voice": "x"}}, "audio", "audio"),
    Wish("chat", {"modalities": ["text", "audio"]}, "modalities", "audio"),
    Wish("chat", {"web_search_options": {}}, "web_search_options", "hosted_tools"),
    Wish("chat", {"tools": [{"type": "custom", "custom": {}}]}, "tools[0].type", "hosted_tools"),
    Wish("chat", {"tool_choice": {"type": "allowed_tools"}}, "tool_choice.type", "tool_choice"),
    Wish("chat", {"reasoning_effort": "frantic"}, "reasoning_effort", "reasoning"),
    Wish("chat", {"newest_field": [1]}, "newest_field", "fields"),
    Wish("chat", {"messages": [{**HI, "mood": 1}]}, "messages[0].mood", "fields"),
    Wish("chat", {"messages": user(AUDIO)}, "messages[0].content[0].type", "audio"),
    Wish("chat", {"messages": user({"type": "video"})}, "messages[0].content[0].type", "items"),
    Wish(
        "chat",
        {"messages": user(PICTURE)},
        "messages[0].content[0].image_url",
        "images",
        ("messages", "responses"),
    ),
    Wish("messages", {"top_k": 3}, "top_k", "top_k", ("gemini",)),
    Wish("messages", {"mcp_servers": [{"name": "x"}]}, "mcp_servers", "fields"),
    Wish(
        "messages",
        {"tools": [{"type": "web_search_20260101", "name": "web_search"}]},
        "tools[0].type",
        "hosted_tools",
    ),
    Wish(
        "messages",
        {"messages": user({"type": "document", "source": {"type": "url", "url": URL}})},
        "messages[0].content[0]",
        "documents",
        ("responses",),
    ),
    Wish(
        "messages",
        {
            "messages": user(
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "abc"},
                    "citations": {"enabled": True},
                }
            )
        },
        "messages[0].content[0].citations.enabled",
        "citations",
    ),
    Wish("responses", {"text": {"verbosity": "high"}}, "text.verbosity", "verbosity", ("chat",)),
    Wish("responses", {"tools": [{"type": "web_search"}]}, "tools[0].type", "hosted_tools"),
    Wish("responses", {"include": ["message.output_text.logprobs"]}, "include[0]", "include"),
    Wish("responses", {"top_logprobs": 3}, "top_logprobs", "include"),
    Wish(
        "responses",
        {"input": [HI, {"type": "computer_call", "call_id": "c"}]},
        "input[1].type",
        "items",
    ),
    Wish(
        "responses",
        {"input": given({"type": "input_file", "file_url": URL})},
        "input[0].content[0]",
        "documents",
        ("messages",),
    ),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: f"{wish.caller}-{wish.path}")
def test_a_wish_is_served_or_refused_by_its_path_or_allowed(wish: Wish, provider: str) -> None:
    if wish.caller == provider:
        return
    if provider in wish.served:
        found = asked(wish.caller, provider, wish.body)
        assert found.lost == ()
        assert text_of(found) != text_of(asked(wish.caller, provider, {}))
        return
    (loss,) = refused(wish.caller, provider, wish.body)
    assert (loss.path, loss.setting, loss.provider) == (wish.path, wish.setting, "there")
    for word in (wish.path, loss.value, "there", f"allow_loss = ['{wish.setting}']"):
        assert word in worded([loss])
    found = asked(wish.caller, provider, wish.body, wish.setting)
    assert found.lost == (wish.path,)
    others = set(LOSSES) - {wish.setting}
    assert refused(wish.caller, provider, wish.body, *others) == (loss,)


def test_every_loss_that_can_be_allowed_is_one_that_there_is() -> None:
    quirks = {"json_schema"}  # of chat providers alone, below
    assert {wish.setting for wish in WISHES} | quirks == set(LOSSES)


@pytest.mark.parametrize(("caller", "provider"), PAIRS)
def test_all_of_it_is_told_at_once(caller: str, provider: str) -> None:
    wishes = [wish for wish in WISHES if wish.caller == caller and provider not in wish.served]
    body: dict[str, Any] = {}
    expected = []
    for wish in wishes:
        if body.keys().isdisjoint(wish.body):
            body |= wish.body
            expected.append(wish)
    losses = refused(caller, provider, body)
    assert {loss.path for loss in losses} == {wish.path for wish in expected}
    assert len(expected) > 1
    left = expected[0]
    allowed = {wish.setting for wish in expected} - {left.setting}
    again = refused(caller, provider, body, *allowed)
    assert {loss.path for loss in again} == {
        wish.path for wish in expected if wish.setting == left.setting
    }
    served = asked(caller, provider, body, *LOSSES)
    assert set(served.lost) == {wish.path for wish in expected}


@pytest.mark.parametrize(("caller", "provider"), PAIRS)
def test_what_is_malformed_is_no_loss(caller: str, provider: str) -> None:
    with pytest.raises(BadRequest) as caught:
        asked(caller, provider, {"temperature": "hot"}, *LOSSES)
    assert not isinstance(caught.value, Unexpressible)


# ── Served another way ─────────────────────────────────────────────────────────────────


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
TOOL = {"name": "look", "input_schema": {"type": "object"}}


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


def test_a_lost_tool_is_not_chosen() -> None:
    body = {
        "tools": [TOOL, {"type": "web_search_1", "name": "search"}],
        "tool_choice": {"type": "tool", "name": "search"},
    }
    found = asked("messages", "chat", body, "hosted_tools")
    assert [tool["function"]["name"] for tool in found.request["tools"]] == ["look"]
    assert "tool_choice" not in found.request


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("", ()),
        ("top_k", ("top_k",)),
        ("messages[1].content[0].type", ("messages", 1, "content", 0, "type")),
        ("a[x].b", ("a[x]", "b")),
        ("a[1][2]", ("a", 1, 2)),
    ],
)
def test_a_path_has_steps(path: str, steps: tuple[str | int, ...]) -> None:
    assert place_of(path) == steps


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.5, "1.5"), ("x", '"x"'), ({"a": [1]}, '{"a":[1]}'), ("y" * 500, None), ([1] * 500, "[…]")],
)
def test_a_value_is_shown_short(value: Any, text: str | None) -> None:
    found = shown(value)
    assert len(found) <= 80
    assert text is None or found == text


def test_many_losses_are_counted() -> None:
    body = {f"field_{place}": 1 for place in range(30)}
    losses = refused("chat", "messages", body)
    assert len(losses) == 30
    assert worded(losses).endswith("And 10 more.")
