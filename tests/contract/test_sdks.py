"""What both official SDKs do by themselves: their retries, structured output, long silences.

Retries are the SDK's own, with nothing beneath it: a key of the caller's makes them one job.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import openai
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic import BaseModel

from tests.contract import responses, sdk
from tests.contract.conftest import ALICE
from tests.contract.cutting import cutting
from tests.contract.test_messages_sdk import asked
from tests.deployment import Deployment

QUICK = "tokens=12,interval=1ms"
SILENT = "tokens=3,interval=450ms"  # longer than the ping interval


def gpt(url: str, **more: Any) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{url}/v1", api_key=ALICE, timeout=20, **more)


def claude_at(url: str, **more: Any) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=url, api_key=ALICE, timeout=20, **more)


# ── One call by each surface: streamed or not, its text ────────────────────────────────


async def chat(url: str, prompt: str, model: str, *, stream: bool = True, **more: Any) -> str:
    async with gpt(url, **more) as client:
        model, key = f"sim/{model}", {"extra_headers": sdk.keyed(prompt)}
        if stream:
            return sdk.text_of(await sdk.chunks(client, model, prompt, **key))
        answer = await sdk.whole(client, model, prompt, **key)
        return answer.choices[0].message.content or ""


async def respond(url: str, prompt: str, model: str, *, stream: bool = True, **more: Any) -> str:
    async with gpt(url, **more) as client:
        model, key = f"voice/{model}", {"extra_headers": sdk.keyed(prompt)}
        if stream:
            return responses.text_of(await responses.events(client, model, prompt, **key))
        return (await responses.respond(client, model, prompt, **key)).output_text


async def message(url: str, prompt: str, model: str, *, stream: bool = True, **more: Any) -> str:
    async with claude_at(url, **more) as client:
        call = asked(f"sim-messages/{model}", prompt, extra_headers=sdk.keyed(prompt))
        if stream:
            async with client.messages.stream(**call) as told:
                return await told.get_final_text()
        answer = await client.messages.create(**call)
        return "".join(block.text for block in answer.content if block.type == "text")


Call = Callable[..., Awaitable[str]]
SURFACES: list[Call] = [chat, respond, message]


@pytest.mark.parametrize("call", SURFACES)
async def test_a_silence_longer_than_the_ping_interval(
    deployment: Deployment, prompt: str, call: Call
) -> None:
    async with cutting(deployment.urls[0]) as proxy:
        text = await call(proxy.url, prompt, SILENT, max_retries=0)
    assert proxy.pings > 0
    assert len(text.split()) == 3
    assert text == await call(deployment.urls[1], prompt, SILENT, stream=False)
    assert deployment.sim_calls(prompt) == 1


@pytest.mark.parametrize("call", SURFACES)
@pytest.mark.parametrize("stream", [True, False])
async def test_its_retries_are_one_call(
    deployment: Deployment, prompt: str, call: Call, stream: bool
) -> None:
    """Of what has arrived, but whose answer was lost, and of what never arrived."""
    faults = [0, 429, 500, 503]
    async with cutting(deployment.urls[0], faults=faults) as proxy:
        text = await call(proxy.url, prompt, QUICK, stream=stream, max_retries=len(faults))
    assert proxy.carried == len(faults) + 1
    assert len(text.split()) == 12
    assert deployment.sim_calls(prompt) == 1


@pytest.mark.parametrize("call", SURFACES)
async def test_a_failure_that_would_be_replayed_is_not_retried(
    deployment: Deployment, prompt: str, call: Call
) -> None:
    error = anthropic.RateLimitError if call is message else openai.RateLimitError
    async with cutting(deployment.urls[0]) as proxy:
        with pytest.raises(error) as caught:
            await call(proxy.url, prompt, "status=429,retryafter=0.01", max_retries=3)
    assert isinstance(caught.value, openai.APIStatusError | anthropic.APIStatusError)
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert proxy.carried == 1
    assert deployment.sim_calls(prompt) == 3  # the broker's own tries


# ── Structured output ──────────────────────────────────────────────────────────────────


class Place(BaseModel):
    name: str
    rooms: list[int]


class Answer(BaseModel):
    answer: str
    sure: bool
    place: Place | None


def check(parsed: Answer | None) -> None:
    assert parsed is not None
    assert len(parsed.answer.split()) == 12
    assert parsed.place is not None
    assert parsed.place.rooms == [7]


async def test_chat_parses_structured_output(sdk: AsyncOpenAI, prompt: str) -> None:
    ask: dict[str, Any] = {"model": f"sim/{QUICK}", "response_format": Answer}
    ask["messages"] = [{"role": "user", "content": prompt}]
    parsed = (await sdk.chat.completions.parse(**ask)).choices[0].message.parsed
    check(parsed)
    async with sdk.chat.completions.stream(**ask) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.parsed == parsed


async def test_messages_parse_structured_output(claude: AsyncAnthropic, prompt: str) -> None:
    ask = asked(f"sim-messages/{QUICK}", prompt, output_format=Answer)
    parsed = (await claude.messages.parse(**ask)).parsed_output
    check(parsed)
    async with claude.messages.stream(**ask) as stream:
        final = await stream.get_final_message()
    assert final.parsed_output == parsed


async def test_across_dialects(sdk: AsyncOpenAI, claude: AsyncAnthropic, prompt: str) -> None:
    """A schema asked in one dialect of a provider that speaks another."""
    ask = asked(f"sim/{QUICK}", prompt, output_format=Answer)
    check((await claude.messages.parse(**ask)).parsed_output)
    parsed = await sdk.responses.parse(
        model=f"sim-messages/{QUICK}", input=prompt, text_format=Answer
    )
    check(parsed.output_parsed)
