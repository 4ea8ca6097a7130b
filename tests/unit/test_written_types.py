"""What is written for a provider is what the official clients' own types take."""

from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming as Messages
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming as Chat,
)
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming as Responses,
)
from pydantic import TypeAdapter

from broker.dialects.neutral.translation import translate_request
from broker.errors import Unexpressible
from tests.unit.neutral_answers import CALLERS
from tests.unit.neutral_requests import requests
from tests.unit.test_losses import BASE
from tests.unit.test_neutral_requests import WRITE
from tests.unit.test_served import SERVED, Served

TYPES: dict[str, TypeAdapter[Any]] = {
    "chat": TypeAdapter(Chat),
    "messages": TypeAdapter(Messages),
    "responses": TypeAdapter(Responses),
}
PAIRS = [(caller, provider) for caller in CALLERS for provider in CALLERS if caller != provider]


def check(provider: str, body: dict[str, Any]) -> None:
    """Return if the provider's official client could have sent this.

    Its lists are iterables, which pydantic takes apart only when they are gone through.
    """
    found = TYPES[provider].validate_python(_known(provider, body))
    for key in ("messages", "input", "tools"):
        value = found.get(key)
        if value is not None and not isinstance(value, str):
            list(value)


def _known(provider: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body without what OpenAI's own API does not have, reasoning that is sent back; and with
    what that fills in itself, though its client's types insist on it."""
    if provider == "responses":
        return {**body, "input": [_filled(item) for item in body["input"]]}
    if provider != "chat":
        return body
    unknown = ("reasoning_content", "reasoning_details")
    messages = [
        {key: value for key, value in message.items() if key not in unknown}
        for message in body["messages"]
    ]
    return {**body, "messages": messages}


def _filled(item: dict[str, Any]) -> dict[str, Any]:
    for key in ("content", "output"):
        if isinstance(item.get(key), list):
            item = {**item, key: [_filled_part(part) for part in item[key]]}
    if item.get("role") != "assistant" or isinstance(item["content"], str):
        return item
    return {**item, "type": "message", "id": "msg_1", "status": "completed"}


def _filled_part(part: dict[str, Any]) -> dict[str, Any]:
    match part["type"]:
        case "input_image":
            return {"detail": "auto", **part}
        case "output_text":
            return {"annotations": [], **part}
        case _:
            return part


@pytest.mark.parametrize(("caller", "provider"), PAIRS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_request_is_one_of_theirs(caller: str, provider: str, data: st.DataObject) -> None:
    body = WRITE[caller](data.draw(requests(caller)), "m")
    try:
        theirs = translate_request(body, caller, provider, "m")
    except Unexpressible:
        return
    check(provider, theirs)


@pytest.mark.parametrize("provider", CALLERS)
@pytest.mark.parametrize("served", SERVED)
def test_what_is_served_another_way_is_one_of_theirs(served: Served, provider: str) -> None:
    if served.caller == provider:
        return
    asked = BASE[served.caller] | served.body
    check(provider, translate_request(asked, served.caller, provider, "claude-opus-4-8"))


@pytest.mark.parametrize("provider", CALLERS)
def test_the_types_refuse_what_is_none(provider: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        check(
            provider,
            BASE[provider] | {"messages": [{"role": 3}], "input": [{"role": 3}], "model": 3},
        )
