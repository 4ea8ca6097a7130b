"""The proxy before nginx with the committed configuration: both API processes are rolled."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.contract import test_deploy_rolling
from tests.contract.raw import data_of, events_of, ids_of
from tests.contract.test_deploy_rolling import Rolling, until_async
from tests.deployment import ask
from tests.proxying import proxying

deployment = test_deploy_rolling.deployment  # fixtures
rolling = test_deploy_rolling.rolling
TOKENS, STREAMS = 200, 8
MODEL = f"sim/tokens={TOKENS},interval=50ms"


@pytest.fixture
def drain() -> float:
    """Seconds; streams are cut when they are over."""
    return 0.3


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90)) as session:
        yield session


async def replaced(rolling: Rolling, name: str, signum: signal.Signals) -> None:
    """End a process; returns once ``up`` has started it again and it is ready."""
    old = rolling.deployment.pids[name]
    os.kill(old, signum)

    async def is_new() -> bool:
        return rolling.deployment.pids.get(name, old) != old

    await until_async(is_new, True)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_streams_and_whole_answers_over_a_roll_and_a_kill(
    rolling: Rolling, http: aiohttp.ClientSession
) -> None:
    async with proxying(rolling.url) as url:

        async def stream(prompt: str) -> None:
            body = ask(MODEL, prompt, stream=True)
            async with http.post(f"{url}/v1/chat/completions", json=body) as response:
                assert response.status == 200
                events = events_of(await response.read())
            assert ids_of(events) == sorted(set(ids_of(events)))
            assert events[-1].endswith(b"data: [DONE]\n\n")
            texts = [data_of(event)["choices"][0]["delta"].get("content") for event in events[:-1]]
            assert sum(bool(text) for text in texts) == TOKENS

        async def whole(prompt: str) -> None:
            body = json.dumps(ask(MODEL, prompt))
            headers = {"content-type": "application/json"}
            async with http.post(
                f"{url}/v1/chat/completions", data=body, headers=headers
            ) as response:
                assert response.status == 200
                said = (await response.json())["choices"][0]["message"]["content"]
            assert len(said.split()) == TOKENS

        async with asyncio.timeout(90), asyncio.TaskGroup() as group:
            for number in range(STREAMS):
                group.create_task(stream(f"stream-{number}"))
                group.create_task(whole(f"whole-{number}"))
            await asyncio.sleep(1)
            await replaced(rolling, "api-0", signal.SIGTERM)
            await replaced(rolling, "api-1", signal.SIGKILL)
    calls = {
        prompt: rolling.deployment.sim_calls(prompt)
        for kind in ("stream", "whole")
        for prompt in (f"{kind}-{number}" for number in range(STREAMS))
    }
    assert set(calls.values()) == {1}, calls
