"""Callers and providers of different dialects, through the official SDKs of both houses."""

import json
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import APIError, AsyncOpenAI, BadRequestError

PROVIDERS = ["sim", "sim-messages", "sim-responses", "sim-gemini"]
MODEL = "tokens=12,interval=1ms"
CALLING = "tokens=4,interval=0,parallel=2,reasoning=2"
SCHEMA: dict[str, Any] = {"type": "object"}
FUNCTION: dict[str, Any] = {"name": "search", "description": "Searches.", "parameters": SCHEMA}
Said = tuple[str, list[tuple[str, Any]], str]


async def chat(sdk: AsyncOpenAI, model: str, prompt: str) -> Said:
    tools: Any = [{"type": "function", "function": FUNCTION}]
    async with sdk.chat.completions.stream(
        model=model, messages=[{"role": "user", "content": prompt}], tools=tools
    ) as stream:
        choice = (await stream.get_final_completion()).choices[0]
    calls = [
        (call.function.name, json.loads(call.function.arguments or "{}"))
        for call in choice.message.tool_calls or ()
    ]
    return choice.message.content or "", calls, choice.finish_reason


async def messages(claude: AsyncAnthropic, model: str, prompt: str) -> Said:
    tools: Any = [{"name": "search", "description": "Searches.", "input_schema": SCHEMA}]
    async with claude.messages.stream(
        model=model, max_tokens=500, messages=[{"role": "user", "content": prompt}], tools=tools
    ) as stream:
        found = await stream.get_final_message()
    text = "".join(block.text for block in found.content if block.type == "text")
    calls = [(block.name, block.input) for block in found.content if block.type == "tool_use"]
    return text, calls, str(found.stop_reason)


async def responses(sdk: AsyncOpenAI, model: str, prompt: str) -> Said:
    tools: Any = [{"type": "function", **FUNCTION, "strict": False}]
    async with sdk.responses.stream(model=model, input=prompt, tools=tools) as stream:
        found = await stream.get_final_response()
    calls = [
        (item.name, json.loads(item.arguments))
        for item in found.output
        if item.type == "function_call"
    ]
    return found.output_text, calls, str(found.status)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("model", [MODEL, CALLING])
async def test_every_caller_is_told_the_same(
    sdk: AsyncOpenAI, claude: AsyncAnthropic, prompt: str, provider: str, model: str
) -> None:
    name = f"{provider}/{model}"
    said = [await chat(sdk, name, prompt), await messages(claude, name, prompt)]
    said.append(await responses(sdk, name, prompt))
    assert said[0][:2] == said[1][:2] == said[2][:2]
    assert said[0][0] or said[0][1]
    reasons = [each[2] for each in said]
    if model == CALLING:
        assert len(said[0][1]) == 2
        assert reasons == ["tool_calls", "tool_use", "completed"]
    else:
        assert reasons == ["stop", "end_turn", "completed"]


async def test_whole_answers_too(sdk: AsyncOpenAI, prompt: str) -> None:
    answer = await sdk.chat.completions.create(
        model=f"whole/{MODEL}", messages=[{"role": "user", "content": prompt}]
    )
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12


async def test_what_cant_be_expressed_is_a_400(sdk: AsyncOpenAI, prompt: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        await sdk.chat.completions.create(
            model=f"sim-messages/{MODEL}",
            messages=[{"role": "user", "content": prompt}],
            logprobs=True,
        )
    assert (caught.value.code, caught.value.param) == ("unexpressible", "logprobs")


async def test_a_target_of_the_dialect_takes_what_the_others_cant_be_asked(
    sdk: AsyncOpenAI, prompt: str
) -> None:
    content: Any = [{"type": "input_text", "text": prompt}]
    content.append(
        {"type": "input_file", "filename": "a.zip", "file_data": "data:x/zip;base64,aGk="}
    )
    answer = await sdk.responses.create(
        model="spoken-last", input=[{"role": "user", "content": content}]
    )
    assert len(answer.output_text.split()) == 12
    with pytest.raises(BadRequestError) as caught:
        await sdk.responses.create(model=f"sim-messages/{MODEL}", prompt={"id": "pmpt_1"})
    assert (caught.value.code, caught.value.param) == ("unexpressible", "prompt")


async def test_an_image_reaches_gemini_as_data(sdk: AsyncOpenAI, prompt: str) -> None:
    image: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    answer = await sdk.chat.completions.create(
        model=f"sim-gemini/{MODEL}",
        messages=[{"role": "user", "content": [{"type": "text", "text": prompt}, image]}],
    )
    assert answer.choices[0].message.content


async def test_an_answer_lost_to_a_target_that_cant_be_asked_keeps_its_own_failure(
    sdk: AsyncOpenAI, prompt: str
) -> None:
    stream = await sdk.chat.completions.create(
        model="then-unasked", messages=[{"role": "user", "content": prompt}], seed=1, stream=True
    )
    with pytest.raises(APIError) as caught:
        [chunk async for chunk in stream]
    assert caught.value.type == "provider_cut"
