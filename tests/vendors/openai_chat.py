"""OpenAI's Chat Completions API."""

import re
from collections.abc import Iterator
from typing import Any

from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from tests.vendors import openai_chat_settings
from tests.vendors.openai_models import (
    FUNCTIONS,
    LISTS,
    PICTURES,
    STRUCTURED,
)
from tests.vendors.pictures import bad_url
from tests.vendors.rule import Asked, Rules, listed, objects
from tests.vendors.schemas import (
    NAME,
    is_object,
    lists_without_items,
    not_strict_for_openai,
)
from tests.vendors.shape import misfits

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"
_IDS = "https://github.com/openai/openai-agents-python/issues/2165"
_STREAMED = ("stream",)
_LONGEST_ID = 64
_PARTICIPANT = re.compile(r"[^\s<|\\/>]{1,64}\Z")

RULES = Rules()
RULES.all += openai_chat_settings.RULES.all
COMMON = Rules()  # what OpenAI's kin have in common with it
COMMON.all += openai_chat_settings.COMMON.all


@RULES.add("shape", "Unknown parameter", "openai.types.chat.CompletionCreateParams")
def _shape(asked: Asked) -> Iterator[str]:
    body = {key: value for key, value in asked.body.items() if key not in _STREAMED}
    yield from misfits(body, CompletionCreateParamsBase, "body")


@COMMON.add(
    "some turns", "Invalid 'messages': empty array. Expected an array with minimum length 1", _API
)
def _some(asked: Asked) -> Iterator[str]:
    if not asked.body.get("messages"):
        yield "messages"


@COMMON.add(
    "nothing empty",
    "Invalid 'messages[1].content': empty array. Expected an array with "
    "minimum length 1, but got an empty array instead.",
    _API,
)
def _empty(asked: Asked) -> Iterator[str]:
    for at, message in objects(asked.body.get("messages"), "messages"):
        if message.get("content") == [] or message.get("tool_calls") == []:
            yield at


@COMMON.add("content", "Invalid value for 'content': expected a string, got null.", _API)
def _content(asked: Asked) -> Iterator[str]:
    for at, message in objects(asked.body.get("messages"), "messages"):
        said = message.get("tool_calls") or message.get("refusal")
        if message.get("content") is None and (message.get("role") != "assistant" or not said):
            yield f"{at}.content"


@RULES.add(
    "ids of calls",
    "Invalid 'messages[1].tool_calls[0].id': string too long. Expected a "
    "string with maximum length 64",
    _IDS,
)
def _ids(asked: Asked) -> Iterator[str]:
    for at, message in objects(asked.body.get("messages"), "messages"):
        ids = [call.get("id") for _, call in objects(message.get("tool_calls"), "")]
        for id in (*ids, message.get("tool_call_id")):
            if id is not None and not 0 < len(id) <= _LONGEST_ID:
                yield at


@COMMON.add(
    "calls and results",
    "An assistant message with 'tool_calls' must be followed by tool "
    "messages responding to each 'tool_call_id'.",
    FUNCTIONS,
)
def _answered(asked: Asked) -> Iterator[str]:
    owed: list[Any] = []
    at = ""
    for place, message in objects(asked.body.get("messages"), "messages"):
        if message.get("role") == "tool":
            continue
        if owed:
            break
        at = place
        owed = [call.get("id") for _, call in objects(message.get("tool_calls"), "")]
        later = listed(asked.body.get("messages"))[int(place[9:-1]) + 1 :]
        for each in later:
            if each.get("role") != "tool":
                break
            if each.get("tool_call_id") in owed:
                owed.remove(each["tool_call_id"])
    if owed:
        yield at


