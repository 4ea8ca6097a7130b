"""A worker killed in the middle of a message: another goes on with it, as the route says."""

import asyncio
import json
import signal
from typing import Any

import pytest

from broker.dialects.messages import fold
from broker.frames import Kind, data_frame
from rig.cluster import WAIT, Cluster, until
from tests.fault.conftest import Make

COUNT = 6
MODEL = "tokens=100,interval=20ms,prefill"
CONFIG = f"""
[providers.pre]
base_url = "SIM_URL"
dialect = "messages"
prefill = true
[routes.continue]
targets = ["pre/{MODEL}"]
on_loss = "continue"
[routes.replay]
targets = ["pre/{MODEL}"]
on_loss = "replay"
[routes.direct]
targets = ["pre/{MODEL}"]
"""


def asked(model: str, prompt: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": model, "max_tokens": 1000, "messages": messages, "stream": True}


async def read(cluster: Cluster, model: str, name: str, prompt: str) -> list[dict[str, Any]]:
    """The data of every event, of a stream that is read from its start to its end."""
    headers = {"idempotency-key": name}
    url = f"{cluster.urls[0]}/v1/messages"
    body = asked(model, prompt)
    async with cluster.session.post(url, json=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        text = await response.text()
    lines = [line for line in text.split("\n") if line.startswith("data: ")]
    return [json.loads(line[6:]) for line in lines]


@pytest.mark.parametrize("policy", ["continue", "replay"])
async def test_kill(make_cluster: Make, policy: str) -> None:
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    names = [f"{policy}-{number}" for number in range(COUNT)]
    readers = [asyncio.create_task(read(cluster, policy, name, name)) for name in names]

    async def spoken() -> bool:
        jobs = await asyncio.gather(*map(cluster.job, names), return_exceptions=True)
        return all(not isinstance(job, BaseException) and job.last > 10 for job in jobs)

    await until(spoken)
    await cluster.add_worker()
    cluster.signal_worker(0, signal.SIGKILL)
    async with asyncio.timeout(WAIT):
        streams = await asyncio.gather(*readers)
    for name, events in zip(names, streams, strict=True):
        kinds = [event["type"] for event in events]
        assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
        for kind in ("message_start", "content_block_start", "content_block_stop"):
            assert kinds.count(kind) == 1, name
        frames = [data_frame(Kind.DIALECT, json.dumps(event).encode()) for event in events]
        job = await cluster.job(name)
        assert [attempt.outcome for attempt in job.attempts] == ["lost", "completed"]
        assert (job.attempts[0].usage or {})["estimated"] is True
        answer = fold(frames)
        assert answer["usage"] == job.usage
        uncut = fold(
            data_frame(Kind.DIALECT, json.dumps(event).encode())
            for event in await read(cluster, "direct", f"{name}-again", name)
        )
        assert answer["content"] == uncut["content"]
        assert answer["stop_reason"] == "end_turn"
