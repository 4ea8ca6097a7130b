"""The deployment's own state: description, metrics, readiness, drain."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from rig.program import Program
from rig.store_server import StoreServer
from tests.contract.jobs import QUICK, act, ended, get, submit
from tests.contract.raw import call, without_pings
from tests.deployment import Deployment, ask


async def test_every_route_is_described(api: aiohttp.ClientSession) -> None:
    document = await get(api, "/openapi.json")
    described = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
    }
    job = "/v1/jobs/{request_id}"
    assert described == {
        "POST /v1/chat/completions",
        "POST /v1/messages",
        "POST /v1/messages/count_tokens",
        "GET /v1/responses",
        "POST /v1/responses",
        "POST /v1/responses/compact",
        "POST /v1/responses/input_tokens",
        "POST /v1/embeddings",
        "POST /v1/completions",
        "GET /v1/responses/{response_id}",
        "DELETE /v1/responses/{response_id}",
        "POST /v1/responses/{response_id}/cancel",
        "GET /v1/responses/{response_id}/input_items",
        "GET /v1/models",
        "GET /v1/models/{model}",
        "GET /v1/providers",
        "POST /v1/jobs",
        "GET /v1/jobs",
        f"GET {job}",
        f"DELETE {job}",
        f"GET {job}/events",
        f"GET {job}/result",
        f"POST {job}/cancel",
        f"POST {job}/retry",
        f"POST {job}/tickets",
        "GET /",
        "GET /openapi.json",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }


async def _metric(api: aiohttp.ClientSession, name: str) -> float:
    async with api.get("/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        lines = (await response.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def test_metrics_count(api: aiohttp.ClientSession, prompt: str) -> None:
    created = 'streamhold_calls_total{did="created"}'
    attached = 'streamhold_calls_total{did="attached"}'
    names = [created, attached, "streamhold_sent_bytes_total", "streamhold_stream_endings_total"]
    before = [await _metric(api, name) for name in names]
    await submit(api, QUICK, prompt)
    await ended(api, prompt)
    after = [await _metric(api, name) for name in names]
    assert after[0] == before[0] + 1
    assert after[1] == before[1] + 1
    assert after[2] > before[2]
    assert after[3] == before[3] + 1
    assert await _metric(api, "streamhold_workers ") == 1
    assert await _metric(api, "streamhold_store_up ") == 1


@dataclass(frozen=True)
class Lone:
    """An API process and a store, with no worker and no accounts."""

    api: Program
    url: str
    env: dict[str, str]


@pytest.fixture
def lone(
    deployment: Deployment, make_store: Callable[..., StoreServer], tmp_path: Path
) -> Iterator[Lone]:
    config = tmp_path / "streamhold.toml"
    config.write_text("[server]\nping = 0.1\nheader_hold = 0.1\ndrain = 0.3\n")
    env = {
        "PATH": "/usr/bin:/bin",
        "STREAMHOLD_CONFIG": str(config),
        "STREAMHOLD_STORE_URL": make_store().url,
        "STREAMHOLD_SIM_URL": deployment.sim_url,
    }
    api = Program(["api", "--port", "0"], tmp_path / "api.log", env)
    port = api.wait_for(r'"event":"api.listening".*"port":(\d+)')
    yield Lone(api, f"http://127.0.0.1:{port}", env)
    api.close()


async def test_without_a_worker_it_is_not_ready_and_jobs_wait(
    deployment: Deployment, lone: Lone, tmp_path: Path, prompt: str
) -> None:
    async with aiohttp.ClientSession(lone.url) as api:
        assert (await get(api, "/healthz"))["status"] == "ok"
        assert (await get(api, "/readyz", 503))["checks"]["workers"] is False
        waiting, dropped = f"{prompt}-waiting", f"{prompt}-dropped"
        await submit(api, QUICK, waiting)
        await submit(api, QUICK, dropped)
        reader = asyncio.create_task(ended(api, dropped))
        assert (await get(api, f"/v1/jobs/{dropped}"))["state"] == "queued"
        cancelled = await act(api, f"/v1/jobs/{dropped}/cancel", 200)
        assert cancelled["state"] == "cancelled"
        assert (await reader)["attempts"] == []
        worker = Program(["worker"], tmp_path / "worker.log", lone.env)
        try:
            answer = await get(api, f"/v1/jobs/{waiting}/result?wait=30")
            assert len(answer["choices"][0]["message"]["content"].split()) == 12
            await _is_ready(api)
        finally:
            worker.close()
    assert (deployment.sim_calls(waiting), deployment.sim_calls(dropped)) == (1, 0)


async def _is_ready(api: aiohttp.ClientSession) -> None:
    deadline = time.monotonic() + 5
    while True:
        async with api.get("/readyz") as response:
            if response.status == 200:
                return
        assert time.monotonic() < deadline, "not ready"


async def test_a_drain_hands_streams_back_or_cuts_them(lone: Lone, prompt: str) -> None:
    """Never a clean end without a terminal, not even after the event that says: come again."""
    body = json.dumps(ask(QUICK, prompt, stream=True)).encode()
    headers = {"content-type": "application/json", "idempotency-key": prompt}
    async with (
        call("POST", f"{lone.url}/v1/chat/completions", headers=headers, body=body) as chat,
        call("GET", f"{lone.url}/v1/jobs/{prompt}/events") as native,
    ):
        await chat.until(b": ping\n")
        await native.until(b": ping\n")
        lone.api.stop()
        handed_back = without_pings(await native.rest())
        assert native.clean is False
        assert handed_back == (b'event: retry\nretry: 1000\nid: 0\ndata: {"reason":"draining"}\n\n')
        assert without_pings(await chat.rest()) == b""
        assert chat.clean is False
