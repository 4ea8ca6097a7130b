"""Fairness: one account's thousands of queued jobs are no other account's wait."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from openai import AsyncOpenAI

from broker.model import Options
from broker.queue import Submission, enqueue
from broker.settings import Secret, Settings
from broker.store import Store, open_store
from rig.cluster import until
from tests.contract.conftest import ALICE, BOB
from tests.contract.sdk import begin, chunks
from tests.deployment import Deployment, account, ask

SLOTS, SHARE = 10, 0.8
BATCH_SLOTS = int(SLOTS * SHARE)
MANY = 10_000
LONG = "sim/tokens=10,interval=30ms,id=long"  # 300 ms in its slot
SHORT = "sim/tokens=2,interval=0,id=short"
CONFIG = f"""
[worker]
concurrency = {SLOTS}
batch_share = {SHARE}

{account("alice", ALICE)}
{account("bob", BOB)}
"""


@pytest.fixture
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("busy"), config=CONFIG)
    yield deployment
    deployment.close()


async def fill(deployment: Deployment, options: Options) -> None:
    """Queue Alice's many jobs: straight into the store, for it is quicker, and wait for none."""
    store: Store = open_store(Settings(store_url=Secret(deployment.store_url)), "filler")
    prefix = secrets.token_hex(4)

    async def filler(start: int) -> None:
        for number in range(start, MANY, 40):
            name = f"{prefix}-{number}"
            request = ask(LONG, name)
            body = b'{"model":"%s","messages":[{"role":"user","content":"%s"}]}'
            text = body % (LONG.encode(), name.encode())
            new = Submission("alice", name, "chat", request, text, options=options)
            assert (await enqueue(store, new)).created

    await asyncio.gather(*map(filler, range(40)))
    (partition,) = store.keys.partitions
    tick = await store.leases.rescue(partition)
    assert tick.queued + tick.queued_batch > MANY / 2
    await store.close()


@asynccontextmanager
async def counting(deployment: Deployment) -> AsyncIterator["Counts"]:
    async with aiohttp.ClientSession() as session:
        yield Counts(session, deployment.sim_url.removesuffix("/v1") + "/sim/calls")


class Counts:
    """How often the provider was called, by model."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def of(self, model: str) -> int:
        async with self._session.get(self._url) as response:
            found = (await response.json())["by_model"]
        return int(found.get(model.removeprefix("sim/"), 0))

    async def reached(self, model: str, count: int) -> None:
        async def holds() -> bool:
            return await self.of(model) >= count

        await until(holds)


@pytest.mark.parametrize("priority", ["batch", "interactive"])
async def test_a_flood_of_one_account_delays_no_other_s_chat(
    busy: Deployment, priority: str
) -> None:
    """Not even one without any right of way: its turn is the next slot that gets free."""
    flood = Options(priority="batch" if priority == "batch" else "interactive")
    await fill(busy, flood)
    async with (
        counting(busy) as counts,
        AsyncOpenAI(base_url=f"{busy.urls[0]}/v1", api_key=BOB, max_retries=0) as sdk,
    ):
        await counts.reached(LONG, BATCH_SLOTS if priority == "batch" else SLOTS)
        for number in range(8):
            before = await counts.of(LONG)
            stream = await begin(sdk, SHORT, f"chat-{number}")
            await anext(aiter(stream))
            between = await counts.of(LONG) - before
            # Its turn is the next slot that gets free; the rest is what ends while we ask.
            assert between <= 3 * SLOTS
            await stream.close()
        assert await counts.of(LONG) < MANY / 2  # there was a flood all the time


async def test_batch_jobs_move_on_among_any_number_of_chats(busy: Deployment) -> None:
    """A batch job's place is that of eight others; so it gets a ninth of the slots, at least."""
    await fill(busy, Options(priority="batch"))
    stopping = asyncio.Event()
    async with (
        counting(busy) as counts,
        AsyncOpenAI(base_url=f"{busy.urls[0]}/v1", api_key=BOB, max_retries=0) as sdk,
    ):

        async def caller(place: int) -> None:
            turn = 0
            while not stopping.is_set():
                turn += 1
                await chunks(sdk, SHORT, f"caller-{place}-{turn}")

        callers = [asyncio.create_task(caller(place)) for place in range(3 * SLOTS)]
        await counts.reached(SHORT, SLOTS)
        batch, chats = await counts.of(LONG), await counts.of(SHORT)
        await counts.reached(SHORT, chats + 400)
        moved, chats = await counts.of(LONG) - batch, await counts.of(SHORT) - chats
        stopping.set()
        await asyncio.gather(*callers)
    assert moved >= chats / 16
    assert chats >= 400
