"""The store's primary becomes a replica in mid-stream, and closes no connection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker.model import JobState
from rig.cluster import WAIT, Cluster, ask, until
from rig.evidence import check_whole
from rig.lost_tail import replays, under_way
from rig.sse_reader import SseReader, always
from rig.store_pair import StorePair

TOKENS = 160
MODEL = f"sim/tokens={TOKENS},interval=25ms"
SHORT = "sim/tokens=4,interval=5ms"
WITHIN = 5.0  # seconds in which all goes on once the address leads to the new primary
GAP = 0.7  # seconds in which the address still leads to the old one


@pytest.fixture
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Two API processes and two workers over a pair of stores."""
    made = Cluster(tmp_path_factory.mktemp("cluster"), make_store=StorePair)
    try:
        await made.start(apis=2, workers=2)
        yield made
        assert made.defects() == []
    finally:
        await made.close()


def pair(cluster: Cluster) -> StorePair:
    assert isinstance(cluster.server, StorePair)
    return cluster.server


async def fail_over(cluster: Cluster, *, gently: bool) -> None:
    """Demote the primary; the address follows a moment later."""
    await asyncio.to_thread(pair(cluster).demote, gently=gently)
    await asyncio.sleep(GAP)
    pair(cluster).readdress()


async def call(cluster: Cluster, api: int, method: str, path: str, **more: Any) -> tuple[int, Any]:
    """The answer of one call, made again for as long as the store is away."""
    async with asyncio.timeout(WITHIN):
        while True:
            url = cluster.urls[api] + path
            async with cluster.session.request(method, url, **more) as response:
                if response.status != 503:
                    return response.status, await response.json()
                assert response.headers["Retry-After"]
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("gently", [True, False], ids=["planned", "abrupt"])
async def test_streams_go_on_at_the_new_primary(cluster: Cluster, gently: bool) -> None:
    """Twice, there and back, so that each server was both."""
    readers = await under_way(cluster, "r", MODEL, 6)
    for _ in range(2):
        await fail_over(cluster, gently=gently)
        for reader in readers:
            reader.mark()
        await asyncio.gather(*(r.reached(lambda r: r.since_mark > 3, WITHIN) for r in readers))
        await until(lambda: pair(cluster).clients_of_replica() == [], WITHIN)
    for reader in readers:
        await reader.finish(WAIT)
        assert (reader.connections, reader.retries) == (1, [])
        await check_whole(cluster, reader.request_id, TOKENS)
    sent = await replays(cluster, readers)
    assert [reader.transcript for reader in readers] == [each.sent for each in sent]
    assert (await cluster.sim_counts())["total"] == len(readers)
    programs = [*cluster.apis, *cluster.workers]
    assert all('"store.moved"' in program.log.read_text() for program in programs)


async def test_every_kind_of_call_finds_the_new_primary(cluster: Cluster) -> None:
    """Made while the address still leads to the old one, or just afterwards, by idle processes."""
    before = await cluster.submit_all("before", SHORT, 2)
    await cluster.until_ended(before)
    (held,) = await cluster.submit_all("held", "sim/tokens=5,interval=5ms,hang", 1)
    await cluster.until_called(held, 1)
    back = asyncio.ensure_future(fail_over(cluster, gently=True))
    await until(lambda: pair(cluster).clients_of_replica() != [])
    jobs = [ask(SHORT, f"new-{number}") for number in range(4)]
    answers = [
        call(cluster, n % 2, "POST", "/v1/jobs", json={"request_id": f"new-{n}", "request": job})
        for n, job in enumerate(jobs)
    ]
    created = await asyncio.gather(*answers)
    assert [status for status, _ in created] == [202] * 4
    await back
    whole = await asyncio.gather(
        *(call(cluster, n % 2, "GET", f"/v1/jobs/new-{n}/result?wait=5") for n in range(4))
    )
    assert [status for status, _ in whole] == [200] * 4
    follower = SseReader(cluster.session, "new-0", always(cluster.urls[1])).start()
    await follower.finish(WITHIN)
    for prompt in [*before, *(f"new-{n}" for n in range(4))]:
        await check_whole(cluster, prompt, 4)
        assert await cluster.sim_calls(prompt) == 1
    status, _ = await call(cluster, 0, "POST", f"/v1/jobs/{held}/cancel")
    assert status == 200
    await cluster.until_aborted(1, WITHIN)
    assert (await cluster.job(held)).state is JobState.CANCELLED


async def test_a_stream_that_ends_while_its_readers_hear_of_nothing(cluster: Cluster) -> None:
    """The last frames are published by the new primary, which no reader listens to yet."""
    model = "sim/tokens=20,interval=40ms"
    readers = await under_way(cluster, "end", model, 4)
    await fail_over(cluster, gently=False)
    async with asyncio.timeout(WITHIN):
        await asyncio.gather(*(reader.finish(WITHIN) for reader in readers))
    for reader in readers:
        assert reader.connections == 1
        await check_whole(cluster, reader.request_id, 20)


async def test_calls_are_refused_while_no_primary_is_at_the_address(cluster: Cluster) -> None:
    await asyncio.to_thread(pair(cluster).demote)
    job = {"request_id": "late", "request": ask(SHORT, "late")}
    for api in range(2):
        async with cluster.session.post(f"{cluster.urls[api]}/v1/jobs", json=job) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
    pair(cluster).readdress()
    status, _ = await call(cluster, 0, "POST", "/v1/jobs", json=job)
    assert status == 202
    await cluster.until_ended(["late"])
    await check_whole(cluster, "late", 4)
