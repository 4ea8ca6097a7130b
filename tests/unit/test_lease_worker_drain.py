"""The LeaseWorker's end: what a drain finishes and what it hands over."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from broker.errors import StoreAway
from broker.frames import Frame, Kind
from broker.model import JobState
from tests.store.samples import until
from tests.unit.worker_bench import Bench, open_bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with open_bench() as bench:
        yield bench


async def test_a_drain_waits_for_what_ends_in_time(bench: Bench) -> None:
    key = await bench.submit("r1")
    await bench.taken()
    bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
    waiting = await bench.submit("r2")
    bench.work.let(key)
    await bench.stopped()
    assert await bench.state(key) is JobState.COMPLETED
    assert await bench.state(waiting) is JobState.QUEUED


async def test_what_delivered_nothing_is_left_its_drain_time_and_handed_over_at_its_end() -> None:
    """Not before: its provider was called, and the next worker's run calls again."""
    drain = 0.1
    async with open_bench(worker={"drain": drain, "concurrency": 1}) as bench:
        key = await bench.submit("r1")
        hold = await bench.taken()
        other = Bench(bench.store, {}, holder="worker-2")
        other.start()
        try:
            elsewhere = await bench.submit("r2")
            other.work.let(elsewhere)
            await other.ended(await other.taken())  # it waits for jobs now
            begun = asyncio.get_running_loop().time()
            bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
            again = await other.taken()
            assert asyncio.get_running_loop().time() - begun >= drain
            await bench.stopped()
        finally:
            await other.close()
        assert again.key == key
        assert again.claim.token > hold.claim.token
        assert (again.claim.job.delivered, again.claim.job.losses) == (False, 0)
        assert await bench.work.cancelled.get() == key


async def test_a_drain_hands_the_rest_over() -> None:
    async with open_bench(worker={"drain": 0.0}) as bench:
        key = await bench.submit("r1")
        hold = await bench.taken()
        hold.pen.write([Frame(Kind.DIALECT, b"data: hi")])
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await bench.stopped()
        assert await bench.work.cancelled.get() == key
        job = await bench.store.jobs.get(key)
        assert (job.state, job.losses, job.last) == (JobState.QUEUED, 0, 1)
        (claim,) = await bench.store.queue.claim(bench.store.keys.partitions[0], "other", 1)
        assert claim.token > hold.claim.token
        assert bench.worker.holds == {}


async def test_no_run_goes_on_while_its_job_is_handed_over() -> None:
    """It could begin a call whose attempt the store refuses to record."""
    async with open_bench(worker={"drain": 0.0}) as bench:
        release = bench.store.queue.release

        async def slow(*args: Any, **options: Any) -> Any:
            assert await bench.work.cancelled.get() == key
            return await release(*args, **options)

        cast(Any, bench.store.queue).release = slow
        key = await bench.submit("r1")
        await bench.taken()
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await bench.stopped()
        assert await bench.state(key) is JobState.QUEUED


async def test_a_drain_hands_over_what_a_claim_under_way_brings() -> None:
    async with open_bench(worker={"drain": 0.0}) as bench:
        claim = bench.store.queue.claim
        begun, answer = asyncio.Event(), asyncio.Event()

        async def slow(*args: Any, **options: Any) -> Any:
            found = await claim(*args, **options)
            if found:
                begun.set()
                await answer.wait()
            return found

        cast(Any, bench.store.queue).claim = slow
        key = await bench.submit("r1")
        await begun.wait()
        assert await bench.state(key) is JobState.RUNNING
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        asyncio.get_running_loop().call_soon(answer.set)
        await bench.stopped()
        assert await bench.state(key) is JobState.QUEUED


async def test_a_claim_that_arrives_while_draining_is_handed_back_at_once() -> None:
    """Not begun: its provider has not been called, and another worker may do so now."""
    async with open_bench(worker={"drain": 30.0}) as bench:
        first = await bench.submit("r1")
        await bench.taken()
        claim = bench.store.queue.claim
        begun, answer = asyncio.Event(), asyncio.Event()

        async def slow(*args: Any, **options: Any) -> Any:
            found = await claim(*args, **options)
            if found:
                begun.set()
                await answer.wait()
            return found

        cast(Any, bench.store.queue).claim = slow
        late = await bench.submit("r2")
        await begun.wait()
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        answer.set()

        async def handed_back() -> bool:
            return await bench.state(late) is JobState.QUEUED

        await until(handed_back)
        assert await bench.state(first) is JobState.RUNNING
        (again,) = await claim(bench.store.keys.partitions[0], "other", 5)
        assert (again.job.key, again.job.losses, again.job.attempts) == (late, 0, [])
        bench.work.let(first)
        await bench.stopped()
        assert bench.work.started.empty()


async def test_an_idle_worker_s_drain_ends_its_wait(bench: Bench) -> None:
    wait: asyncio.Queue[None] = asyncio.Queue()
    claim = bench.store.queue.claim

    async def noted(*args: Any, **options: Any) -> Any:
        if options:
            wait.put_nowait(None)
        return await claim(*args, **options)

    cast(Any, bench.store.queue).claim = noted
    async with asyncio.timeout(2):  # the wait itself takes longer
        await wait.get()
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await bench.stopped()
    key = await bench.submit("r1")
    assert await bench.state(key) is JobState.QUEUED


async def test_a_drain_ends_though_the_store_is_away() -> None:
    async with open_bench(worker={"drain": 0.0, "renew": 0.01}) as bench:
        key = await bench.submit("r1")
        await bench.taken()

        async def away(*args: Any, **options: Any) -> Any:
            raise StoreAway()

        cast(Any, bench.store.queue).release = away
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await bench.stopped()
        assert await bench.work.cancelled.get() == key
        assert await bench.state(key) is JobState.RUNNING  # until the rescuer sees it


async def test_a_drain_with_a_defect_still_stops_the_worker() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # never retrieved
    async with open_bench(worker={"drain": 0.0}) as bench:

        async def broken(*args: Any, **options: Any) -> Any:
            raise ZeroDivisionError

        cast(Any, bench.store.queue).release = broken
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await bench.stopped()


async def test_a_second_signal_changes_nothing() -> None:
    async with open_bench(worker={"drain": 0.0}) as bench:
        key = await bench.submit("r1")
        await bench.taken()
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        bench.worker.handle_sig_wait_for_completion(signal.SIGINT)
        await bench.stopped()
        assert await bench.state(key) is JobState.QUEUED


async def test_a_loop_that_dies_ends_the_worker_and_its_jobs() -> None:
    async with open_bench() as bench:
        key = await bench.submit("r1")
        await bench.taken()

        async def broken(*args: Any, **options: Any) -> Any:
            raise ZeroDivisionError

        cast(Any, bench.store.queue).claim = broken
        await bench.submit("r2")
        async with asyncio.timeout(5):
            await asyncio.wait([bench.task])
        assert bench.task.exception() is not None
        await bench.worker.close()
        assert await bench.work.cancelled.get() == key
        assert bench.worker.tasks == {}
        assert bench.control.closed
