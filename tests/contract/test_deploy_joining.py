"""The committed nginx.conf in front of two API processes, one killed: agents' calls join."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from rig.keyless import Call
from tests.contract.nginx import Proxy, before
from tests.deployment import Deployment, ask

MODEL = "sim/tokens=50,interval=50ms"
CALLS = 8
AGENT = {"user-agent": "claude-cli/2.1.332 (external, cli)"}  # it asks for nothing


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path, apis=2)
    yield deployment
    deployment.close()


@pytest.fixture
async def proxy(deployment: Deployment, tmp_path: Path) -> AsyncIterator[Proxy]:
    async with before(deployment.urls, tmp_path) as proxy:
        yield proxy


@pytest.mark.slow
@pytest.mark.parametrize("killed", [True, False])
async def test_agents_behind_nginx_pay_once(
    deployment: Deployment, proxy: Proxy, killed: bool
) -> None:
    """Whether a process is killed or the clients leave; both kinds come again by the proxy."""
    prompts = [f"nginx-{number}" for number in range(CALLS)]
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:

        def call(prompt: str, *, stream: bool = True) -> Call:
            return Call(session, proxy.url, ask(MODEL, prompt, stream=stream), AGENT)

        calls = [call(prompt) for prompt in prompts]
        await asyncio.gather(*(each.under_way() for each in calls))
        if killed:
            os.kill(deployment.pids["api-0"], signal.SIGKILL)
        else:
            await asyncio.gather(*(each.leave() for each in calls))
        await asyncio.gather(*(each.finish() for each in calls), return_exceptions=True)
        lost = [each for each in zip(prompts, calls, strict=True) if not each[1].ended]
        assert (0 < len(lost) < CALLS) if killed else len(lost) == CALLS
        again = [call(prompt, stream=n % 2 == 0) for n, (prompt, _) in enumerate(lost)]
        await asyncio.gather(*(each.finish() for each in again))
    assert all(each.ended for each in again)
    assert [each.request_id for each in again] == [each.request_id for _, each in lost]
    assert {prompt: deployment.sim_calls(prompt) for prompt in prompts} == dict.fromkeys(prompts, 1)
