"""Requests: read, written and read again, from each dialect to each; and what is refused."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.dialects.neutral import reading, writing
from broker.dialects.neutral.request import Image, Request, Text, Thought, ToolCall, ToolResult
from broker.dialects.neutral.translation import translate_request
from broker.dialects.neutral.writing.json_words import JSON_ONLY
from broker.errors import BadRequest, Unexpressible
from tests.unit.neutral_answers import CALLERS
from tests.unit.neutral_requests import requests

READ: Any = {
    "chat": reading.chat_request.read,
    "messages": reading.messages_request.read,
    "responses": reading.responses_request.read,
}
WRITE: Any = {
    "chat": writing.chat_request.write,
    "messages": writing.messages_request.write,
    "responses": writing.responses_request.write,
}
HI = [{"role": "user", "content": "Hi"}]
BASE: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": HI},
    "messages": {"model": "m", "messages": HI, "max_tokens": 9},
    "responses": {"model": "m", "input": "Hi"},
}


def placeless(value: Any) -> Any:
    """A request as plain values, without where a caller wrote what of it."""
    match value:
        case msgspec.Struct():
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            fields.pop("at", None)
            return type(value).__name__, placeless(fields)
        case dict():
            return {key: placeless(each) for key, each in value.items()}
        case list() | tuple():
            return [placeless(each) for each in value]
        case _:
            return value


@pytest.mark.parametrize("dialect", CALLERS)
@settings(max_examples=25)
@given(data=st.data())
def test_what_is_written_is_read(dialect: str, data: st.DataObject) -> None:
    request = data.draw(requests(dialect))
    if any(all(isinstance(part, Thought) for part in each.parts) for each in request.messages):
        return  # thoughts that nothing follows are not sent back
    body = WRITE[dialect](request, "m")
    assert placeless(unworded(READ[dialect](body))) == placeless(request)
    assert WRITE[dialect](READ[dialect](body), "m") == body


def unworded(request: Request) -> Request:
    """The request without the sentence that asks for JSON where nothing else speaks of it."""
    first = request.messages[0] if request.messages else None
    text = first.parts[0] if first is not None else None
    if first is None or not isinstance(text, Text):
        return request
    rest = first.parts[1:]
    left = text.text.removeprefix(JSON_ONLY).removeprefix("\n\n")
    if left == text.text:
        return request
    behind = request.messages[1:]
    if not left and not rest:
        return replace(request, messages=behind)
    return replace(request, messages=(replace(first, parts=(Text(left), *rest)), *behind))


def essence(request: Request) -> list[Any]:
    """What every dialect can say of a conversation."""
    found: list[Any] = []
    instructions = list(request.instructions)
    for message in request.messages:
        role = message.role
        if role in ("system", "developer"):
            instructions += [part.text for part in message.parts if isinstance(part, Text)]
            continue
        for part in message.parts:
            match part:
                case Thought():
                    continue
                case Image():
                    found.append((role, part.url, part.data, part.media_type))
                case ToolCall() | ToolResult():
                    texts = [getattr(part, "name", ""), getattr(part, "arguments", "")]
                    inner = [
                        getattr(each, "text", "") or getattr(each, "data", "")
                        for each in getattr(part, "parts", ())
                    ]
                    found.append((role, part.id, *texts, *inner))
                case _:
                    found.append((role, part.text))
    said = [  # the sentence stands where there is no other way, perhaps joined with others
        text.removeprefix(f"{JSON_ONLY}\n\n").removesuffix(f"\n\n{JSON_ONLY}")
        for text in instructions
        if text != JSON_ONLY
    ]
    return ["\n\n".join(said), *found]


def shows_pictures(request: Request) -> bool:
    """Whether a tool's result has any, which chat is told behind it: see ``test_served``."""
    parts = [part for message in request.messages for part in message.parts]
    results = [part for part in parts if isinstance(part, ToolResult)]
    return any(isinstance(part, Image) for result in results for part in result.parts)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("provider", CALLERS)
