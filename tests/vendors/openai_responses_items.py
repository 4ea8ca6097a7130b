"""What OpenAI's Responses API refuses among the items of its input."""

from collections.abc import Iterator
from typing import Any

from tests.vendors.openai_models import (
    FUNCTIONS,
    MODELS,
)
from tests.vendors.rule import Asked, Rules, objects

_API = "https://developers.openai.com/api/reference/resources/responses/methods/create"
_REASONING = "https://developers.openai.com/api/docs/guides/reasoning#encrypted-reasoning-items"
_CALL_IDS = "https://github.com/AnswerDotAI/fastllm/issues/45"
_FOLLOWED = "https://github.com/vercel/ai/issues/7099"
_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_PREFIXES = {"reasoning": "rs", "function_call": "fc", "message": "msg", "custom_tool_call": "ctc"}

RULES = Rules()


def _items(asked: Asked) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from objects(asked.body.get("input"), "input")


@RULES.add(
    "ids of calls",
    "Invalid 'input[1].call_id': string too long. Expected a string with maximum length 64",
    _CALL_IDS,
)
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


@RULES.add(
    "results and calls",
    "No tool call found for function call output with call_id call_x.",
    FUNCTIONS,
)
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


@RULES.add(
    "sealed reasoning",
    "The encrypted content could not be verified. (invalid_encrypted_content)",
    "https://github.com/openai/codex/issues/8119",
)
def _sealed(asked: Asked) -> Iterator[str]:
    for at, item in _items(asked):
        sealed = item.get("encrypted_content")
        if item.get("type") == "reasoning" and sealed and sealed not in asked.issued:
            yield at


@RULES.add(
    "reasoning that is not kept",
    "Item with id 'rs_x' not found. Items are not persisted "
    "when `store` is set to false. Try again with `store` set to true, or remove this item "
    "from your input.",
    _REASONING,
)
def _unkept(asked: Asked) -> Iterator[str]:
    for at, item in _items(asked):
        if item.get("type") == "reasoning" and not item.get("encrypted_content"):
            yield at


@RULES.add(
    "reasoning is followed",
    "Item 'rs_x' of type 'reasoning' was provided without its required following item.",
    _FOLLOWED,
)
def _followed(asked: Asked) -> Iterator[str]:
    items = list(_items(asked))
    for place, (at, item) in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        after = items[place + 1][1] if place + 1 < len(items) else {}
        said = after.get("role") == "assistant" or after.get("type") in (*_CALLS, "reasoning")
        if not said:
            yield at


@RULES.add(
    "reasoning for models that reason",
    "Reasoning input items can only be provided to a "
    "reasoning or computer use model. Remove reasoning items from your input and try again.",
    _REASONING,
    lambda model: not MODELS[model].reasons,
)
def _reasons(asked: Asked) -> Iterator[str]:
    for at, item in _items(asked):
        if item.get("type") == "reasoning":
            yield at


@RULES.add(
    "ids of items",
    "Invalid 'input[1].id': 'call_x'. Expected an ID that begins with 'fc'.",
    "https://github.com/openai/openai-agents-python/issues/1660",
)
def _item_ids(asked: Asked) -> Iterator[str]:
    for at, item in _items(asked):
        kind = item.get("type") or ("message" if "role" in item else "")
        prefix = _PREFIXES.get(kind)
        id = item.get("id")
        if prefix and id is not None and (not id.startswith(prefix) or len(id) > 64):
            yield f"{at}.id"


@RULES.add(
    "whose content",
    "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
    _API,
)
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
