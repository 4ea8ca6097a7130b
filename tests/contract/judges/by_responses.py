"""The OpenAI SDK over responses: event by event, by its helper, whole, and read again."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import openai
from openai import AsyncOpenAI
from openai.types.responses import Response

from tests.contract.heard import Items
from tests.contract.judges import tools
from tests.contract.judges.answer import Heard, parsed


def _asked(model: str, prompt: str) -> dict[str, Any]:
    return {"model": model, "input": prompt, "tools": tools.responses()}


async def events(sdk: AsyncOpenAI, model: str, prompt: str) -> Heard:
    """Every event, in the order that the reference gives."""
    return await _events(lambda: sdk.responses.create(**_asked(model, prompt), stream=True))


async def events_again(sdk: AsyncOpenAI, model: str, prompt: str) -> Heard:
    """Every event of an answer that has ended, read by its id."""
    response = await _created(sdk, model, prompt)
    return await _events(lambda: sdk.responses.retrieve(response.id, stream=True))


async def _events(begin: Callable[[], Awaitable[Any]]) -> Heard:
    heard, told = Heard(), Items()
    try:
        async for event in await begin():
            told.take(json.loads(event.model_dump_json(warnings=False)))
    except openai.APIError as error:
        _failed(heard, error)
    else:
        assert told.response is not None
        if told.response["status"] != "failed":
            assert told.response["output"] == told.items, "the end says what the items did"
        heard = _said(Response.construct(**told.response))
    heard.text, heard.thoughts = told.text("output_text"), told.text("reasoning_summary_text")
    heard.thoughts += told.text("reasoning_text")
    heard.refusal = told.text("refusal")
    done = dict(enumerate(told.items))  # a call may have come without pieces
    heard.calls = [
        (
            done.get(place, {}).get("call_id", ""),
            name,
            parsed(told.arguments(place) or done.get(place, {}).get("arguments", "")),
        )
        for place, name in told.names.items()
    ]
    return heard


async def helper(sdk: AsyncOpenAI, model: str, prompt: str) -> Heard:
    """What ``responses.stream`` makes of it, which knows of no end but a complete one."""
    try:
        async with sdk.responses.stream(**_asked(model, prompt)) as stream:
            async for event in stream:
                if event.type in ("response.incomplete", "response.failed"):
                    return _said(event.response)
            return _said(await stream.get_final_response())
    except openai.APIError as error:
        return _failed(Heard(), error)


async def whole(sdk: AsyncOpenAI, model: str, prompt: str) -> Heard:
    """Not streamed."""
    try:
        return _said(await _created(sdk, model, prompt))
    except openai.APIError as error:
        return _failed(Heard(), error)


async def again(sdk: AsyncOpenAI, model: str, prompt: str) -> Heard:
    """Streamed, and then read by its id."""
    made: str | None = None
    async for event in await sdk.responses.create(**_asked(model, prompt), stream=True):
        made = made or getattr(getattr(event, "response", None), "id", None)
    assert made
    return _said(await sdk.responses.retrieve(made))


async def _created(sdk: AsyncOpenAI, model: str, prompt: str) -> Response:
    response = await sdk.responses.create(**_asked(model, prompt))
    assert isinstance(response, Response)
    return response


def _said(response: Response) -> Heard:
    heard = Heard(reason=response.status)
    found = json.loads(response.model_dump_json(warnings=False))
    for item in found["output"]:
        for part in [*(item.get("summary") or ()), *(item.get("content") or ())]:
            match part["type"]:
                case "output_text":
                    heard.text += part["text"]
                case "refusal":
                    heard.refusal = (heard.refusal or "") + part["refusal"]
                case _:
                    heard.thoughts = (heard.thoughts or "") + part["text"]
        if item["type"] == "function_call":
            heard.calls.append((item["call_id"], item["name"], parsed(item["arguments"])))
    if response.incomplete_details is not None:
        heard.reason = f"{response.status}: {response.incomplete_details.reason}"
    if response.error is not None:
        heard.error = f"response.failed: {response.error.code}"
        heard.message = response.error.message
        heard.reason = None
    else:
        assert response.output_text == heard.text
    if found.get("usage"):
        heard.counts = _counts(found["usage"])
    return heard


def _counts(usage: dict[str, Any]) -> tuple[int | None, ...]:
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    return (
        usage["input_tokens"],
        usage["output_tokens"],
        usage["input_tokens_details"]["cached_tokens"],
        usage["output_tokens_details"]["reasoning_tokens"],
    )


def _failed(heard: Heard, error: openai.APIError) -> Heard:
    heard.error, heard.message = error.type or error.code or type(error).__name__, error.message
    if isinstance(error, openai.APIStatusError):
        heard.status = error.status_code
    return heard