@settings(max_examples=25)
@given(data=st.data())
def test_a_conversation_survives_or_is_refused(
    caller: str, provider: str, data: st.DataObject
) -> None:
    request = data.draw(requests(caller))
    body = WRITE[caller](request, "m")
    try:
        theirs = translate_request(body, caller, provider, "theirs")
    except Unexpressible:
        return
    assert theirs["model"] == "theirs"
    there = READ[provider](theirs)
    if provider != "chat" or not shows_pictures(request):
        assert essence(there) == essence(request)
    if provider != "responses":
        assert there.stop == request.stop[: 4 if provider == "chat" else None]
    for name in ("temperature", "top_p", "top_k", "seed"):
        assert getattr(there, name) == getattr(request, name)
    assert [tool.name for tool in there.tools] == [tool.name for tool in request.tools]
    assert there.tool_choice == request.tool_choice or there.tool_choice == "auto"
    if request.parallel is False and request.tool_choice != "none":
        assert there.parallel is False


@pytest.mark.parametrize("caller", CALLERS)
@settings(max_examples=25)
@given(data=st.data())
def test_gemini_is_asked_or_it_is_refused(caller: str, data: st.DataObject) -> None:
    body = WRITE[caller](data.draw(requests(caller)), "m")
    try:
        theirs = translate_request(body, caller, "gemini", "m")
    except Unexpressible:
        return
    assert theirs["contents"][0]["role"] == "user"
    assert all(content["parts"] for content in theirs["contents"])


