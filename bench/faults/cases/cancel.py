"""Cancel: from the caller's call to the moment the provider notices that it was let go."""

import asyncio
import time

from bench.faults.case import Found, Sheet, Start
from bench.percentiles import median, percentile
from broker.model import JobState
from rig.cluster import Cluster

CANCELS = 240
SIM_MODEL = "sim/tokens=2000,interval=200ms"
PROMISE = 1.0  # seconds
_APART = 0.02  # seconds between two cancels: one is measured, not how they queue up


async def measure(start: Start) -> Found:
    """Cancel running jobs one after the other, by the API processes in turn."""
    sheet = Sheet("cancel")
    cluster = await start(apis=2, workers=2)
    prompts = await cluster.submit_all("cancelled", SIM_MODEL, CANCELS)
    await cluster.until_jobs(prompts, lambda job: job.delivered)
    asked: dict[str, float] = {}
    answered: list[float] = []
    for number, prompt in enumerate(prompts):
        asked[prompt] = time.monotonic()
        await _cancel(cluster, prompt, number % 2)
        answered.append((time.monotonic() - asked[prompt]) * 1000)
        await asyncio.sleep(_APART)
    await cluster.until_active(0)
    closed = (await cluster.sim_counts())["closed"]
    times = [(closed[prompt] - asked[prompt]) * 1000 for prompt in prompts if prompt in closed]
    jobs = await cluster.jobs(prompts)
    wrong = sum(
        job.state is not JobState.CANCELLED or len(job.attempts) != 1 for job in jobs
    ) + abs((await cluster.sim_counts())["total"] - CANCELS)
    return Found(
        [
            sheet.figure("answered_median", "ms", median(answered), note=f"{CANCELS} cancels"),
            sheet.figure("closed_median", "ms", median(times), note="from the call, as upstream"),
            sheet.figure("closed_p99", "ms", percentile(times, 99), PROMISE * 1000),
            sheet.figure("closed_max", "ms", max(times)),
            sheet.none("never_closed", CANCELS - len(times)),
            sheet.none("not_cancelled_once", wrong),
        ]
    )


async def _cancel(cluster: Cluster, prompt: str, api: int) -> None:
    async with cluster.session.post(f"{cluster.urls[api]}/v1/jobs/{prompt}/cancel") as response:
        assert response.status == 200, await response.text()
        await response.read()
