"""A store that is there and refuses: rights taken and given back, another layout, no memory."""

import asyncio
import signal
from typing import Any

import pytest
from redis.asyncio import Redis

from broker.model import JobState
from rig.cluster import WAIT, Cluster, key
from rig.evidence import check_whole, replay
from rig.sse_reader import SseReader, always
from tests.fault.conftest import Make
from tests.store.samples import names

TOKENS = 150
MODEL = f"sim/tokens={TOKENS},interval=20ms"
ABSENCE = 2.5  # seconds; more than a lease


async def as_owner(cluster: Cluster) -> Any:
    """A client that keeps its rights."""
    client: Any = cluster.store.client
    await client.execute_command("ACL", "SETUSER", "owner", "on", ">pw", "~*", "&*", "+@all")
    return Redis(unix_socket_path=str(cluster.server.socket), username="owner", password="pw")


@pytest.mark.parametrize("rules", ["-evalsha", "-publish", "-xadd -hmget -zadd", "-@all"])
async def test_streams_go_on_once_rights_are_given_back(make_cluster: Make, rules: str) -> None:
    cluster = await make_cluster(apis=1, workers=1)
    owner = await as_owner(cluster)
    prompts = await cluster.submit_all("owned", MODEL, 3)
    url = cluster.urls[0]
    readers = [SseReader(cluster.session, p, always(url)).start() for p in prompts]
    for reader in readers:
        await reader.reached(lambda r: len(r.events) > 5, WAIT)
    await owner.execute_command("ACL", "SETUSER", "default", *rules.split())
    await asyncio.sleep(ABSENCE)
    processes = [*cluster.apis, *cluster.workers]
    assert [program.process.poll() for program in processes] == [None, None]
    async with cluster.session.get(f"{url}/healthz") as response:
        assert response.status == 200
    await owner.execute_command("ACL", "SETUSER", "default", "+@all")
    for reader in readers:
        await reader.finish(WAIT)
        assert reader.transcript == await replay(cluster, reader.request_id, 0)
    for prompt in prompts:
        await check_whole(cluster, prompt, TOKENS)
    assert [program.process.poll() for program in processes] == [None, None]
    assert "store.refused" in cluster.workers[0].log.read_text()
    await owner.aclose()


async def test_a_worker_drains_though_the_store_is_full(make_cluster: Make) -> None:
    config = "[worker]\ndrain = 10\n"
    cluster = await make_cluster(apis=1, workers=1, config=config)
    prompts = await cluster.submit_all("full", "sim/tokens=60,interval=20ms", 3)
    await cluster.until_jobs(prompts, lambda job: job.delivered)
    client: Any = cluster.store.client
    await client.config_set("maxmemory", 1)
    cluster.signal_worker(0, signal.SIGTERM)
    await cluster.exited(cluster.workers[0])
    await cluster.until_ended(prompts)
    for prompt in prompts:
        await check_whole(cluster, prompt, 60)


async def test_a_worker_hands_over_though_the_store_is_full(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1, config="[worker]\ndrain = 0.3\n")
    model = "sim/tokens=5,interval=5ms,hang,failfirst=1"  # its second call answers
    prompts = await cluster.submit_all("handed", model, 3)
    for prompt in prompts:
        await cluster.until_called(prompt, 1)
    client: Any = cluster.store.client
    await client.config_set("maxmemory", 1)
    cluster.signal_worker(0, signal.SIGTERM)
    await cluster.exited(cluster.workers[0])
    assert '"worker.released"' in cluster.workers[0].log.read_text()
    for job in await cluster.jobs(prompts):
        assert (job.state.value, job.losses) == ("queued", 0)
    await cluster.add_worker()
    await cluster.until_ended(prompts)
    for job in await cluster.jobs(prompts):
        assert [attempt.outcome for attempt in job.attempts] == ["handed_over", "completed"]


async def test_no_process_runs_over_data_of_another_layout(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1)
    config = cluster.folder / "streamhold.toml"
    config.write_text("[store]\npartitions = 3\n")
    for program in (cluster._spawn_worker(), cluster._spawn("api", 1, "--port", "0")):
        status = await asyncio.to_thread(program.process.wait, WAIT)
        assert status == 2
        assert "Set it back to 1" in program.log.read_text()


async def test_a_store_that_comes_back_with_another_layout_ends_the_process(
    make_cluster: Make,
) -> None:
    """It was away when the process started, so that nothing could be said then."""
    cluster = await make_cluster(apis=1, workers=1)
    cluster.server.kill()
    config = cluster.folder / "streamhold.toml"
    config.write_text("[store]\npartitions = 3\n")
    worker, api = cluster._spawn_worker(), cluster._spawn("api", 1, "--port", "0")
    port = await asyncio.to_thread(api.wait_for, r'"api.listening".*"port":(\d+)')
    async with cluster.session.get(f"http://127.0.0.1:{port}/readyz") as response:
        assert response.status == 503
    cluster.server.start()
    for program in (worker, api):
        assert await asyncio.to_thread(program.process.wait, WAIT) != 0
        assert "Set it back to 1" in program.log.read_text()


@pytest.mark.parametrize("kind", ["stream", "templates"])
async def test_a_stream_that_was_damaged_ends_and_its_neighbours_go_on(
    make_cluster: Make, kind: str
) -> None:
    cluster = await make_cluster(apis=1, workers=1)
    prompts = await cluster.submit_all("near", MODEL, 3)
    await cluster.until_jobs(prompts, lambda job: job.delivered)
    bad, *others = prompts
    name = names(cluster.store, key(bad))[kind]
    client: Any = cluster.store.client
    await client.set(name, "x")
    await cluster.until_ended(prompts)
    for prompt in others:
        await check_whole(cluster, prompt, TOKENS)
    if kind == "stream":
        job = await cluster.job(bad)
        assert job.error is not None
        assert (job.state, job.error.type) == (JobState.FAILED, "frames_lost")
    assert [p.process.poll() for p in (*cluster.apis, *cluster.workers)] == [None, None]