def test_a_seed_of_0_is_a_seed() -> None:
    with pytest.raises(Unexpressible):
        translate_request({**BASE["chat"], "seed": 0}, "chat", "messages", "m")


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("chat", {"n": 2}, "n"),
    ("chat", {"logprobs": True}, "logprobs"),
    ("chat", {"logit_bias": {"1": 2}}, "logit_bias"),
    ("chat", {"audio": {"voice": "x"}}, "audio"),
    ("chat", {"modalities": ["text", "audio"]}, "modalities"),
    ("chat", {"functions": [{"name": "f"}]}, "functions"),
    ("chat", {"news": 1}, "news"),
    ("chat", {"web_search_options": {}}, "web_search_options"),  # with all its defaults
    ("chat", {"tools": [{"type": "custom", "custom": {}}]}, "tools[0].type"),
    ("chat", {"tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
    ("chat", {"messages": [{"role": "user", "content": "x", "nick": "n"}]}, "messages[0].nick"),
    (
        "chat",
        {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
        "messages[0].content[0].type",
    ),
    ("messages", {"mcp_servers": [{}]}, "mcp_servers"),
    ("messages", {"container": "c"}, "container"),
    ("messages", {"tools": [{"type": "web_search_1", "name": "x"}]}, "tools[0].type"),
    (
        "messages",
        {"messages": [{"role": "user", "content": [{"type": "container_upload"}]}]},
        "messages[0].content[0].type",
    ),
    ("responses", {"previous_response_id": "r"}, "previous_response_id"),
    ("responses", {"conversation": "c"}, "conversation"),
    ("responses", {"input": None, "prompt": {"id": "p"}}, "prompt"),
    (
        "responses",
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
        "input[0].content[0].file_id",
    ),
    ("responses", {"include": ["message.output_text.logprobs"]}, "include[0]"),
    ("responses", {"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ("responses", {"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
]


@pytest.mark.parametrize(("dialect", "fields", "param"), CASES)
def test_what_has_no_counterpart(dialect: str, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Unexpressible) as caught:
        READ[dialect](BASE[dialect] | fields)
    assert caught.value.param == param
    assert param in caught.value.message


IMAGE = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
THERE: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("chat", {"seed": 1}, ("messages", "responses")),
    ("chat", {"frequency_penalty": 1}, ("messages", "responses")),
    ("chat", {"temperature": 1.5}, ("messages",)),
    ("chat", {"verbosity": "low"}, ("messages", "gemini")),
    ("chat", {"messages": [{"role": "user", "content": [IMAGE]}]}, ("gemini",)),
    ("messages", {"top_k": 3}, ("chat", "responses")),
]


@pytest.mark.parametrize("provider", ["chat", "messages", "responses", "gemini"])
@pytest.mark.parametrize(("caller", "fields", "refusing"), THERE)
def test_what_one_dialect_lacks(
    caller: str, fields: dict[str, Any], refusing: tuple[str, ...], provider: str
) -> None:
    try:
        translate_request(BASE[caller] | fields, caller, provider, "m")
    except Unexpressible:
        assert provider in refusing
    else:
        assert provider not in refusing


HARMLESS: list[tuple[str, dict[str, Any]]] = [
    (
        "chat",
        {
            "stream": True,
            "stream_options": {},
            "metadata": {"a": "b"},
            "store": True,
            "prediction": {"type": "content", "content": "x"},
            "user": "u",
            "n": 1,
            "logprobs": False,
            "service_tier": "flex",
            "prompt_cache_key": "k",
            "functions": None,
            "tools": [],
            "frequency_penalty": 0,
            "safety_identifier": "s",
        },
    ),
    (
        "messages",
        {
            "stream": True,
            "anthropic_beta": ["x"],
            "metadata": {"user_id": "u"},
            "service_tier": "auto",
            "tools": [],
        },
    ),
    (
        "responses",
        {
            "stream": True,
            "store": True,
            "metadata": {},
            "include": ["reasoning.encrypted_content"],
            "background": True,
            "truncation": "auto",
            "max_tool_calls": 3,
            "text": {"format": {"type": "text"}},
            "service_tier": "default",
        },
    ),
]


@pytest.mark.parametrize("provider", ["chat", "messages", "responses", "gemini"])
@pytest.mark.parametrize(("caller", "fields"), HARMLESS)
def test_what_is_harmless(caller: str, fields: dict[str, Any], provider: str) -> None:
    with_them = translate_request(BASE[caller] | fields, caller, provider, "m")
    without = translate_request(BASE[caller], caller, provider, "m")
    for body in (with_them, without):
        body.pop("user", None)
        body.pop("metadata", None)
        body.pop("frequency_penalty", None)
        body.pop("generationConfig", None)
    assert with_them == without


@pytest.mark.parametrize("dialect", CALLERS)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": 1, "input": 1},
        {"messages": [1], "input": [1]},
        {"messages": [{}], "input": [{}]},
        {"messages": HI, "input": "Hi", "temperature": "hot"},
        {"messages": HI, "input": "Hi", "tools": [{"type": "function"}]},
    ],
)
def test_what_is_malformed_is_the_callers_fault(dialect: str, body: dict[str, Any]) -> None:
    try:
        READ[dialect](body)
    except BadRequest:
        return
    assert "messages" not in body


def test_a_tool_that_failed_tells_gemini_so() -> None:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "no", "is_error": True}
    turns = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    body = BASE["messages"] | {"messages": [*HI, *turns]}
    contents = translate_request(body, "messages", "gemini", "m")["contents"]
    assert contents[1]["parts"] == [{"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}}]
    response = {"id": "a", "name": "f", "response": {"error": "no"}}
    assert contents[2]["parts"] == [{"functionResponse": response}]
    assert Text("no") in READ["messages"](body).messages[2].parts[0].parts


def test_geminis_signature_returns_to_its_call() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    detail = {"type": "reasoning.encrypted", "data": "streamhold:gemini::sig"}
    turn = {
        "role": "assistant",
        "content": "x",
        "tool_calls": [call],
        "reasoning_details": [detail],
    }
    body = BASE["chat"] | {"messages": [*HI, turn]}
    parts = translate_request(body, "chat", "gemini", "m")["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [None, "sig"]
    assert "reasoning_details" not in translate_request(body, "chat", "chat", "m")["messages"][1]
