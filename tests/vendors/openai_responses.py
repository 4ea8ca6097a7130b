"""OpenAI's Responses API, asked without keeping anything (``store`` false)."""

import json
from collections.abc import Iterator
from typing import Any

from openai.types.responses.response_create_params import ResponseCreateParamsBase

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
_REASONING = "https://developers.openai.com/api/docs/guides/reasoning#encrypted-reasoning-items"
_CALL_IDS = "https://github.com/AnswerDotAI/fastllm/issues/45"
_FOLLOWED = "https://github.com/vercel/ai/issues/7099"
_STREAMED = ("stream",)
_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_PREFIXES = {"reasoning": "rs", "function_call": "fc", "message": "msg", "custom_tool_call": "ctc"}

RULES = Rules()


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


@RULES.add("some input", 'One of "input" or "previous_response_id" or \'prompt\' or '
           "'conversation' must be provided.", _API)  # fmt: skip
def _some(asked: Asked) -> Iterator[str]:
    if not asked.body.get("input"):
        yield "input"


@RULES.add("ids of calls", "Invalid 'input[1].call_id': string too long. Expected a string with "
           "maximum length 64", _CALL_IDS)  # fmt: skip
def _ids(asked: Asked) -> Iterator[str]:
    for at, item in _items(asked):
        if "call_id" in item and not 0 < len(item["call_id"] or "") <= 64:
            yield f"{at}.call_id"


@RULES.add("calls and results", "No tool output found for function call call_x.", FUNCTIONS)
def _answered(asked: Asked) -> Iterator[str]:
    given = [item.get("call_id") for _, item in _items(asked) if item.get("type") in _OUTPUTS]
    for at, item in _items(asked):
        if item.get("type") in _CALLS:
            if item.get("call_id") not in given:
                yield at
            else:
                given.remove(item.get("call_id"))


@RULES.add("results and calls", "No tool call found for function call output with call_id call_x.",
           FUNCTIONS)  # fmt: skip
def _called(asked: Asked) -> Iterator[str]:
    made: list[Any] = []
    for at, item in _items(asked):
        if item.get("type") in _CALLS:
            made.append(item.get("call_id"))
        elif item.get("type") in _OUTPUTS:
            if item.get("call_id") not in made:
                yield at
            else:
                made.remove(item.get("call_id"))


@RULES.add("sealed reasoning", "The encrypted content could not be verified. "
           "(invalid_encrypted_content)", "https://github.com/openai/codex/issues/8119")  # fmt: skip
def _sealed(asked: Asked) -> Iterator[str]:
    for at, item in _items(asked):
        sealed = item.get("encrypted_content")
        if item.get("type") == "reasoning" and sealed and sealed not in asked.issued:
            yield at


@RULES.add("reasoning that is not kept", "Item with id 'rs_x' not found. Items are not persisted "
           "when `store` is set to false. Try again with `store` set to true, or remove this item "
           "from your input.", _REASONING)  # fmt: skip
def _unkept(asked: Asked) -> Iterator[str]:
    for at, item in _items(asked):
        if item.get("type") == "reasoning" and not item.get("encrypted_content"):
            yield at


@RULES.add("reasoning is followed", "Item 'rs_x' of type 'reasoning' was provided without its "
           "required following item.", _FOLLOWED)  # fmt: skip
def _followed(asked: Asked) -> Iterator[str]:
    items = list(_items(asked))
    for place, (at, item) in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        after = items[place + 1][1] if place + 1 < len(items) else {}
        said = after.get("role") == "assistant" or after.get("type") in (*_CALLS, "reasoning")
        if not said:
            yield at


@RULES.add("reasoning for models that reason", "Reasoning input items can only be provided to a "
           "reasoning or computer use model. Remove reasoning items from your input and try again.",
           _REASONING, lambda model: not MODELS[model].reasons)  # fmt: skip
def _reasons(asked: Asked) -> Iterator[str]:
    for at, item in _items(asked):
        if item.get("type") == "reasoning":
            yield at


@RULES.add("ids of items", "Invalid 'input[1].id': 'call_x'. Expected an ID that begins with 'fc'.",
           "https://github.com/openai/openai-agents-python/issues/1660")  # fmt: skip
