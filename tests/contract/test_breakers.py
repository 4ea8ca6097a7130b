"""Circuit breakers, shared by two workers: a failing target is left alone, tried now and then,
and taken back; its callers notice nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from rig.cluster import until
from tests.contract.jobs import get
from tests.deployment import Deployment, ask

LEAST, COOLDOWN = 4, 0.5  # calls; seconds
TRIALS = 3  # that fail
FAILURES = LEAST + TRIALS
PROMPT = "the same for every call"  # by which the provider counts its failures
FAILING = f"status=500,failfirst={FAILURES},tokens=2,interval=0"
HEALTHY = "tokens=3,interval=0"
CONFIG = f"""
[breaker]
least_calls = {LEAST}
cooldown = {COOLDOWN}

[routes.guarded]
targets = ["sim/{FAILING}", "sim/{HEALTHY}"]
"""


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("pair"), workers=2, config=CONFIG)
    yield deployment
    deployment.close()


@pytest.fixture
async def api(pair: Deployment) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(pair.urls[0]) as session:
        yield session


async def call(api: aiohttp.ClientSession) -> None:
    """A call; it must be answered."""
    async with api.post("/v1/chat/completions", json=ask("guarded", PROMPT)) as response:
        assert response.status == 200, await response.text()
        assert (await response.json())["choices"][0]["finish_reason"] == "stop"


async def breaker(api: aiohttp.ClientSession) -> dict[str, Any]:
    providers = {each["id"]: each for each in (await get(api, "/v1/providers"))["data"]}
    sim = providers["sim"]
    (target,) = (each for each in sim["targets"] if each["model"] == FAILING)
    assert target["routes"] == ["guarded"]
    found: dict[str, Any] = target["breaker"]
    return found


async def series(api: aiohttp.ClientSession) -> dict[str, float]:
    """The failing target's series of streamhold_breaker, by state."""
    async with api.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    start = "streamhold_breaker{"
    mine = [line for line in lines if line.startswith(start) and f'target="sim/{FAILING}"' in line]
    return {line.split('state="')[1].split('"')[0]: float(line.split()[-1]) for line in mine}


async def calls_of(pair: Deployment, session: aiohttp.ClientSession, model: str) -> int:
    async with session.get(pair.sim_url.removesuffix("/v1") + "/sim/calls") as response:
        return int((await response.json())["by_model"].get(model, 0))


async def test_a_failing_target_is_left_alone_until_it_has_recovered(
    pair: Deployment, api: aiohttp.ClientSession
) -> None:
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as sim:
        assert await breaker(api) == {
            "state": "closed",
            "retry_in": 0.0,
            "succeeded": 0,
            "failed": 0,
            "changed_at": None,
            "last_failure": None,
        }
        begun = loop.time()
        for _ in range(LEAST):
            await call(api)

        async def opened() -> bool:
            return bool((await breaker(api))["state"] == "open")

        await until(opened, 5)
        now = await breaker(api)
        assert (now["failed"], now["changed_at"] is not None) == (LEAST, True)
        assert 0 < now["retry_in"] <= COOLDOWN
        assert await series(api) == {"closed": 0.0, "open": 1.0, "half-open": 0.0}

        answered = 0
        stopping = asyncio.Event()

        async def caller() -> None:
            nonlocal answered
            while not stopping.is_set():
                await call(api)
                answered += 1

        async def closed() -> bool:
            trials = await calls_of(pair, sim, FAILING) - LEAST
            if trials <= TRIALS:  # one at a time, and a cooldown between two
                assert trials <= (loop.time() - begun) / COOLDOWN
            return bool((await breaker(api))["state"] == "closed")

        callers = [asyncio.create_task(caller()) for _ in range(12)]
        await until(closed, 20)
        assert loop.time() - begun > COOLDOWN * (TRIALS + 1)
        healthy = await calls_of(pair, sim, HEALTHY)
        recovered = await calls_of(pair, sim, FAILING)

        async def used_again() -> bool:
            return await calls_of(pair, sim, FAILING) > recovered + 50

        await until(used_again, 5)
        stopping.set()
        await asyncio.gather(*callers)
        assert await calls_of(pair, sim, HEALTHY) < healthy + 50  # the first target is preferred
        assert answered > 100
        assert (await series(api))["closed"] == 1.0
        failed = [job for job in await _jobs(api) if job["state"] != "completed"]
        assert not failed


async def _jobs(api: aiohttp.ClientSession) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await get(api, "/v1/jobs?limit=100"))["data"]
    return [job for job in found if job["ended_at"]]
