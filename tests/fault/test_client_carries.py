"""kill -9 of API processes beneath unmodified SDKs over the client's transport: they see nothing.

The SDKs know one address, a proxy's; the test says which API process is behind it. The SDKs'
own retries are off: what is mended here is mended below them.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, OpenAI

from rig.cluster import WAIT, Cluster, ask, until
from streamhold_client.httpx2 import AsyncResumingTransport, ResumingTransport
from streamhold_client.native import AsyncClient, Chunk, End
from tests.contract.sdk import begin, text_of, user, whole
from tests.fault.conftest import Make
from tests.soak.proxy import Link

CONFIG = "[server]\ndrain = 0.3\n"
TOKENS = 80
MODEL = f"sim/tokens={TOKENS},interval=40ms,obfuscation=1"


class Address:
    """A fixed address, and the API process behind it."""

    def __init__(self, cluster: Cluster, link: Link) -> None:
        self.cluster = cluster
        self.link = link
        self.url = f"http://127.0.0.1:{link.port}"
        self.point(0)

    def point(self, api: int) -> None:
        self.link.upstream = ("127.0.0.1", int(self.cluster.urls[api].rpartition(":")[2]))

    async def kill(self) -> None:
        """kill -9 of the process behind it; only then another one is started."""
        self.cluster.signal_api(len(self.cluster.apis) - 1, signal.SIGKILL)
        await self.replace()

    async def drain(self) -> None:
        """The same with SIGTERM: the process refuses calls and cuts streams before it ends."""
        self.cluster.signal_api(len(self.cluster.apis) - 1, signal.SIGTERM)
        await self.cluster.exited(self.cluster.apis[-1])
        await self.replace()

    async def replace(self) -> None:
        await self.cluster.add_api()
        self.point(len(self.cluster.apis) - 1)

    async def kill_at(self, progress: Callable[[], int], *places: int) -> None:
        """One kill at each place of a reader's progress."""
        for place in places:
            await until(lambda place=place: progress() >= place)  # type: ignore[misc]
            assert progress() < TOKENS, "the stream was over before it could be cut"
            await self.kill()


@pytest.fixture
async def address(make_cluster: Make) -> AsyncIterator[Address]:
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    link = await Link("api").start()
    yield Address(cluster, link)
    await link.close()


@pytest.fixture
async def asdk(address: Address) -> AsyncIterator[AsyncOpenAI]:
    client = httpx2.AsyncClient(transport=AsyncResumingTransport(), timeout=WAIT)
    sdk = AsyncOpenAI(base_url=f"{address.url}/v1", api_key="x", http_client=client, max_retries=0)
    yield sdk
    await sdk.close()


async def while_killing(
    address: Address, progress: Callable[[], int], reading: Coroutine[Any, Any, Any]
) -> None:
    """Read while the API process is killed three times."""
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(reading)
        group.create_task(address.kill_at(progress, 3, 20, 40))
    assert len(address.cluster.apis) == 4


async def check(address: Address, prompt: str, text: str) -> None:
    """The text is what the job says, and its provider was called once."""
    url = f"{address.cluster.urls[-1]}/v1/chat/completions"
    assert await address.cluster.sim_calls(prompt) == 1
    listed = f"{address.cluster.urls[-1]}/v1/jobs"
    async with address.cluster.session.get(listed) as response:
        jobs = (await response.json())["data"]
    assert len(jobs) == 1
    headers = {"idempotency-key": jobs[0]["request_id"]}
    body = ask(MODEL, prompt)
    async with address.cluster.session.post(url, json=body, headers=headers) as response:
        said = (await response.json())["choices"][0]["message"]["content"]
    assert said == text
    assert len(text.split()) == TOKENS
    assert await address.cluster.sim_calls(prompt) == 1


@pytest.mark.timeout(90)
async def test_an_async_stream_over_three_kills(address: Address, asdk: AsyncOpenAI) -> None:
    seen: list[Any] = []

    async def read() -> None:
        async for chunk in await begin(asdk, MODEL, "async"):
            seen.append(chunk)

    await while_killing(address, lambda: len(seen), read())
    await check(address, "async", text_of(seen))


@pytest.mark.timeout(90)
async def test_a_sync_stream_over_three_kills(address: Address) -> None:
    seen: list[Any] = []

    def read() -> None:
        client = httpx2.Client(transport=ResumingTransport(), timeout=WAIT)
        with OpenAI(
            base_url=f"{address.url}/v1", api_key="x", http_client=client, max_retries=0
        ) as sdk:
            seen.extend(
                sdk.chat.completions.create(model=MODEL, messages=user("sync"), stream=True)
            )

    # list.extend takes the chunks one by one as they come
    await while_killing(address, lambda: len(seen), asyncio.to_thread(read))
    await check(address, "sync", text_of(seen))


@pytest.mark.timeout(90)
async def test_a_whole_answer_over_a_kill(address: Address, asdk: AsyncOpenAI) -> None:
    """The very first call of a client, killed before any answer."""
    asking = asyncio.ensure_future(whole(asdk, MODEL, "whole"))
    await address.cluster.until_called("whole", 1)
    await address.kill()
    answer = await asking
    await check(address, "whole", answer.choices[0].message.content or "")


@pytest.mark.timeout(90)
async def test_a_stream_over_a_drain(address: Address, asdk: AsyncOpenAI) -> None:
    seen: list[Any] = []
    async for chunk in await begin(asdk, MODEL, "drained"):
        seen.append(chunk)
        if len(seen) == 10:
            draining = asyncio.ensure_future(address.drain())
    await draining
    assert address.link.carried > 1
    await check(address, "drained", text_of(seen))


@pytest.mark.timeout(90)
async def test_leaving_closes_the_connection_at_once(address: Address, asdk: AsyncOpenAI) -> None:
    async def read() -> None:
        async for _ in await begin(asdk, MODEL, "cancelled"):
            started.set()

    started = asyncio.Event()
    reading = asyncio.ensure_future(read())
    await started.wait()
    assert address.link.open == 1
    reading.cancel()
    await until(lambda: address.link.open == 0, 2)
    stream = await begin(asdk, MODEL, "closed")
    await anext(aiter(stream))
    await stream.close()
    await until(lambda: address.link.open == 0, 2)


@pytest.mark.timeout(90)
async def test_the_native_client_over_three_kills(address: Address) -> None:
    seen: list[Any] = []

    async def read() -> None:
        async with AsyncClient(address.url) as client:
            job = await client.submit(ask(MODEL, "native"), request_id="native")
            async for event in client.events(job.request_id):
                seen.append(event)

    await while_killing(address, lambda: len(seen), read())
    assert isinstance(seen[-1], End)
    assert seen[-1].state == "completed"
    ids = [event.id for event in seen]
    assert ids == list(range(1, seen[-1].id + 1))
    deltas = (e.data["choices"] for e in seen if isinstance(e, Chunk))
    text = "".join(c["delta"].get("content") or "" for choices in deltas for c in choices)
    await check(address, "native", text)
