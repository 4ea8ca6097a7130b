"""A long answer whose provider never says what it used, beside jobs that are none of its affair.

What it cost is estimated from its stream, which is read back in steps: by its holder at its end, by
whoever takes it over, by whoever settles it. However long that takes, nobody else's lease runs out.
"""

import os
import signal

import pytest

from broker.model import Job, JobState
from rig.cluster import Cluster, until
from rig.evidence import terminal_of
from tests.fault.conftest import Make

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TOKENS = 120_000
LONG = f"sim/tokens={TOKENS},interval=0,batch=1000,nousage"
HANGS = f"{LONG},hangafter={TOKENS}"
INNOCENT = "sim/tokens=300,interval=20ms"
SILENT = "sim/tokens=10,interval=5ms,hang,failfirst=1"  # its second call answers
LONGEST = 120.0  # seconds, on a machine that does other things too


def _estimated(job: Job) -> bool:
    """Whether every attempt has its usage."""
    return bool(job.attempts) and all(attempt.usage for attempt in job.attempts)


async def _delivered(cluster: Cluster, prompts: list[str]) -> None:
    """Return once every token of these is in the store."""
    await cluster.until_jobs(prompts, lambda job: job.last >= TOKENS, LONGEST)


async def _undisturbed(cluster: Cluster, prompts: list[str]) -> None:
    """They end well, in one attempt each, and no lease ran out anywhere."""
    await cluster.until_jobs(prompts, lambda job: job.state.final, LONGEST)
    for job in await cluster.jobs(prompts):
        assert (job.state, job.losses, job.claims) == (JobState.COMPLETED, 0, 1), job
        assert await cluster.sim_calls(job.request_id) == 1
    assert await cluster.metric("streamhold_rescued_leases_total") == 0


async def test_it_ends_in_one_attempt_with_an_estimate(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=2)
    innocent = await cluster.submit_all("innocent", INNOCENT, 6)
    long = await cluster.submit_all("long", LONG, 4)
    await cluster.until_jobs(long, lambda job: job.state.final, LONGEST)
    for prompt in long:
        terminal = await terminal_of(cluster, prompt)
        assert terminal.state is JobState.COMPLETED
        assert terminal.usage is not None
        assert terminal.usage["estimated"] is True
        # Words of four letters and more: some more than a token a frame.
        assert TOKENS <= terminal.usage["completion_tokens"] <= 3 * TOKENS
        job = await cluster.job(prompt)
        assert [(each.outcome, each.usage) for each in job.attempts] == [
            ("completed", terminal.usage)
        ]
    await _undisturbed(cluster, innocent + long)


async def test_it_is_cancelled(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=2)
    long = await cluster.submit_all("long", HANGS, 4)
    await _delivered(cluster, long)
    innocent = await cluster.submit_all("innocent", INNOCENT, 6)
    await cluster.until_active(len(long + innocent))
    for prompt in long:
        url = f"{cluster.urls[0]}/v1/jobs/{prompt}/cancel"
        async with cluster.session.post(url) as response:
            assert response.status == 200
    await cluster.until_jobs(long, _estimated, LONGEST)
    for job in await cluster.jobs(long):
        (attempt,) = job.attempts
        assert (job.state, attempt.outcome) == (JobState.CANCELLED, "cancelled")
        assert attempt.usage is not None
        assert attempt.usage["completion_tokens"] >= TOKENS
    await _undisturbed(cluster, innocent)


async def test_its_worker_is_killed(make_cluster: Make) -> None:
    """What it held is rescued once; the other worker keeps its own jobs while it settles that."""
    cluster = await make_cluster(apis=1, workers=1)
    long = await cluster.submit_all("long", HANGS, 4)
    await _delivered(cluster, long)
    lost = await cluster.submit_all("lost", SILENT, 4)
    await cluster.until_active(len(long + lost))
    await cluster.add_worker()
    kept = await cluster.submit_all("kept", INNOCENT, 6)
    await cluster.until_active(len(long + lost + kept))
    victim = str(cluster.workers[0].process.pid)
    held = {
        prompt
        for prompt in long + lost + kept
        if (await cluster.held(prompt))[0].split("-")[-2] == victim
    }
    cluster.signal_worker(0, signal.SIGKILL)
    await cluster.until_jobs(
        long + lost + kept, lambda job: job.state.final and _estimated(job), LONGEST
    )
    for job in await cluster.jobs(long + lost + kept):
        was_held = job.request_id in held
        assert (job.losses, job.claims) == ((1, 2) if was_held else (0, 1)), job.request_id
        assert len(job.attempts) <= 2
        if job.request_id in long:
            assert job.attempts[0].usage is not None
            assert job.attempts[0].usage["completion_tokens"] >= TOKENS
        elif not was_held or job.request_id in lost:
            assert job.state is JobState.COMPLETED
    assert set(long) <= held


async def test_what_it_cost_is_settled_when_it_was_cancelled_without_a_worker(
    make_cluster: Make,
) -> None:
    """Its worker stands still and is cancelled, then killed: another one settles, in steps."""
    cluster = await make_cluster(apis=1, workers=1)
    long = await cluster.submit_all("long", HANGS, 3)
    await _delivered(cluster, long)
    os.kill(cluster.workers[0].process.pid, signal.SIGSTOP)
    for prompt in long:
        url = f"{cluster.urls[0]}/v1/jobs/{prompt}/cancel"
        async with cluster.session.post(url) as response:
            assert response.status == 200
    cluster.signal_worker(0, signal.SIGKILL)
    await cluster.add_worker()
    innocent = await cluster.submit_all("innocent", INNOCENT, 6)
    await cluster.until_jobs(long, _estimated, LONGEST)
    for job in await cluster.jobs(long):
        (attempt,) = job.attempts
        assert attempt.usage is not None
        assert attempt.usage["completion_tokens"] >= TOKENS
    await _undisturbed(cluster, innocent)
    await until(lambda: "job.settled" in cluster.workers[1].log.read_text())
