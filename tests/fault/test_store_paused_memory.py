"""A store that is away and upstreams that are fast: a worker stops reading, it does not grow."""

import pytest

from bench.processes import resident
from broker.model import JobState
from rig.answers import said_to, uncut
from rig.cluster import WAIT, Cluster, ask
from rig.sse_reader import SseReader, always
from tests.fault.conftest import Make

STREAMS = 4
SIZE, TOKENS = 16 * 1024, 1000  # 16 MB a stream: more than both kernel buffers hold of it
MODEL = f"tokens={TOKENS},interval=0,size={SIZE},ttft=1s"
CONFIG = "[worker]\nmax_pending = 262_144\n"
GROWTH = 24_000_000  # bytes; without a bound it is 64 MB and more


@pytest.mark.slow  # it measures memory, which a busy machine blurs
async def test_a_worker_stops_reading_what_it_can_not_store(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    pid = cluster.workers[0].process.pid
    prompts = await cluster.submit_all("fast", f"sim/{MODEL}", STREAMS)
    await cluster.until_active(STREAMS)
    before = resident(pid)
    cluster.server.pause()
    for _ in range(3):  # who reads all the same has the whole of it by now
        assert await _read_directly(cluster) > TOKENS * SIZE
    assert (await cluster.sim_counts())["active"] == STREAMS
    assert resident(pid) - before < GROWTH

    cluster.server.resume()
    await cluster.until_ended(prompts)
    for prompt in prompts:
        job = await cluster.job(prompt)
        assert (job.state, len(job.attempts), job.losses) == (JobState.COMPLETED, 1, 0)
        url = always(cluster.urls[0])
        reader = SseReader(cluster.session, prompt, url, ask(f"sim/{MODEL}", prompt))
        await reader.start().finish(WAIT)
        assert said_to(reader) == uncut(MODEL, prompt)


async def _read_directly(cluster: Cluster) -> int:
    """How many bytes the provider sends of such an answer to a caller that takes them."""
    url = f"{cluster.sim_url}/chat/completions"
    body = ask(MODEL, "direct", stream=True)
    async with cluster.session.post(url, json=body) as response:
        return len(await response.read())
