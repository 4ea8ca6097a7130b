"""Many more jobs than slots: all run, each once, and no wake-up is lost."""

import pytest

from broker.model import JobState
from rig.evidence import check_whole
from tests.fault.conftest import Make

JOBS, TOKENS = 300, 10


@pytest.mark.parametrize("partitions", [1, 3])
async def test_a_burst_drains_through_few_slots(make_cluster: Make, partitions: int) -> None:
    config = f"[worker]\nconcurrency = 20\n[store]\npartitions = {partitions}\n"
    cluster = await make_cluster(apis=2, workers=2, config=config)
    prompts = await cluster.submit_all("burst", f"sim/tokens={TOKENS},interval=5ms", JOBS)
    await cluster.until_ended(prompts)
    assert all(job.state is JobState.COMPLETED for job in await cluster.jobs(prompts))
    counts = await cluster.sim_counts()
    assert counts["by_prompt"] == dict.fromkeys(prompts, 1)
    for prompt in prompts[:20]:
        await check_whole(cluster, prompt, TOKENS)


async def test_idle_workers_take_a_job_at_once(make_cluster: Make) -> None:
    """In every partition, with all slots free: nothing waits for a tick or a poll."""
    cluster = await make_cluster(apis=1, workers=1, config="[store]\npartitions = 4\n")
    for number in range(16):
        await cluster.submit(f"idle-{number}", "sim/tokens=1,interval=0")
        await cluster.until_ended([f"idle-{number}"])
