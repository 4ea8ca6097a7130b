"""Admission: an account's limit, a full queue, a store short of memory; each says when to come
again, and none stands between a caller and a job that is there.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

from broker.settings import Secret, Settings
from broker.store import open_store
from rig.cluster import until
from rig.program import Program
from rig.store_server import StoreServer
from tests.contract.conftest import ALICE, BOB
from tests.contract.jobs import OPEN, QUICK, act, ended, get, said, submit
from tests.contract.sdk import chunks, keyed, whole
from tests.deployment import Deployment, account, ask

SLOTS, QUEUED, MOST_OPEN = 4, 3, 2
CONFIG = f"""
[worker]
concurrency = {SLOTS}

[store]
max_queued = {QUEUED}
account_share = 1.0

{account("alice", ALICE)}
concurrency = {MOST_OPEN}
{account("bob", BOB)}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment with room for little; Alice may have two jobs open, Bob any number."""
    deployment = Deployment(tmp_path_factory.mktemp("small"), config=CONFIG)
    yield deployment
    deployment.close()


def session(url: str, key: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(url, headers={"x-api-key": key})


@pytest.fixture
async def alice(small: Deployment) -> AsyncIterator[aiohttp.ClientSession]:
    async with session(small.urls[0], ALICE) as api:
        yield api


@pytest.fixture
async def bob(small: Deployment) -> AsyncIterator[aiohttp.ClientSession]:
    async with session(small.urls[0], BOB) as api:
        yield api


async def cancel(api: aiohttp.ClientSession, *names: str) -> None:
    for name in names:
        await act(api, f"/v1/jobs/{name}/cancel", 200)


async def refused(api: aiohttp.ClientSession, prompt: str, status: int, **options: Any) -> str:
    """The code with which a new job is refused."""
    body = {"request_id": prompt, "request": ask(QUICK, prompt), "options": options}
    async with api.post("/v1/jobs", json=body) as response:
        assert (response.status, response.content_type) == (status, "application/problem+json")
        assert int(response.headers["retry-after"]) >= 1
        assert "x-should-retry" not in response.headers
        code: str = (await response.json(content_type=None))["code"]
    await get(api, f"/v1/jobs/{prompt}", 404)
    return code


async def test_an_account_has_as_many_jobs_open_as_it_may(
    small: Deployment, alice: aiohttp.ClientSession, bob: aiohttp.ClientSession, prompt: str
) -> None:
    names = [f"{prompt}-{number}" for number in range(MOST_OPEN)]
    for name in names:
        await submit(alice, OPEN, name)
    assert await refused(alice, prompt, 429) == "account_busy"
    async with AsyncOpenAI(base_url=f"{small.urls[0]}/v1", api_key=ALICE, max_retries=0) as sdk:
        with pytest.raises(openai.RateLimitError) as caught:
            await whole(sdk, QUICK, prompt, extra_headers=keyed(prompt))
        assert (caught.value.code, caught.value.type) == ("account_busy", "rate_limit_error")
        assert int(caught.value.response.headers["retry-after"]) >= 1

        await submit(bob, QUICK, prompt)  # another account knows nothing of it
        assert (await ended(bob, prompt))["state"] == "completed"
        await submit(alice, OPEN, names[0], 200)  # what is there is there
        await said(alice, names[0])

        attached = asyncio.create_task(
            chunks(sdk, OPEN, names[0], extra_headers=keyed(names[0]), timeout=20)
        )
        await cancel(alice, names[0])
        with pytest.raises(openai.APIError):
            await attached
        await submit(alice, QUICK, prompt)  # one has ended: there is room for one
        assert (await ended(alice, prompt))["state"] == "completed"
    await cancel(alice, names[1])
    assert small.sim_calls(prompt) == 2


async def test_an_sdk_that_retries_gets_through(
    small: Deployment, alice: aiohttp.ClientSession, prompt: str
) -> None:
    names = [f"{prompt}-{number}" for number in range(MOST_OPEN)]
    for name in names:
        await submit(alice, OPEN, name)
    url, heard = f"{small.urls[0]}/v1", asyncio.Event()

    async def hook(response: Any) -> None:
        if response.status_code == 429:
            heard.set()

    async with AsyncOpenAI(base_url=url, api_key=ALICE, max_retries=2) as sdk:
        sdk._client.event_hooks["response"].append(hook)
        call = asyncio.create_task(whole(sdk, QUICK, prompt, extra_headers=keyed(prompt)))
        await heard.wait()
        await cancel(alice, *names)
        assert (await call).choices[0].finish_reason == "stop"


async def test_a_full_queue_takes_no_more_of_its_priority(
    small: Deployment, bob: aiohttp.ClientSession, prompt: str
) -> None:
    names = [f"{prompt}-{number}" for number in range(SLOTS + QUEUED)]
    for name in names[:SLOTS]:
        await submit(bob, OPEN, name)
        await said(bob, name)  # every slot is taken, and nothing queued
    for name in names[SLOTS:]:
        await submit(bob, OPEN, name)
    assert await refused(bob, prompt, 503) == "queue_full"
    async with AsyncOpenAI(base_url=f"{small.urls[0]}/v1", api_key=BOB, max_retries=0) as sdk:
        with pytest.raises(openai.InternalServerError) as caught:
            await whole(sdk, QUICK, prompt, extra_headers=keyed(prompt))
        assert (caught.value.status_code, caught.value.code) == (503, "queue_full")
        assert int(caught.value.response.headers["retry-after"]) >= 1
    await submit(bob, OPEN, names[-1], 200)
    await submit(bob, QUICK, f"{prompt}-batch", options={"priority": "batch"})
    await cancel(bob, names[-1])
    await submit(bob, QUICK, prompt)
    await cancel(bob, *names[:-1])
    for name in (prompt, f"{prompt}-batch"):
        assert (await ended(bob, name))["state"] == "completed"


# ── Memory ─────────────────────────────────────────────────────────────────────────────

MEMORY = 64 << 20  # bytes
SLOW = "sim/tokens=150,interval=20ms"
Serve = tuple[str, StoreServer]


@pytest.fixture
def tight(
    small: Deployment, make_store: Callable[..., StoreServer], tmp_path: Path
) -> Iterator[Serve]:
    """An API process and a worker over a store that is allowed little memory."""
    server = make_store("valkey", "--maxmemory", str(MEMORY))
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "STREAMHOLD_STORE_URL": server.url,
        "STREAMHOLD_SIM_URL": small.sim_url,
    }
    worker = Program(["worker"], tmp_path / "worker.log", env)
    api = Program(["api", "--port", "0"], tmp_path / "api.log", env)
    port = api.wait_for(r'"event":"api.listening".*"port":(\d+)')
    worker.wait_for("worker.started")
    yield f"http://127.0.0.1:{port}", server
    api.close()
    worker.close()


@pytest.mark.parametrize("share", [0.95, 1.05])
async def test_a_store_short_of_memory_takes_no_new_jobs_and_ends_the_running_ones(
    tight: Serve, prompt: str, share: float
) -> None:
    url, server = tight
    store = open_store(Settings(store_url=Secret(server.url)), "ballast")
    client: Any = store.client
    async with aiohttp.ClientSession(url) as api:
        await submit(api, SLOW, prompt)
        used = (await client.info("memory"))["used_memory"]
        await client.setrange("ballast", int(MEMORY * share - used), "x")
        await until(lambda: _is_full(api))
        assert await refused(api, f"{prompt}-new", 503) == "store_full"
        call = ask(QUICK, f"{prompt}-chat")
        async with api.post("/v1/chat/completions", json=call) as response:
            assert (response.status, int(response.headers["retry-after"])) == (503, 1)
            assert (await response.json())["error"]["code"] == "store_full"
        assert (await get(api, f"/v1/jobs/{prompt}"))["state"] in ("queued", "running")
        await submit(api, SLOW, prompt, 200)
        job = await ended(api, prompt)
        assert (job["state"], job["usage"]["completion_tokens"]) == ("completed", 150)
        await client.delete("ballast")
        await until(lambda: _is_taken(api, f"{prompt}-new"))
        assert (await ended(api, f"{prompt}-new"))["state"] == "completed"
    await store.close()


async def _is_full(api: aiohttp.ClientSession) -> bool:
    async with api.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    free = next(line for line in lines if line.startswith("streamhold_store_free_memory "))
    return float(free.split()[1]) < 0.1


async def _is_taken(api: aiohttp.ClientSession, prompt: str) -> bool:
    body = {"request_id": prompt, "request": ask(QUICK, prompt)}
    async with api.post("/v1/jobs", json=body) as response:
        return response.status == 202
