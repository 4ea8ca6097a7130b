"""kill -9 of a worker: what it held runs again elsewhere, or has its typed end, within 5 s."""

import signal

from broker.model import Job, JobState
from rig.cluster import WAIT, ask
from rig.evidence import replay, terminal_of
from rig.sse_reader import SseReader, always
from tests.fault.conftest import Make

PROMISE = 5.0  # seconds from the kill to the next attempt or the terminal
STREAMS = "sim/tokens=1000,interval=20ms"
STALLS = "sim/tokens=50,interval=5ms,hangafter=20"
SILENT = "sim/tokens=10,interval=5ms,hang,failfirst=1"  # its second call answers


def _resolved(job: Job) -> bool:
    """Whether the job runs again, its first attempt written off, or has ended."""
    again = len(job.attempts) > 1 and job.attempts[0].outcome == "lost"
    return job.state.final or (job.state is JobState.RUNNING and again)


async def test_jobs_of_a_killed_worker_run_again_or_end(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1)
    begun = await cluster.submit_all("streams", STREAMS, 4)
    begun += await cluster.submit_all("stalls", STALLS, 4)
    silent = await cluster.submit_all("silent", SILENT, 4)
    url = cluster.urls[0]
    native = [SseReader(cluster.session, p, always(url)).start() for p in begun]
    chat = SseReader(cluster.session, begun[0], always(url), ask(STREAMS, begun[0])).start()
    for reader in (*native, chat):
        await reader.reached(lambda r: len(r.events) > 5, WAIT)
    await cluster.until_active(len(begun + silent))
    await cluster.add_worker()
    late = await cluster.submit_all("late", "sim/tokens=10,interval=300ms", 4)  # on either worker
    await cluster.until_active(len(begun + silent + late))

    cluster.signal_worker(0, signal.SIGKILL)
    await cluster.until_jobs(begun + silent, _resolved, PROMISE)

    for reader in (*native, chat):
        await reader.finish(WAIT)
    await cluster.until_ended(silent + late)
    for prompt, reader in zip(begun, native, strict=True):
        terminal = await terminal_of(cluster, prompt)
        assert terminal.error is not None
        assert (terminal.state, terminal.error.type) == (JobState.FAILED, "worker_lost")
        assert reader.transcript == await replay(cluster, prompt, 0)
    assert (chat.events[-1].name, b'"worker_lost"' in chat.events[-1].data) == (b"error", True)
    for prompt in silent:
        assert (await terminal_of(cluster, prompt)).state is JobState.COMPLETED
        job = await cluster.job(prompt)
        assert [attempt.outcome for attempt in job.attempts] == ["lost", "completed"]
    for prompt in begun + silent + late:
        attempts = (await cluster.job(prompt)).attempts
        assert await cluster.sim_calls(prompt) == len(attempts)
        assert all(attempt.outcome for attempt in attempts)


async def test_a_job_that_loses_its_worker_each_time_fails(make_cluster: Make) -> None:
    """Three attempts, each in a worker that dies: no fourth, and a typed end."""
    cluster = await make_cluster(apis=1, workers=1)
    await cluster.submit("deadly", "sim/hang=1")
    for place in range(3):
        await cluster.until_called("deadly", place + 1)
        cluster.signal_worker(place, signal.SIGKILL)
        await cluster.add_worker()
    await cluster.until_ended(["deadly"])
    terminal = await terminal_of(cluster, "deadly")
    assert terminal.error is not None
    assert terminal.error.type == "worker_lost"
    assert await cluster.sim_calls("deadly") == 3
