"""Cancel, by whatever process it is asked of: final, and the provider is let go in a second."""

import contextlib
import time

import pytest
from redis.exceptions import ConnectionError

from broker.model import JobState
from rig.cluster import WAIT, Cluster, key, until
from rig.evidence import replay, terminal_of
from rig.sse_reader import SseReader, always
from tests.fault.conftest import Make

PROMISE = 1.0  # seconds from the cancel's answer to the end of the upstream connection
STREAMS = "sim/tokens=2000,interval=20ms"
SILENT = "sim/hang=1"


async def _running(cluster: Cluster) -> list[str]:
    streams = await cluster.submit_all("streams", STREAMS, 3)
    silent = await cluster.submit_all("silent", SILENT, 3)
    await cluster.until_jobs(streams, lambda job: job.delivered)
    await cluster.until_active(6)
    return streams + silent


async def _check_cancelled(cluster: Cluster, prompts: list[str]) -> None:
    """Ended as cancelled once, the attempt as well, and nothing more is called."""
    for prompt in prompts:
        assert (await terminal_of(cluster, prompt)).state is JobState.CANCELLED
    await cluster.until_jobs(
        prompts, lambda job: [each.outcome for each in job.attempts] == ["cancelled"]
    )
    counts = await cluster.sim_counts()
    assert (counts["total"], counts["active"]) == (len(prompts), 0)


async def test_cancel_through_another_api_closes_upstream(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=2)
    prompts = await _running(cluster)
    readers = [SseReader(cluster.session, p, always(cluster.urls[0])).start() for p in prompts]
    for reader in readers:
        await reader.reached(lambda r: r.connections == 1 and bool(r.events), WAIT)
    for number, prompt in enumerate(prompts, 1):
        url = f"{cluster.urls[1]}/v1/jobs/{prompt}/cancel"
        async with cluster.session.post(url) as response:
            assert (await response.json())["state"] == "cancelled"
        await cluster.until_aborted(number, PROMISE)
    for prompt, reader in zip(prompts, readers, strict=True):
        await reader.finish(WAIT)
        assert reader.events[-1].name == b"end"
        assert reader.transcript == await replay(cluster, prompt, 1)
    await _check_cancelled(cluster, prompts)


async def test_renewal_tells_when_the_control_message_is_lost(
    make_cluster: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled here by the store's own step, but told on a channel where nobody listens."""
    cluster = await make_cluster(apis=1, workers=2)
    prompts = await _running(cluster)
    monkeypatch.setattr(cluster.store.keys, "control_prefix", "nobody:")
    for number, prompt in enumerate(prompts, 1):
        assert await cluster.store.jobs.cancel(key(prompt)) is JobState.CANCELLED
        await cluster.until_aborted(number, PROMISE)
    await _check_cancelled(cluster, prompts)


async def test_cancel_reaches_the_worker_after_the_store_was_lost(make_cluster: Make) -> None:
    """The control channel is subscribed anew: the message alone is well below a renewal."""
    config = "[worker]\nlease = 20\nrenew = 10\n"
    cluster = await make_cluster(apis=1, workers=1, config=config)
    prompts = await _running(cluster)
    cluster.server.kill()
    cluster.server.start()
    await _until_listening(cluster, prompts[0])
    for number, prompt in enumerate(prompts, 1):
        assert await cluster.store.jobs.cancel(key(prompt)) is JobState.CANCELLED
        begun = time.monotonic()
        await cluster.until_aborted(number)
        assert time.monotonic() - begun < PROMISE
    await _check_cancelled(cluster, prompts)


async def _until_listening(cluster: Cluster, prompt: str) -> None:
    """Return once the job's holder is subscribed to its control channel."""
    store = cluster.store

    async def listens() -> bool:
        with contextlib.suppress(ConnectionError):  # the connection that the kill broke
            holder, _ = await cluster.held(prompt)
            channel = store.keys.control_prefix + holder
            return bool((await store.client.pubsub_numsub(channel))[0][1])
        return False

    await until(listens)
