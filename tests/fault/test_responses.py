"""Responses through the death of a worker and of an API process."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from broker.dialects.responses import fold
from broker.model import JobState
from rig.cluster import WAIT, Cluster, key
from rig.evidence import stored_frames, terminal_of
from tests.fault.conftest import Make

MODEL = "tokens=100,interval=20ms,obfuscation"
CONFIG = f"""
[providers.voice]
base_url = "SIM_URL"
dialect = "responses"
[routes.replay]
targets = ["voice/{MODEL}"]
on_loss = "replay"
"""
_CUT = (aiohttp.ClientError, ConnectionError)


async def _name_of(cluster: Cluster, prompt: str) -> str:
    return (await cluster.store.response_ids.ready()).of(key(prompt))


async def _events(cluster: Cluster, api: int, prompt: str, after: int) -> AsyncIterator[Any]:
    """(bytes, data) of the events of a prompt's response after a cursor, until it is cut."""
    address = f"{cluster.urls[api]}/v1/responses/{await _name_of(cluster, prompt)}"
    query = {"stream": "true", "starting_after": str(after)}
    async with cluster.session.get(address, params=query) as response:
        assert response.status == 200
        rest = b""
        async for data in response.content.iter_any():
            *whole, rest = (rest + data).split(b"\n\n")
            for text in whole:
                told = b"\n".join(line for line in text.split(b"\n") if line[:1] != b":")
                yield told, json.loads(told.partition(b"data: ")[2])


async def _read(cluster: Cluster, api: int, prompt: str, after: int = 0) -> list[Any]:
    async with asyncio.timeout(WAIT):
        return [event async for event in _events(cluster, api, prompt, after)]


async def _begin(cluster: Cluster, prompt: str) -> None:
    body = {"model": "replay", "input": prompt, "background": True}
    headers = {"Idempotency-Key": prompt}
    url = f"{cluster.urls[0]}/v1/responses"
    async with cluster.session.post(url, json=body, headers=headers) as response:
        told = await response.json()
        assert (response.status, told["status"]) in ((200, "queued"), (200, "in_progress"))
        assert told["id"] == await _name_of(cluster, prompt)


async def test_a_killed_worker_is_replaced_and_the_answer_is_one(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    prompts = [f"killed-{number}" for number in range(4)]
    for prompt in prompts:
        await _begin(cluster, prompt)
    readers = [asyncio.ensure_future(_read(cluster, 0, prompt)) for prompt in prompts]
    await cluster.add_worker()
    await cluster.until_jobs(prompts, lambda job: job.last > 20, WAIT)
    cluster.signal_worker(0, signal.SIGKILL)
    for prompt, reader in zip(prompts, readers, strict=True):
        told = await reader
        assert (await terminal_of(cluster, prompt)).state is JobState.COMPLETED
        assert told == await _read(cluster, 0, prompt)
        events = [event for _, event in told]
        deltas = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
        (message,) = events[-1]["response"]["output"]
        assert message["content"][0]["text"] == "".join(deltas)
        assert len("".join(deltas).split()) == 100
        assert len({event["item_id"] for event in events if "item_id" in event}) == 1
        assert fold(await stored_frames(cluster, prompt)) == events[-1]["response"]
        attempts = (await cluster.job(prompt)).attempts
        assert [attempt.outcome for attempt in attempts] == ["lost", "completed"]
        assert await cluster.sim_calls(prompt) == 2


async def test_readers_of_a_killed_api_go_on_through_another(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=1, config=CONFIG)
    await _begin(cluster, "cut")
    seen: list[Any] = []
    try:
        async with asyncio.timeout(WAIT):
            async for event in _events(cluster, 0, "cut", 0):
                seen.append(event)
                if len(seen) == 20:
                    cluster.signal_api(0, signal.SIGKILL)
    except _CUT:
        pass
    assert seen[-1][1]["type"] != "response.completed"
    seen += await _read(cluster, 1, "cut", seen[-1][1]["sequence_number"])
    assert seen == await _read(cluster, 1, "cut")
    assert seen[-1][1]["type"] == "response.completed"
    assert await cluster.sim_calls("cut") == 1
