"""The Anthropic SDK: event by event, by its helper, and whole."""

import json
from typing import Any

import anthropic
from anthropic import AsyncAnthropic
from anthropic.types import Message

from tests.contract.heard import Blocks
from tests.contract.judges import tools
from tests.contract.judges.answer import Heard, parsed


def _asked(model: str, prompt: str) -> dict[str, Any]:
    said = [{"role": "user", "content": prompt}]
    return {"model": model, "max_tokens": 500, "messages": said, "tools": tools.messages()}


async def events(sdk: AsyncAnthropic, model: str, prompt: str) -> Heard:
    """Every event, in the order that the reference gives."""
    heard, told = Heard(refusal=None), Blocks()
    try:
        stream = await sdk.messages.create(**_asked(model, prompt), stream=True)
        async for event in stream:
            told.take(json.loads(event.model_dump_json(warnings=False)))
    except anthropic.APIError as error:
        _failed(heard, error)
    else:
        assert told.stopped
    heard.reason = told.reason
    heard.text, heard.thoughts = told.text("text"), told.text("thinking")
    heard.calls = [
        (block["id"], block["name"], parsed("".join(said) or "{}"))
        for block, said in told.of("tool_use")
    ]
    heard.counts = _counts(told.usage) if told.usage else None
    return heard


async def helper(sdk: AsyncAnthropic, model: str, prompt: str) -> Heard:
    """What ``messages.stream`` makes of it."""
    try:
        async with sdk.messages.stream(**_asked(model, prompt)) as stream:
            return _said(await stream.get_final_message())
    except anthropic.APIError as error:
        return _failed(Heard(refusal=None), error)


async def whole(sdk: AsyncAnthropic, model: str, prompt: str) -> Heard:
    """Not streamed."""
    try:
        message = await sdk.messages.create(**_asked(model, prompt))
    except anthropic.APIError as error:
        return _failed(Heard(refusal=None), error)
    assert isinstance(message, Message)
    return _said(message)


def _said(message: Message) -> Heard:
    heard = Heard(refusal=None, reason=message.stop_reason)
    for block in message.content:
        match block.type:
            case "text":
                heard.text += block.text
            case "thinking":
                heard.thoughts = (heard.thoughts or "") + block.thinking
            case "tool_use":
                heard.calls.append((block.id, block.name, block.input))
            case _:
                raise AssertionError(block)
    assert (message.role, message.type) == ("assistant", "message")
    heard.counts = _counts(json.loads(message.usage.model_dump_json()))
    return heard


def _counts(usage: dict[str, Any]) -> tuple[int | None, ...]:
    cached = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    details = usage.get("output_tokens_details") or {}
    return (
        (usage.get("input_tokens") or 0) + cached + written,
        usage["output_tokens"],
        cached,
        details.get("thinking_tokens") or 0,
    )


def _failed(heard: Heard, error: anthropic.APIError) -> Heard:
    body: Any = error.body
    said = body.get("error") if isinstance(body, dict) else None
    said = said if isinstance(said, dict) else {}
    heard.error = said.get("failure") or said.get("type") or type(error).__name__
    heard.message = error.message
    if isinstance(error, anthropic.APIStatusError):
        heard.status = error.status_code
    return heard
