"""What a provider can't be asked: cut here, left out and told, or refused all at once."""

from typing import Any

import aiohttp
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI, BadRequestError

from tests.contract.jobs import get
from tests.contract.test_disconnect import until_closed
from tests.deployment import Deployment

SLOW = "sim-responses/tokens=200,interval=5ms"


def said(prompt: str) -> Any:
    return [{"role": "user", "content": prompt}]


async def answered(sdk: AsyncOpenAI, prompt: str) -> str:
    """What the simulated provider answers to a prompt, in full."""
    answer = await sdk.chat.completions.create(model=SLOW, messages=said(prompt))
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_of_responses_is_cut_at_a_chat_callers_stop(
    deployment: Deployment,
    sdk: AsyncOpenAI,
    api: aiohttp.ClientSession,
    prompt: str,
    streamed: bool,
) -> None:
    text = await answered(sdk, prompt)
    words = text.split(" ")
    stop = f"{words[10][-2:]} {words[11]}"  # over the border of two deltas
    expected = text[: text.index(stop)]
    headers = {"Idempotency-Key": f"cut-{prompt}"}
    if streamed:
        found, reason, usage = "", None, None
        stream = await sdk.chat.completions.create(
            model=SLOW,
            messages=said(prompt),
            stop=[stop],
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=headers,
        )
        async for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                found += choice.delta.content or ""
                reason = choice.finish_reason or reason
    else:
        answer = await sdk.chat.completions.create(
            model=SLOW, messages=said(prompt), stop=stop, extra_headers=headers
        )
        found, usage = answer.choices[0].message.content or "", answer.usage
        reason = answer.choices[0].finish_reason
    assert (found, reason) == (expected, "stop")
    assert usage is not None
    assert 0 < usage.completion_tokens < 60
    assert usage.prompt_tokens > 0
    job = await get(api, f"/v1/jobs/cut-{prompt}")
    assert (job["state"], len(job["attempts"])) == ("completed", 1)
    assert job["usage"]["estimated"] is True
    await until_closed(deployment, prompt)


async def test_a_messages_caller_is_told_the_sequence(
    sdk: AsyncOpenAI, claude: AsyncAnthropic, prompt: str
) -> None:
    text = await answered(sdk, prompt)
    stop = text.split(" ")[12]
    answer = await claude.messages.create(
        model=SLOW,
        max_tokens=500,
        messages=said(prompt),
        stop_sequences=[stop],
    )
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", stop)
    (block,) = answer.content
    assert block.type == "text"
    assert block.text == text[: text.index(stop)]


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_loss_that_is_allowed_is_told(
    sdk: AsyncOpenAI, api: aiohttp.ClientSession, prompt: str, streamed: bool
) -> None:
    answer: Any = await sdk.chat.completions.with_raw_response.create(
        model="lossy/tokens=3,interval=0",
        messages=said(prompt),
        seed=7,
        stream=streamed,
        extra_headers={"Idempotency-Key": prompt},
    )
    assert answer.headers["x-streamhold-lost"] == "seed"
    if streamed:
        assert [chunk async for chunk in answer.parse()]
    job = await get(api, f"/v1/jobs/{prompt}")
    assert job["attempts"][0]["lost"] == ["seed"]


async def test_a_plain_call_is_told_of_none(sdk: AsyncOpenAI, prompt: str) -> None:
    answer = await sdk.chat.completions.with_raw_response.create(
        model="lossy/tokens=3,interval=0", messages=said(prompt)
    )
    assert "x-streamhold-lost" not in answer.headers


async def test_all_refusals_are_told_at_once(sdk: AsyncOpenAI, prompt: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        await sdk.chat.completions.create(
            model="lossy/tokens=3,interval=0",
            messages=said(prompt),
            seed=7,
            logit_bias={"5": 1},
            verbosity="low",
        )
    assert (caught.value.code, caught.value.param) == ("unexpressible", "logit_bias")
    for word in ("'logit_bias' ({\"5\":1})", "'verbosity' (\"low\")", "'lossy'", "allow_loss"):
        assert word in str(caught.value.message)
    assert "seed" not in str(caught.value.message)


@pytest.mark.parametrize("size", [10, 150_000])
async def test_a_large_body_is_told_the_same(sdk: AsyncOpenAI, prompt: str, size: int) -> None:
    answer = await sdk.chat.completions.with_raw_response.create(
        model="lossy/tokens=3,interval=0",
        messages=[{"role": "system", "content": "x" * size}, *said(prompt)],
        seed=7,
    )
    assert answer.headers["x-streamhold-lost"] == "seed"
    with pytest.raises(BadRequestError) as caught:
        await sdk.chat.completions.create(
            model="lossy/tokens=3,interval=0",
            messages=[{"role": "system", "content": "x" * size}, *said(prompt)],
            verbosity="low",
            logprobs=True,
        )
    assert "verbosity" in caught.value.message
    assert caught.value.param == "logprobs"
