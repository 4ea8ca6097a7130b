"""The official SDK over the client's transport: the same answers, whatever cuts the connection."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import openai
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI, OpenAI

import streamhold_client.httpx
import streamhold_client.httpx2
from rig.cluster import until
from tests.contract import responses
from tests.contract.conftest import ALICE
from tests.contract.cutting import CuttingProxy, cutting
from tests.contract.sdk import QUICK, chunks, keyed, text_of, user, whole
from tests.contract.test_chat_sdk import TOOLS
from tests.deployment import Deployment
from tests.soak.proxy import Link

SLOW = "sim/tokens=40,interval=10ms"


@pytest.fixture
async def link(deployment: Deployment) -> AsyncIterator[Link]:
    where = urlsplit(deployment.urls[0])
    link = await Link("api", (where.hostname or "", where.port or 0)).start()
    yield link
    await link.close()


@asynccontextmanager
async def over(url: str) -> AsyncIterator[AsyncOpenAI]:
    """The SDK over the client's transport."""
    transport = streamhold_client.httpx2.AsyncResumingTransport()
    client = httpx2.AsyncClient(transport=transport, timeout=30)
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=ALICE, http_client=client) as sdk:
        yield sdk


@pytest.fixture
async def carried(link: Link) -> AsyncIterator[AsyncOpenAI]:
    async with over(f"http://127.0.0.1:{link.port}") as sdk:
        yield sdk


@pytest.fixture
async def proxy(deployment: Deployment) -> AsyncIterator[CuttingProxy]:
    async with cutting(deployment.urls[0], after=8, cuts=3, resets=True) as proxy:
        yield proxy


@pytest.fixture
async def cut(proxy: CuttingProxy) -> AsyncIterator[AsyncOpenAI]:
    async with over(proxy.url) as sdk:
        yield sdk


@pytest.fixture(params=["httpx2", "httpx"])
def blocking(proxy: CuttingProxy, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    client: Any
    if request.param == "httpx2":
        newer = streamhold_client.httpx2.ResumingTransport()
        client = httpx2.Client(transport=newer, timeout=30)
    else:
        client = httpx.Client(transport=streamhold_client.httpx.ResumingTransport(), timeout=30)
    with OpenAI(base_url=f"{proxy.url}/v1", api_key=ALICE, http_client=client) as sdk:
        yield sdk


async def test_a_stream_cut_ever_so_often(
    deployment: Deployment, proxy: CuttingProxy, sdk: AsyncOpenAI, cut: AsyncOpenAI, prompt: str
) -> None:
    options = {"stream_options": {"include_usage": True}, "extra_headers": keyed(prompt)}
    seen = await chunks(cut, SLOW, prompt, **options)
    assert (proxy.cuts, proxy.carried) == (3, 4)
    assert seen == await chunks(sdk, SLOW, prompt, **options)
    assert deployment.sim_calls(prompt) == 1


async def test_tool_calls_cut_ever_so_often(
    deployment: Deployment, proxy: CuttingProxy, sdk: AsyncOpenAI, cut: AsyncOpenAI, prompt: str
) -> None:
    model = "sim/tokens=40,interval=10ms,parallel=2"
    options = {"tools": TOOLS, "extra_headers": keyed(prompt)}
    seen = await chunks(cut, model, prompt, **options)
    assert (proxy.cuts, proxy.carried) == (3, 4)
    assert seen == await chunks(sdk, model, prompt, **options)
    assert deployment.sim_calls(prompt) == 1


async def test_a_response_cut_ever_so_often(
    deployment: Deployment, proxy: CuttingProxy, sdk: AsyncOpenAI, cut: AsyncOpenAI, prompt: str
) -> None:
    model = "voice/tokens=40,interval=10ms"
    seen = await responses.events(cut, model, prompt, extra_headers=keyed(prompt))
    assert (proxy.cuts, proxy.carried) == (3, 4)
    assert seen == await responses.events(sdk, model, prompt, extra_headers=keyed(prompt))
    assert seen[-1].type == "response.completed"
    answer = await responses.respond(cut, model, prompt)  # under a key of the transport's
    assert answer.output_text == responses.text_of(seen)
    assert deployment.sim_calls(prompt) == 2


async def test_a_message_that_came_whole(link: Link, prompt: str) -> None:
    """Its provider does not stream, so that all of its events but the last share a number."""
    call: Any = {"model": "whole/tokens=12,interval=0", "max_tokens": 100, "messages": user(prompt)}
    transport = streamhold_client.httpx2.AsyncResumingTransport()
    client = httpx2.AsyncClient(transport=transport, timeout=30)
    base = f"http://127.0.0.1:{link.port}"
    async with AsyncAnthropic(base_url=base, api_key=ALICE, http_client=client) as sdk:
        async with sdk.messages.stream(**call, extra_headers=keyed(prompt)) as stream:
            streamed = await stream.get_final_message()
        came = await sdk.messages.create(**call, extra_headers=keyed(prompt))
    assert streamed.content[0].to_dict() == came.content[0].to_dict()
    assert len(came.content[0].to_dict()["text"].split()) == 12


async def test_by_blocking_with_either_library(
    deployment: Deployment, proxy: CuttingProxy, blocking: OpenAI, prompt: str
) -> None:
    def read() -> list[Any]:
        stream = blocking.chat.completions.create(model=SLOW, messages=user(prompt), stream=True)
        return list(stream)

    seen = await asyncio.to_thread(read)
    assert len(text_of(seen).split()) == 40
    assert (proxy.cuts, proxy.carried) == (3, 4)
    assert deployment.sim_calls(prompt) == 1


async def test_a_whole_answer_cut_before_it_came(
    deployment: Deployment, link: Link, carried: AsyncOpenAI, prompt: str
) -> None:
    asking = asyncio.ensure_future(whole(carried, SLOW, prompt))
    await until(lambda: deployment.sim_calls(prompt))
    link.cut()
    answer = await asking
    assert len((answer.choices[0].message.content or "").split()) == 40
    assert deployment.sim_calls(prompt) == 1
    assert link.carried == 2


async def test_the_sdks_retries_after_a_timeout_are_one_call(
    deployment: Deployment, carried: AsyncOpenAI, prompt: str
) -> None:
    answer = await whole(carried, "sim/tokens=10,interval=50ms", prompt, timeout=0.2)
    assert len((answer.choices[0].message.content or "").split()) == 10
    assert deployment.sim_calls(prompt) == 1


async def test_equal_calls_are_jobs_of_their_own(
    deployment: Deployment, carried: AsyncOpenAI, prompt: str
) -> None:
    answers = await asyncio.gather(*(whole(carried, QUICK, prompt) for _ in range(5)))
    assert len({answer._request_id for answer in answers}) == 5
    assert deployment.sim_calls(prompt) == 5


async def test_errors_are_the_same(
    deployment: Deployment, carried: AsyncOpenAI, prompt: str
) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        await chunks(carried, "nobody/knows", prompt)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.RateLimitError):
        await chunks(carried, "sim/status=429,retryafter=0.01", prompt)
    assert deployment.sim_calls(prompt) == 3  # the broker's own tries; the SDK's find the failure


@pytest.mark.parametrize("fault", ["dropafter", "errorafter"])
async def test_a_providers_failure_in_mid_stream(
    deployment: Deployment, carried: AsyncOpenAI, prompt: str, fault: str
) -> None:
    with pytest.raises(openai.APIError, match=r"\w+"):
        await chunks(carried, f"sim/tokens=12,interval=1ms,{fault}=5", prompt)
    assert deployment.sim_calls(prompt) == 1
