"""The LeaseWorker: jobs claimed, run and done."""

import gc
import itertools
import weakref
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from broker.errors import StoreAway
from broker.model import JobState, job_key
from broker.queue import GENERATE
from tests.store.samples import HOLDER, arm, expire, raw, rescue, until
from tests.unit.worker_bench import Bench, open_bench
from workers import declining
from workers.hold import Hold
from workers.pen import FramesLost


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with open_bench() as bench:
        yield bench


async def test_a_job_is_claimed_run_and_done(bench: Bench) -> None:
    key = await bench.submit("r1")
    hold = await bench.taken()
    assert (hold.key, await bench.state(key)) == (key, JobState.RUNNING)
    assert list(bench.worker.holds) == list(bench.worker.tasks) == [key]
    bench.work.let(key)
    await bench.ended(hold)
    assert await bench.state(key) is JobState.COMPLETED
    assert not bench.worker.holds
    assert not bench.worker.tasks
    assert (bench.worker.jobs_complete, bench.worker.jobs_failed) == (1, 0)


async def test_a_waiting_worker_is_woken(bench: Bench) -> None:
    for name in ("r1", "r2"):
        key = await bench.submit(name)
        hold = await bench.taken()
        bench.work.let(key)
        await bench.ended(hold)
    assert bench.worker.jobs_complete == 2


async def test_a_worker_that_stood_still_begins_no_job_that_has_gone_to_others() -> None:
    """Claimed for it as it was stopped: when it goes on, another may have had it."""
    async with open_bench(begin=False) as bench:
        gone, kept = [await bench.submit(name) for name in ("r1", "r2")]
        (partition,) = bench.store.keys.partitions
        claims = await bench.store.queue.claim(partition, HOLDER, 2)
        assert [claim.job.key for claim in claims] == [gone, kept]
        await arm(bench.store)
        await expire(bench.store, gone)
        assert (await rescue(bench.store)).rescued == [gone]
        assert await bench.worker.renewal.ours(partition, claims) == claims  # they can't be old
        bench.worker.renewal._beats[partition.number] -= 1000.0
        (ours,) = await bench.worker.renewal.ours(partition, claims)
        assert ours.job.key == kept
        bench.start()


async def test_a_job_leaves_nothing_to_the_collector() -> None:
    """It seldom comes, and a job's request may be large."""
    async with open_bench(begin=False) as bench:
        await bench.submit("r1")
        (partition,) = bench.store.keys.partitions
        (claim,) = await bench.store.queue.claim(partition, HOLDER, 1)
        gc.disable()
        try:
            hold = Hold(claim, bench.worker.writers[partition.number])
            left = weakref.ref(hold)
            del hold
            assert left() is None
        finally:
            gc.enable()
        bench.start()


async def test_concurrency_is_never_exceeded() -> None:
    async with open_bench(worker={"concurrency": 2}) as bench:
        keys = [await bench.submit(f"r{n}") for n in range(7)]
        for key in keys:
            bench.work.let(key)
        for _ in keys:
            await bench.ended(await bench.taken())
        assert bench.work.most == 2
        assert bench.worker.jobs_complete == 7


async def test_every_partition_is_served_by_an_idle_worker() -> None:
    async with open_bench(store={"partitions": 4}) as bench:
        numbered: dict[int, str] = {}
        for n in itertools.count():
            key = job_key("acme", f"r{n}")
            numbered.setdefault(bench.store.keys.partition(key).number, f"r{n}")
            if len(numbered) == 4:
                break
        for number in sorted(numbered, reverse=True):
            key = await bench.submit(numbered[number])
            hold = await bench.taken()
            bench.work.let(key)
            await bench.ended(hold)
        assert bench.worker.jobs_complete == 4


async def test_concurrency_holds_over_all_partitions() -> None:
    async with open_bench(worker={"concurrency": 3}, store={"partitions": 3}) as bench:
        keys = [await bench.submit(f"r{n}") for n in range(12)]
        for key in keys:
            bench.work.let(key)
        for _ in keys:
            await bench.ended(await bench.taken())
        assert bench.work.most <= 3


async def test_a_store_that_was_away_is_polled_again(bench: Bench) -> None:
    claim, fails = bench.store.queue.claim, 2

    async def away(*args: Any, **options: Any) -> Any:
        nonlocal fails
        if fails:
            fails -= 1
            raise StoreAway()
        return await claim(*args, **options)

    cast(Any, bench.store.queue).claim = away
    key = await bench.submit("r1")
    hold = await bench.taken()
    bench.work.let(key)
    await bench.ended(hold)
    assert bench.worker.jobs_complete == 1


@pytest.mark.parametrize("damage", [None, ("task", b"\xc1"), ("dialect", b"newer")])
async def test_a_task_that_can_t_be_run_fails_its_job(
    damage: tuple[str, bytes] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once if it can't be read; else once it was handed back often enough."""
    monkeypatch.setattr(declining, "_FIRST", 0.0)
    monkeypatch.setattr(declining, "_MOST", 3)
    async with open_bench(begin=False) as bench:
        key = await bench.submit("r1", GENERATE if damage else "unheard of")
        if damage:
            await raw(bench.store).hset(bench.store.keys.partitions[0].job(key), *damage)
        bench.start()

        async def failed() -> bool:
            return await bench.state(key) is JobState.FAILED

        await until(failed)
        job = await bench.store.jobs.get(key)
        times = 0 if damage and damage[0] == "task" else 3
        assert (job.claims, job.declined, job.losses) == (times + 1, times, 0)
        assert (job.last, job.attempts) == (1, [])
        assert job.error is not None
        assert (job.error.type, job.error.status) == ("internal_error", 500)


async def test_a_crash_is_counted_and_left_to_the_rescuer(bench: Bench) -> None:
    bench.work.crash = FramesLost(3)
    key = await bench.submit("r1")
    hold = await bench.taken()
    bench.work.let(key)
    await bench.ended(hold)
    assert bench.worker.jobs_failed == 1
    assert bench.worker.holds == {}
    assert await bench.state(key) is JobState.RUNNING


async def test_the_hooks_around_a_job() -> None:
    heard: list[str] = []

    async def hook(ctx: dict[Any, Any]) -> None:
        heard.append(f"{ctx.get('job_id')} {ctx.get('job_try')}")

    hooks: dict[str, Any] = {
        "on_startup": hook,
        "on_job_start": hook,
        "on_job_end": hook,
        "on_shutdown": hook,
    }
    async with open_bench(**hooks) as bench:
        key = await bench.submit("r1")
        hold = await bench.taken()
        bench.work.let(key)
        await bench.ended(hold)
    assert heard == ["None None", f"{key} 1", f"{key} 1", "None None"]
