"""OpenAI's Responses API, asked without keeping anything (``store`` false)."""

import json
from collections.abc import Iterator
from typing import Any

from openai.types.responses.response_create_params import ResponseCreateParamsBase

from tests.vendors import openai_responses_items
from tests.vendors.openai_models import (
    EFFORTS,
    FUNCTIONS,
    LISTS,
    MODELS,
    PICTURES,
    SAMPLING,
    STRUCTURED,
)
from tests.vendors.pictures import bad_url
from tests.vendors.rule import Asked, Rules, objects
from tests.vendors.schemas import (
    NAME,
    is_object,
    lists_without_items,
    not_strict_for_openai,
)
from tests.vendors.shape import misfits

_API = "https://developers.openai.com/api/reference/resources/responses/methods/create"
_STREAMED = ("stream",)
_CALLS = ("function_call", "custom_tool_call")

RULES = Rules()
RULES.all += openai_responses_items.RULES.all


def _items(asked: Asked) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from objects(asked.body.get("input"), "input")


@RULES.add("shape", "Unknown parameter", "openai.types.responses.ResponseCreateParams")
def _shape(asked: Asked) -> Iterator[str]:
    body = {key: value for key, value in asked.body.items() if key not in _STREAMED}
    if isinstance(body.get("input"), list):
        body["input"] = [_typed(item) for item in body["input"]]
    yield from misfits(body, ResponseCreateParamsBase, "body")


def _typed(item: Any) -> Any:
    """The item as the SDK's types have it: they know the model's own message as it came alone,
    with its id, but the API takes one without."""
    if not isinstance(item, dict) or item.get("role") != "assistant":
        return item
    if not isinstance(item.get("content"), list):
        return item
    parts = [
        {"annotations": [], **part} if part.get("type") == "output_text" else part
        for part in item["content"]
    ]
    return {"id": "msg_x", "type": "message", "status": "completed", **item, "content": parts}


@RULES.add(
    "some input",
    "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided.",
    _API,
)
def _some(asked: Asked) -> Iterator[str]:
    if not asked.body.get("input"):
        yield "input"


@RULES.add(
    "names of functions",
    "Invalid 'input[3].name': string does not match pattern. Expected "
    "a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
    _API,
)
def _names(asked: Asked) -> Iterator[str]:
    for at, tool in (*objects(asked.body.get("tools"), "tools"), *_items(asked)):
        if tool.get("type") in ("function", *_CALLS) and not NAME.match(tool.get("name", "")):
            yield f"{at}.name"


@RULES.add(
    "a function's schema",
    "Invalid schema for function 'x': schema must be a JSON Schema "
    "of 'type: \"object\"', got 'type: \"None\"'.",
    FUNCTIONS,
)
def _schema(asked: Asked) -> Iterator[str]:
    for at, tool in objects(asked.body.get("tools"), "tools"):
        if tool.get("type") == "function":
            schema = tool.get("parameters")
            if schema is not None and not is_object(schema):
                yield f"{at}.parameters"
            yield from _strictly(tool, at)


def _strictly(tool: dict[str, Any], at: str) -> Iterator[str]:
    """It is strict if nothing is said of that, where its schema allows it."""
    if tool.get("strict"):
        yield from not_strict_for_openai(tool.get("parameters"), f"{at}.parameters")


@RULES.add(
    "lists in schemas",
    "Invalid schema for function 'x': In context=('properties', 'y'), array schema missing items.",
    LISTS,
)
def _lists(asked: Asked) -> Iterator[str]:
    for at, tool in objects(asked.body.get("tools"), "tools"):
        yield from lists_without_items(tool.get("parameters"), f"{at}.parameters")


@RULES.add("tool choice", "Tool choice 'x' not found in 'tools' parameter.", FUNCTIONS)
def _choice(asked: Asked) -> Iterator[str]:
    choice = asked.body.get("tool_choice")
    names = [tool.get("name") for _, tool in objects(asked.body.get("tools"), "tools")]
    if choice not in (None, "auto", "none") and not names:
        yield "tool_choice"
    if isinstance(choice, dict) and choice.get("type") == "function":
        yield from () if choice.get("name") in names else ("tool_choice.name",)


@RULES.add(
    "least length",
    "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16",
    "https://github.com/earendil-works/pi/issues/6265",
)
def _least(asked: Asked) -> Iterator[str]:
    if (asked.body.get("max_output_tokens") or 16) < 16:
        yield "max_output_tokens"


@RULES.add(
    "JSON in words",
    "Response input messages must contain the word 'json' in some form to "
    "use 'text.format' of type 'json_object'.",
    "https://github.com/BigDawnGhost/wenyi/pull/66",
)
def _json(asked: Asked) -> Iterator[str]:
    output = (asked.body.get("text") or {}).get("format") or {}
    said = json.dumps(asked.body.get("input"), ensure_ascii=False).lower()
    if output.get("type") == "json_object" and "json" not in said:
        yield "input"


@RULES.add(
    "output's schema",
    "Invalid schema for response_format 'x': In context=(), "
    "'additionalProperties' is required to be supplied and to be false.",
    STRUCTURED,
)
def _output(asked: Asked) -> Iterator[str]:
    output = (asked.body.get("text") or {}).get("format") or {}
    if output.get("type") == "json_schema":
        if not NAME.match(output.get("name", "")):
            yield "text.format.name"
        if output.get("strict"):
            yield from not_strict_for_openai(output.get("schema"), "text.format.schema")


@RULES.add(
    "effort",
    "Unsupported parameter: 'reasoning.effort' is not supported with this model.; "
    "Encrypted content is not supported with this model.",
    EFFORTS,
)
def _effort(asked: Asked) -> Iterator[str]:
    traits = MODELS[asked.model]
    effort = (asked.body.get("reasoning") or {}).get("effort")
    if effort is not None and effort not in traits.efforts:
        yield "reasoning.effort"
    if "reasoning.encrypted_content" in (asked.body.get("include") or ()) and not traits.reasons:
        yield "include"


@RULES.add(
    "sampling",
    "Unsupported parameter: 'temperature' is not supported with this model.",
    SAMPLING,
    lambda model: not MODELS[model].sampling,
)
def _sampling(asked: Asked) -> Iterator[str]:
    if MODELS[asked.model].samples((asked.body.get("reasoning") or {}).get("effort")):
        return
    for key in ("temperature", "top_p"):
        if asked.body.get(key, 1) != 1:
            yield key


@RULES.add("pictures", "Invalid 'input[0].content[0].image_url'", _API)
def _pictures(asked: Asked) -> Iterator[str]:
    for place, item in _items(asked):
        for key in ("content", "output"):
            for at, part in objects(item.get(key), f"{place}.{key}"):
                if part.get("type") == "input_image":
                    yield from bad_url(part.get("image_url"), at, PICTURES)


@RULES.add(
    "user", "Invalid 'user': string too long. Expected a string with maximum length 64", _API
)
def _user(asked: Asked) -> Iterator[str]:
    if len(asked.body.get("user") or "") > 64:
        yield "user"
