"""Clients that resume, while the API process is killed, and one is drained.

A drain cuts what it can't finish. Clients that take a clean end for the end lose nothing by it.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import MessageParam
from httpx_sse import aconnect_sse
from langgraph_sdk import get_client

from rig.cluster import ask, until
from rig.evidence import check_whole
from streamhold_client.httpx2 import AsyncResumingTransport
from tests.fault.conftest import Make
from tests.fault.test_client_carries import TOKENS, Address
from tests.soak.proxy import Link

MODEL = f"sim/tokens={TOKENS},interval=80ms,obfuscation=1"
CONFIG = "[server]\ndrain = 0.3\nping = 0.2\n"


async def by_langgraph(url: str, prompt: str, seen: list[int]) -> None:
    client = get_client(url=url)
    async for part in client.http.stream(f"/v1/jobs/{prompt}/events", "GET"):
        if part.event != "retry":
            seen.append(int(part.id or 0))
    await client.aclose()


async def by_langgraphs_call(url: str, prompt: str, seen: list[int]) -> None:
    client = get_client(url=url)
    call = {**ask(MODEL.replace("sim/", "sim-messages/"), prompt), "max_tokens": 99, "stream": True}
    key = {"Idempotency-Key": prompt}
    async for part in client.http.stream("/v1/messages", "POST", json=call, headers=key):
        seen.append(int(part.id or 0))
    await client.aclose()


async def by_httpx_sse(url: str, prompt: str, seen: list[int]) -> None:
    """Its documented loop: a fault of the network is a loss, a clean end is the end."""

    async def connection(client: httpx.AsyncClient) -> AsyncIterator[int]:
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        path = f"/v1/jobs/{prompt}/events"
        async with aconnect_sse(client, "GET", path, headers=headers) as source:
            async for sse in source.aiter_sse():
                if sse.event != "retry":
                    yield int(sse.id)

    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        while True:
            try:
                async for number in connection(client):
                    seen.append(number)
            except httpx.TransportError:
                await asyncio.sleep(0.2)
            else:
                return


async def by_anthropic(url: str, prompt: str, seen: list[int]) -> None:
    """Unmodified, over the client's transport; it notes the count of its texts."""
    http = httpx2.AsyncClient(transport=AsyncResumingTransport(), timeout=20)
    model = MODEL.replace("sim/", "sim-messages/")
    messages: list[MessageParam] = [{"role": "user", "content": prompt}]
    key = {"Idempotency-Key": prompt}
    async with (
        AsyncAnthropic(base_url=url, api_key="x", max_retries=0, http_client=http) as sdk,
        sdk.messages.stream(
            model=model, max_tokens=99, messages=messages, extra_headers=key
        ) as stream,
    ):
        async for text in stream.text_stream:
            seen.append(len(seen) + len(text.split()))


@pytest.mark.timeout(90)
async def test_nothing_is_lost_by_a_kill_and_a_drain(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    link = await Link("api").start()
    address = Address(cluster, link)
    readers: dict[str, Any] = {
        "langgraph": by_langgraph,
        "langgraphs-call": by_langgraphs_call,
        "httpx-sse": by_httpx_sse,
        "anthropic": by_anthropic,
    }
    for prompt in ("langgraph", "httpx-sse"):
        await cluster.submit(prompt, MODEL)
    seen: dict[str, list[int]] = {prompt: [] for prompt in readers}

    def read() -> int:
        return min(map(len, seen.values()))

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for prompt, reader in readers.items():
            group.create_task(reader(address.url, prompt, seen[prompt]))
        await until(lambda: read() >= 5)
        await address.kill()
        before = read()
        await until(lambda: read() >= before + 5)
        await address.drain()
    await link.close()
    for prompt, ids in seen.items():
        assert ids == sorted(set(ids)), prompt
        job = await cluster.job(prompt)
        assert ids[-1] == (TOKENS if prompt == "anthropic" else job.last)
        assert await cluster.sim_calls(prompt) == len(job.attempts) == 1
    for prompt in ("langgraph", "httpx-sse"):
        await check_whole(cluster, prompt, TOKENS)
        # The native view shows every number.
        assert seen[prompt] == list(range(1, len(seen[prompt]) + 1))
    assert len(seen["langgraphs-call"]) > TOKENS
