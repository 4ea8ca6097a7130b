"""A worker stopped past its leases, then continued: it appends nothing and lets go of all."""

import signal

from broker.model import JobState
from broker.store.queue import Released
from rig.cluster import WAIT, Cluster, key, until
from rig.evidence import replay, stored_frames, terminal_of
from rig.sse_reader import SseReader, always
from tests.fault.conftest import Make

STREAMS = "sim/tokens=1000,interval=20ms"  # still going when the worker is continued
SILENT = "sim/tokens=20,interval=5ms,hang,failfirst=1"  # its second call answers

FENCED = "streamhold_fenced_appends_total"


async def test_a_stopped_worker_appends_nothing_when_it_goes_on(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1)
    streams, silent = await _submit(cluster)
    readers = [
        SseReader(cluster.session, prompt, always(cluster.urls[0])).start()
        for prompt in streams + silent
    ]
    for reader in readers[: len(streams)]:
        await reader.reached(lambda r: len(r.events) > 5, WAIT)
    await cluster.until_active(len(readers))
    await cluster.add_worker()

    cluster.signal_worker(0, signal.SIGSTOP)
    for reader in readers:  # the healthy worker has ended them all
        await reader.finish(WAIT)
    ends = {prompt: len(await stored_frames(cluster, prompt)) for prompt in streams + silent}
    assert (await cluster.sim_counts())["active"] == len(readers)  # the stopped one's calls
    cluster.signal_worker(0, signal.SIGCONT)
    await cluster.until_active(0)

    assert (await cluster.sim_counts())["aborted"] == len(readers)
    await _barrier(cluster)
    # A barrier's job may have been claimed for the worker that had just been stopped.
    assert await cluster.metric("streamhold_rescued_leases_total") >= len(readers)
    for prompt, reader in zip(streams + silent, readers, strict=True):
        terminal = await terminal_of(cluster, prompt)
        assert len(await stored_frames(cluster, prompt)) == ends[prompt]
        assert reader.transcript == await replay(cluster, prompt, 0)
        expected = JobState.FAILED if prompt in streams else JobState.COMPLETED
        assert terminal.state is expected
        assert (await cluster.job(prompt)).losses == 1
    assert cluster.workers[0].process.poll() is None


async def test_a_lone_worker_takes_its_own_jobs_again(make_cluster: Make) -> None:
    """The claim that comes back to the same worker ends the call of the claim before it."""
    cluster = await make_cluster(apis=1, workers=1)
    streams, silent = await _submit(cluster)
    await cluster.until_active(len(streams + silent))

    cluster.signal_worker(0, signal.SIGSTOP)
    await cluster.until_jobs(streams + silent, lambda job: job.state is JobState.QUEUED)
    cluster.signal_worker(0, signal.SIGCONT)
    await cluster.until_ended(streams + silent)
    await cluster.until_active(0)

    assert (await cluster.sim_counts())["aborted"] == len(streams + silent)
    for prompt in streams:
        assert (await terminal_of(cluster, prompt)).state is JobState.FAILED
        assert await cluster.sim_calls(prompt) == 1
    for prompt in silent:
        assert (await terminal_of(cluster, prompt)).state is JobState.COMPLETED
        job = await cluster.job(prompt)
        assert [attempt.outcome for attempt in job.attempts] == ["lost", "completed"]
        assert await cluster.sim_calls(prompt) == 2


async def test_what_was_claimed_for_a_worker_as_it_stood_still_is_called_for_by_one_alone(
    make_cluster: Make,
) -> None:
    """An idle worker's claim waits in the store, which gives a job to it for a moment longer."""
    cluster = await make_cluster(apis=1, workers=1)
    cluster.signal_worker(0, signal.SIGSTOP)
    await cluster.submit("job", "sim/tokens=3,interval=0")
    await cluster.add_worker()
    await cluster.until_ended(["job"])
    before = await cluster.job("job")
    cluster.signal_worker(0, signal.SIGCONT)
    await _barrier(cluster)
    assert await cluster.sim_calls("job") == 1
    assert (await cluster.job("job")).attempts == before.attempts


async def test_a_job_claimed_again_before_renewal_told_ends_its_former_call(
    make_cluster: Make,
) -> None:
    """Handed back from outside, the job is with the same worker again within milliseconds."""
    cluster = await make_cluster(apis=1, workers=1)
    await cluster.submit("silent", SILENT)
    await cluster.until_active(1)
    holder, token = await cluster.held("silent")
    partition, lease = cluster.store.keys.partitions[0], Released(key("silent"), token)
    assert await cluster.store.queue.release(partition, holder, [lease], leaving=False) == 1
    await cluster.until_ended(["silent"])
    await cluster.until_aborted(1)


async def test_appends_under_a_token_that_has_moved_on_are_counted(make_cluster: Make) -> None:
    """All at once, so that no renewal is in time to tell the worker before it appends."""
    count = 10
    cluster = await make_cluster(
        apis=1, workers=1, config=f"[worker]\nconcurrency = {count}\nbatch_share = 1\n"
    )
    prompts = await cluster.submit_all("streams", "sim/tokens=5000,interval=2ms", count)
    await cluster.until_jobs(prompts, lambda job: job.delivered)
    assert await cluster.metric(FENCED) == 0
    held = [(prompt, *await cluster.held(prompt)) for prompt in prompts]
    leases = [Released(key(prompt), token) for prompt, _, token in held]
    partition, holder = cluster.store.keys.partitions[0], held[0][1]
    released = cluster.store.queue.release(partition, holder, leases, leaving=False)
    assert await released == count  # its slots are full: it can't claim them before it knows

    async def counted() -> bool:
        return await cluster.metric(FENCED) > 0

    await until(counted)
    await cluster.until_aborted(count)
    assert await cluster.metric(FENCED) <= count  # a pen that was refused sends nothing more


async def _submit(cluster: Cluster) -> tuple[list[str], list[str]]:
    streams = await cluster.submit_all("streams", STREAMS, 5)
    silent = await cluster.submit_all("silent", SILENT, 5)
    await cluster.until_jobs(streams, lambda job: job.delivered)
    return streams, silent


async def _barrier(cluster: Cluster) -> None:
    """Return once every worker has run a job that was submitted just now."""
    for place, other in ((0, 1), (1, 0)):
        cluster.signal_worker(other, signal.SIGSTOP)
        await cluster.submit(f"barrier-{place}", "sim/tokens=1,interval=0")
        await cluster.until_ended([f"barrier-{place}"])
        cluster.signal_worker(other, signal.SIGCONT)
