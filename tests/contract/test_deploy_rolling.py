"""The committed nginx.conf in front of two real API processes, one of which drains or is killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from broker.cli.deployment import answers_200
from tests.contract.nginx import Proxy, before
from tests.deployment import Deployment, ask

CONFIG = """
[server]
drain = {drain}

[providers.claude]
base_url = "{{sim}}"
dialect = "messages"
"""
QUICK = "tokens=3,interval=1ms"
CALLS = 6  # of each kind, while one process drains
WHOLE = {"max_tokens": 100, "messages": [{"role": "user", "content": "rolling"}]}
CREATED: dict[str, tuple[str, Any]] = {
    "chat": ("/v1/chat/completions", ask(f"sim/{QUICK}", "rolling")),
    "chat stream": ("/v1/chat/completions", ask(f"sim/{QUICK}", "rolling", stream=True)),
    "messages": ("/v1/messages", {"model": f"claude/{QUICK}", **WHOLE}),
    "messages stream": ("/v1/messages", {"model": f"claude/{QUICK}", "stream": True, **WHOLE}),
    "responses": ("/v1/responses", {"model": f"sim/{QUICK}", "input": "rolling"}),
    "responses stream": (
        "/v1/responses",
        {"model": f"sim/{QUICK}", "input": "rolling", "stream": True},
    ),
    "count_tokens": ("/v1/messages/count_tokens", {"model": f"claude/{QUICK}", **WHOLE}),
    "jobs": ("/v1/jobs", {"dialect": "chat", "request": ask(f"sim/{QUICK}", "rolling")}),
    "cancel": ("/v1/jobs/ended/cancel", None),
    "tickets": ("/v1/jobs/ended/tickets", None),
}
GETS = (
    "/v1/jobs/ended",
    "/v1/jobs/ended/result",
    "/v1/jobs/ended/events",
    "/v1/jobs",
    "/v1/models",
)


class Rolling:
    """A deployment behind nginx, and what a caller of either needs."""

    def __init__(self, deployment: Deployment, proxy: Proxy) -> None:
        self.deployment = deployment
        self.url = proxy.url
        self._address = urlsplit(deployment.urls[0])

    async def drain_first(self) -> None:
        """SIGTERM to the first API process; returns once it takes no more calls."""
        os.kill(self.deployment.pids["api-0"], signal.SIGTERM)
        await until_async(self.first_is_ready, False)

    async def first_is_ready(self) -> bool:
        host, port = self._address.hostname or "", self._address.port or 0
        return await answers_200(host, port, "/readyz")


async def until_async(look: Callable[[], Any], wanted: object) -> None:
    """Look until it is so: another process changes in silence."""
    while await look() != wanted:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


@pytest.fixture
def drain() -> float:
    """Seconds that an API process drains at most."""
    return 30.0


@pytest.fixture
def deployment(tmp_path: Path, drain: float) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path, apis=2, config=CONFIG.format(drain=drain))
    yield deployment
    deployment.close()


@pytest.fixture
async def rolling(deployment: Deployment, tmp_path: Path) -> AsyncIterator[Rolling]:
    async with before(deployment.urls, tmp_path) as proxy:
        yield Rolling(deployment, proxy)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


async def test_no_call_meets_a_draining_process(
    rolling: Rolling, http: aiohttp.ClientSession
) -> None:
    """Under load, of every kind, without a key: nothing but the right answer reaches a caller."""
    chat = rolling.url + "/v1/chat/completions"
    for model, key in ((f"sim/{QUICK}", "ended"), ("sim/status=500", "failed")):
        async with http.post(
            chat, json=ask(model, key), headers={"idempotency-key": key}
        ) as response:
            assert response.status == (200 if key == "ended" else 502)
    endless = ask("sim/tokens=10000,interval=50ms", "endless", stream=True)
    own = rolling.deployment.urls[0] + "/v1/chat/completions"
    statuses: dict[str, list[int]] = {}

    async def calls(name: str, method: str, path: str, body: Any = None) -> None:
        for _ in range(CALLS):
            async with http.request(method, rolling.url + path, json=body) as response:
                text = await response.read()  # whole, or it raises
                assert b"event: retry" not in text
                statuses.setdefault(name, []).append(response.status)

    async with http.post(own, json=endless) as held:  # its drain lasts as long as this
        assert held.status == 200
        await rolling.drain_first()
        async with asyncio.TaskGroup() as group:
            for name, (path, body) in CREATED.items():
                group.create_task(calls(name, "POST", path, body))
            for path in GETS:
                group.create_task(calls(path, "GET", path))
            group.create_task(calls("retry", "POST", "/v1/jobs/ended/retry"))
        async with http.post(f"{rolling.url}/v1/jobs/failed/retry") as response:
            assert response.status == 202
        assert not await rolling.first_is_ready()
    right = {"jobs": 202, "tickets": 201, "retry": 409}
    assert statuses == {name: [right.get(name, 200)] * CALLS for name in statuses}
    assert len(statuses) == len(CREATED) + len(GETS) + 1


@pytest.mark.parametrize(
    ("number", "drain"), [(signal.SIGTERM, 0.3), (signal.SIGKILL, 0.3)], ids=["drained", "killed"]
)
async def test_a_call_without_a_key_goes_on_at_the_other_process(
    rolling: Rolling, http: aiohttp.ClientSession, number: signal.Signals
) -> None:
    """One call waits at each process; one process ends. Each provider call is made once."""
    model = "sim/tokens=40,interval=50ms"
    chat = rolling.url + "/v1/chat/completions"

    async def call(prompt: str) -> int:
        async with http.post(chat, json=ask(model, prompt)) as response:
            await response.read()
            return response.status

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call(prompt)) for prompt in ("one", "two")]
        await until_async(lambda: asyncio.to_thread(_begun, rolling.deployment), 2)
        os.kill(rolling.deployment.pids["api-0"], number)
    assert [task.result() for task in tasks] == [200, 200]
    assert _begun(rolling.deployment) == 2


def _begun(deployment: Deployment) -> int:
    return deployment.sim_calls("one") + deployment.sim_calls("two")


@pytest.mark.parametrize("drain", [1.0])
async def test_a_failure_does_not_turn_an_sdks_retries_off(
    rolling: Rolling, http: aiohttp.ClientSession
) -> None:
    """The caller gave no key: the same call again is another job."""
    chat, failing = rolling.url + "/v1/chat/completions", ask("sim/status=500", "failing")
    names = set()
    for _ in range(2):
        async with http.post(chat, json=failing) as response:
            assert response.status == 502
            assert "x-should-retry" not in response.headers
            names.add(response.headers["x-request-id"])
    assert len(names) == 2
    async with http.post(chat, json=failing, headers={"idempotency-key": "mine"}) as response:
        assert response.headers["x-should-retry"] == "false"
        assert response.headers["x-request-id"] == "mine"