@COMMON.add(
    "results and calls",
    "Invalid parameter: messages with role 'tool' must be a response "
    "to a preceeding message with 'tool_calls'.",
    FUNCTIONS,
)
def _called(asked: Asked) -> Iterator[str]:
    open_: list[Any] = []
    for at, message in objects(asked.body.get("messages"), "messages"):
        if message.get("role") != "tool":
            open_ = [call.get("id") for _, call in objects(message.get("tool_calls"), "")]
        elif message.get("tool_call_id") not in open_:
            yield at
        else:
            open_.remove(message["tool_call_id"])


@COMMON.add(
    "names of functions",
    "Invalid 'tools[0].function.name': string does not match "
    "pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]{1,64}$'.",
    _API,
)
def _names(asked: Asked) -> Iterator[str]:
    for at, tool in objects(asked.body.get("tools"), "tools"):
        if not NAME.match(tool.get("function", {}).get("name", "")):
            yield f"{at}.function.name"
    for place, message in objects(asked.body.get("messages"), "messages"):
        for at, call in objects(message.get("tool_calls"), f"{place}.tool_calls"):
            if not NAME.match(call.get("function", {}).get("name", "")):
                yield f"{at}.function.name"


@COMMON.add(
    "a function's schema",
    "Invalid schema for function 'x': schema must be a JSON Schema "
    "of 'type: \"object\"', got 'type: \"None\"'.",
    FUNCTIONS,
)
def _schema(asked: Asked) -> Iterator[str]:
    for at, tool in objects(asked.body.get("tools"), "tools"):
        schema = tool.get("function", {}).get("parameters")
        if schema is not None and not is_object(schema):
            yield f"{at}.function.parameters"


@RULES.add(
    "lists in schemas",
    "Invalid schema for function 'x': In context=('properties', 'y'), array schema missing items.",
    LISTS,
)
def _lists(asked: Asked) -> Iterator[str]:
    for at, tool in objects(asked.body.get("tools"), "tools"):
        yield from lists_without_items(
            tool.get("function", {}).get("parameters"), f"{at}.function.parameters"
        )


@RULES.add(
    "strict functions",
    "Invalid schema for function 'x': In context=(), "
    "'additionalProperties' is required to be supplied and to be false.",
    STRUCTURED,
)
def _strict(asked: Asked) -> Iterator[str]:
    for at, tool in objects(asked.body.get("tools"), "tools"):
        function = tool.get("function", {})
        if function.get("strict"):
            yield from not_strict_for_openai(function.get("parameters"), at)


@COMMON.add(
    "tool choice",
    "Tool choice 'x' not found in 'tools' parameter.; 'tool_choice' is only "
    "allowed when 'tools' are specified.",
    _API,
)
def _choice(asked: Asked) -> Iterator[str]:
    choice = asked.body.get("tool_choice")
    tools = [tool.get("function", {}) for _, tool in objects(asked.body.get("tools"), "tools")]
    names = [function.get("name") for function in tools]
    if choice is not None and not names:
        yield "tool_choice"
    if isinstance(choice, dict) and choice.get("function", {}).get("name") not in names:
        yield "tool_choice.function.name"
    if asked.body.get("parallel_tool_calls") is not None and not names:
        yield "parallel_tool_calls"


@RULES.add("pictures", "Invalid MIME type. Only image types are supported.", _API)
def _pictures(asked: Asked) -> Iterator[str]:
    for place, message in objects(asked.body.get("messages"), "messages"):
        for at, part in objects(message.get("content"), f"{place}.content"):
            if part.get("type") == "image_url":
                yield from bad_url(part.get("image_url", {}).get("url"), at, PICTURES)


@RULES.add(
    "names of participants",
    "Invalid 'messages[0].name': string does not match pattern. "
    "Expected a string that matches the pattern '^[^\\s<|\\\\/>]+$'.",
    _API,
)
def _participants(asked: Asked) -> Iterator[str]:
    for at, message in objects(asked.body.get("messages"), "messages"):
        if "name" in message and not _PARTICIPANT.match(message["name"]):
            yield f"{at}.name"


RULES.all += COMMON.all
