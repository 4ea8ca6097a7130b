"""Faults that meet: the store killed again and again in a burst, and everything at once."""

import asyncio
from collections.abc import Iterator

from broker.model import JobState
from rig.cluster import WAIT, Cluster, ask, until
from rig.evidence import check_whole, replay, stored_frames, terminal_of
from rig.sse_reader import SseReader
from tests.fault.conftest import Make

CONFIG = "[worker]\nconcurrency = 10\n"
QUICK = "sim/tokens=10,interval=5ms"
ENDLESS = "sim/tokens=2000,interval=20ms"


async def _submit(cluster: Cluster, prompt: str, url: str) -> None:
    """Make the job as a client does: the same call again while the answer is 503."""
    body = {"request_id": prompt, "request": ask(QUICK, prompt)}

    async def accepted() -> bool:
        async with cluster.session.post(f"{url}/v1/jobs", json=body) as response:
            assert response.status in (200, 202, 503), await response.text()
            return response.status != 503

    await until(accepted)


async def _until_called(cluster: Cluster, count: int) -> None:
    async def called() -> bool:
        return bool((await cluster.sim_counts())["total"] >= count)

    await until(called)


def _latest(cluster: Cluster) -> Iterator[str]:
    """For each connection the API process that was started last."""
    while True:
        yield cluster.urls[-1]


async def test_a_burst_survives_a_store_killed_again_and_again(make_cluster: Make) -> None:
    """Claims whose answer was lost are rescued; nothing is called twice, nothing is stuck."""
    cluster = await make_cluster(apis=2, workers=2, config=CONFIG)
    prompts = [f"burst-{number}" for number in range(200)]
    calls = [
        asyncio.create_task(_submit(cluster, prompt, cluster.urls[number % 2]))
        for number, prompt in enumerate(prompts)
    ]
    for share in (0.1, 0.3, 0.5, 0.7):
        await _until_called(cluster, round(share * len(prompts)))
        cluster.server.kill()
        cluster.server.start()
    await asyncio.gather(*calls)
    await cluster.until_ended(prompts)
    counts = await cluster.sim_counts()
    assert counts["by_prompt"] == dict.fromkeys(prompts, 1)
    for job in await cluster.jobs(prompts):
        assert (job.state, len(job.attempts)) == (JobState.COMPLETED, 1)


async def test_everything_killed_at_once_goes_on_where_it_was(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    begun = await cluster.submit_all("begun", ENDLESS, 10)
    readers = [SseReader(cluster.session, p, _latest(cluster)).start() for p in begun]
    for reader in readers:
        await reader.reached(lambda r: len(r.events) > 5, WAIT)
    waiting = await cluster.submit_all("waiting", QUICK, 10)
    cluster.kill_everything()
    cluster.server.start()
    await cluster.add_worker()
    await cluster.add_api()
    for prompt in waiting:
        await cluster.until_ended([prompt])
        await check_whole(cluster, prompt, 10)
    for prompt, reader in zip(begun, readers, strict=True):
        await reader.finish(WAIT)
        assert reader.transcript == await replay(cluster, prompt, 1)
        assert (await terminal_of(cluster, prompt)).state is JobState.FAILED
        assert len(await stored_frames(cluster, prompt)) == len(reader.events)