def _item_ids(asked: Asked) -> Iterator[str]:
    for at, item in _items(asked):
        kind = item.get("type") or ("message" if "role" in item else "")
        prefix = _PREFIXES.get(kind)
        id = item.get("id")
        if prefix and id is not None and (not id.startswith(prefix) or len(id) > 64):
            yield f"{at}.id"


@RULES.add("whose content", "Invalid value: 'input_text'. Supported values are: 'output_text' and "
           "'refusal'.", _API)  # fmt: skip
def _whose(asked: Asked) -> Iterator[str]:
    for place, item in _items(asked):
        own = item.get("role") == "assistant"
        for at, part in objects(item.get("content"), f"{place}.content"):
            if own != (part.get("type") in ("output_text", "refusal")) and "role" in item:
                yield at


@RULES.add("nothing empty", "Invalid 'input[1].content': empty array.", _API)
def _empty(asked: Asked) -> Iterator[str]:
    for at, item in _items(asked):
        if item.get("output") == [] or ("role" in item and item.get("content") == []):
            yield at


@RULES.add("names of functions", "Invalid 'input[3].name': string does not match pattern. Expected "
           "a string that matches the pattern '^[a-zA-Z0-9_-]+$'.", _API)  # fmt: skip
def _names(asked: Asked) -> Iterator[str]:
    for at, tool in (*objects(asked.body.get("tools"), "tools"), *_items(asked)):
        if tool.get("type") in ("function", *_CALLS) and not NAME.match(tool.get("name", "")):
            yield f"{at}.name"


@RULES.add("a function's schema", "Invalid schema for function 'x': schema must be a JSON Schema "
           "of 'type: \"object\"', got 'type: \"None\"'.", FUNCTIONS)  # fmt: skip
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


@RULES.add("lists in schemas", "Invalid schema for function 'x': In context=('properties', 'y'), "
           "array schema missing items.", LISTS)  # fmt: skip
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
        if choice.get("name") not in names:
            yield "tool_choice.name"


@RULES.add("least length", "Invalid 'max_output_tokens': integer below minimum value. Expected a "
           "value >= 16", "https://github.com/earendil-works/pi/issues/6265")  # fmt: skip
def _least(asked: Asked) -> Iterator[str]:
    if (asked.body.get("max_output_tokens") or 16) < 16:
        yield "max_output_tokens"


@RULES.add("JSON in words", "Response input messages must contain the word 'json' in some form to "
           "use 'text.format' of type 'json_object'.", "https://github.com/BigDawnGhost/wenyi/pull/66")  # fmt: skip
def _json(asked: Asked) -> Iterator[str]:
    output = (asked.body.get("text") or {}).get("format") or {}
    if output.get("type") == "json_object":
        if "json" not in json.dumps(asked.body.get("input"), ensure_ascii=False).lower():
            yield "input"


@RULES.add("output's schema", "Invalid schema for response_format 'x': In context=(), "
           "'additionalProperties' is required to be supplied and to be false.", STRUCTURED)  # fmt: skip
def _output(asked: Asked) -> Iterator[str]:
    output = (asked.body.get("text") or {}).get("format") or {}
    if output.get("type") == "json_schema":
        if not NAME.match(output.get("name", "")):
            yield "text.format.name"
        if output.get("strict"):
            yield from not_strict_for_openai(output.get("schema"), "text.format.schema")


@RULES.add("effort", "Unsupported parameter: 'reasoning.effort' is not supported with this model.; "
           "Encrypted content is not supported with this model.", EFFORTS)  # fmt: skip
def _effort(asked: Asked) -> Iterator[str]:
    traits = MODELS[asked.model]
    effort = (asked.body.get("reasoning") or {}).get("effort")
    if effort is not None and effort not in traits.efforts:
        yield "reasoning.effort"
    if "reasoning.encrypted_content" in (asked.body.get("include") or ()) and not traits.reasons:
        yield "include"


@RULES.add("sampling", "Unsupported parameter: 'temperature' is not supported with this model.",
           SAMPLING, lambda model: not MODELS[model].sampling)  # fmt: skip
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


@RULES.add("user", "Invalid 'user': string too long. Expected a string with maximum length 64", _API)
def _user(asked: Asked) -> Iterator[str]:
    if len(asked.body.get("user") or "") > 64:
        yield "user"
