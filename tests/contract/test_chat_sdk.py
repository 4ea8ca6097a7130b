"""``POST /v1/chat/completions`` through the official SDK: what its users see, unchanged."""

import asyncio
import json

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionToolUnionParam

from tests.contract.sdk import QUICK, begin, chunks, keyed, text_of, whole
from tests.deployment import Deployment

TOOLS: list[ChatCompletionToolUnionParam] = [
    {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
]


async def test_streamed_and_not_the_text_is_the_same(sdk: AsyncOpenAI, prompt: str) -> None:
    streamed = await chunks(sdk, QUICK, prompt)
    answer = await whole(sdk, QUICK, prompt)
    assert answer.choices[0].message.content == text_of(streamed)
    assert len(text_of(streamed).split()) == 12
    assert answer.choices[0].finish_reason == "stop"
    assert streamed[-1].choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"


async def test_the_provider_and_the_broker_say_the_same(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str
) -> None:
    model = "tokens=30,interval=0,reasoning=3,obfuscation,escape,id=chatcmpl-same"
    usage = {"include_usage": True}
    async with AsyncOpenAI(base_url=deployment.sim_url, api_key="x", max_retries=0) as direct:
        expected = await chunks(direct, model, prompt, stream_options=usage)
        expected_whole = await whole(direct, model, prompt)
    assert await chunks(sdk, f"sim/{model}", prompt, stream_options=usage) == expected
    answer = await whole(sdk, f"sim/{model}", prompt)
    assert text_of(expected) == answer.choices[0].message.content
    assert answer.usage == expected_whole.usage
    assert answer.id == "chatcmpl-same"


async def test_a_route_answers_under_its_public_name(sdk: AsyncOpenAI, prompt: str) -> None:
    names = [model.id async for model in sdk.models.list()]
    assert {"plain", "second-answers"} <= set(names)
    assert len(text_of(await chunks(sdk, "plain", prompt)).split()) == 12


async def test_a_model_is_retrieved_by_its_name(sdk: AsyncOpenAI) -> None:
    for name, owner in (("plain", "sim"), (QUICK, "sim")):
        model = await sdk.models.retrieve(name)
        assert (model.id, model.owned_by) == (name, owner)
    with pytest.raises(openai.NotFoundError) as unknown:
        await sdk.models.retrieve("nobody/knows")
    assert unknown.value.code == "model_not_found"


async def test_two_choices(sdk: AsyncOpenAI, prompt: str) -> None:
    streamed = await chunks(sdk, QUICK, prompt, n=2)
    answer = await whole(sdk, QUICK, prompt, n=2)
    texts = [choice.message.content for choice in answer.choices]
    assert texts == [text_of(streamed, 0), text_of(streamed, 1)]
    assert texts[0] != texts[1]


async def test_tool_calls(sdk: AsyncOpenAI, prompt: str) -> None:
    model = "sim/tokens=5,interval=0,parallel=2"
    answer = await whole(sdk, model, prompt, tools=TOOLS)
    assert answer.choices[0].finish_reason == "tool_calls"
    calls = answer.choices[0].message.tool_calls or []
    assert len(calls) == 2
    names, arguments = [""] * 2, [""] * 2
    for chunk in await chunks(sdk, model, prompt, tools=TOOLS):
        for delta in chunk.choices[0].delta.tool_calls or []:
            assert delta.function is not None
            names[delta.index] += delta.function.name or ""
            arguments[delta.index] += delta.function.arguments or ""
    for call, name, text in zip(calls, names, arguments, strict=True):
        assert call.type == "function"
        assert (call.function.name, call.function.arguments) == (name, text)
        assert name == "search"
        assert len(json.loads(text)["query"].split()) == 5


async def test_usage_is_shown_to_those_who_ask(sdk: AsyncOpenAI, prompt: str) -> None:
    asked = await chunks(sdk, QUICK, prompt, stream_options={"include_usage": True})
    assert asked[-1].usage is not None
    assert asked[-1].usage.completion_tokens == 12
    assert asked[-1].choices == []
    for options in ({}, {"stream_options": {"include_usage": False}}):
        unasked = await chunks(sdk, QUICK, prompt, **options)
        assert all(chunk.usage is None and chunk.choices for chunk in unasked)
    usage = (await whole(sdk, QUICK, prompt)).usage
    assert usage is not None
    assert usage.completion_tokens == 12


async def test_both_kinds_of_caller_share_one_job(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str
) -> None:
    headers = keyed(prompt)
    bare = await chunks(sdk, QUICK, prompt, extra_headers=headers)
    usage = {"include_usage": True}
    more = await chunks(sdk, QUICK, prompt, extra_headers=headers, stream_options=usage)
    answer = await whole(sdk, QUICK, prompt, extra_headers=headers)
    assert more[-1].usage == answer.usage
    assert text_of(bare) == text_of(more) == answer.choices[0].message.content
    assert deployment.sim_calls(prompt) == 1


async def test_the_request_id_is_the_idempotency_key(sdk: AsyncOpenAI, prompt: str) -> None:
    answer = await whole(sdk, QUICK, prompt, extra_headers=keyed(prompt))
    assert answer._request_id == prompt
    stream = await begin(sdk, QUICK, prompt, extra_headers=keyed(prompt))
    assert stream.response.headers["x-request-id"] == prompt
    await stream.close()


async def test_without_a_key_each_call_is_a_job_of_its_own(
    deployment: Deployment, sdk: AsyncOpenAI, prompt: str
) -> None:
    first, second = await whole(sdk, QUICK, prompt), await whole(sdk, QUICK, prompt)
    assert first._request_id != second._request_id
    assert deployment.sim_calls(prompt) == 2


async def test_the_same_key_at_the_same_instant_is_one_call(
    deployment: Deployment, sdks: list[AsyncOpenAI], prompt: str
) -> None:
    model = "sim/tokens=30,interval=5ms"
    # Ten clients over both API processes, streaming and not.
    streams = [chunks(sdks[k % 2], model, prompt, extra_headers=keyed(prompt)) for k in range(5)]
    answers = [whole(sdks[k % 2], model, prompt, extra_headers=keyed(prompt)) for k in range(5)]
    streamed, told = await asyncio.gather(asyncio.gather(*streams), asyncio.gather(*answers))
    texts = {text_of(each) for each in streamed} | {a.choices[0].message.content for a in told}
    assert len(texts) == 1
    assert all(each == streamed[0] for each in streamed)
    assert deployment.sim_calls(prompt) == 1
