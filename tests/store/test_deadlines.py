"""Deadlines of jobs over every store: kept in the queue, whoever had the job in between."""

import pytest

from broker.model import JobState, Options, job_key
from broker.store import Store
from broker.store.leases import DEADLINE, QUEUE_TIMEOUT
from broker.store.queue import Claim, Released
from tests.store.conftest import Open
from tests.store.samples import (
    BATCH,
    HOLDER,
    INTERACTIVE,
    append,
    arm,
    batch,
    expire,
    frames,
    names,
    new_job,
    now_ms,
    pass_by,
    raw,
    rescue,
    running,
    score,
    waiting,
    waiting_batch,
)

KEY = job_key("acme", "r1")


async def deadline(store: Store) -> int:
    found = (await store.jobs.get(KEY)).deadline_ms
    assert found is not None
    return found


async def run_out(store: Store) -> None:
    """The deadline is over, and the job's time in the queue with it."""
    await raw(store).hset(names(store, KEY)["job"], "deadline", 1)
    await raw(store).zadd(store.keys.partitions[0].prefix + "due", {KEY: 1}, xx=True)


async def claim(store: Store) -> Claim:
    (claimed,) = await store.queue.claim(store.keys.partitions[0], HOLDER, 1)
    return claimed


async def release(store: Store, claimed: Claim) -> None:
    lease = Released(KEY, claimed.token)
    released = store.queue.release(store.keys.partitions[0], HOLDER, [lease], leaving=False)
    assert await released == 1


async def test_a_deadline_is_from_the_creation_on(store: Store) -> None:
    before = await now_ms(store)
    await store.jobs.create(new_job(deadline=30.0))
    job = await store.jobs.get(KEY)
    assert job.deadline_ms == job.created_ms + 30_000
    assert before <= job.created_ms <= await now_ms(store)
    assert await raw(store).hget(names(store, KEY)["job"], "allowed") == b"30000"
    assert (await claim(store)).job.deadline_ms == job.deadline_ms


async def test_a_job_without_one_has_none(store: Store) -> None:
    await store.jobs.create(new_job())
    assert (await store.jobs.get(KEY)).deadline_ms is None
    fields = await raw(store).hkeys(names(store, KEY)["job"])
    assert not {b"deadline", b"allowed"} & set(fields)


@pytest.mark.parametrize(("seconds", "by"), [(30.0, 30_000), (99.0, 50_000), (None, 50_000)])
async def test_due_is_what_comes_first(open_here: Open, seconds: float | None, by: int) -> None:
    store = open_here(queue_timeout=50.0)
    await store.jobs.create(new_job(deadline=seconds))
    assert await score(store, "due", KEY) == (await store.jobs.get(KEY)).created_ms + by


@pytest.mark.parametrize("options", [INTERACTIVE, BATCH])
async def test_a_queued_job_past_its_deadline_fails_by_it(store: Store, options: Options) -> None:
    await store.jobs.create(new_job(deadline=30.0, options=options))
    await run_out(store)
    tick = await rescue(store)
    assert (tick.held_off, tick.late, tick.timed_out) == (True, [KEY], [])
    job = await store.jobs.get(KEY)
    assert (job.state, job.error, job.last) == (JobState.FAILED, DEADLINE, 1)
    (frame,) = (await frames(store, KEY)).values()
    assert b"deadline_exceeded" in frame.body
    assert (await waiting(store), await waiting_batch(store)) == ((0, 0), (0, 0))
    assert (await rescue(store)).late == []


async def test_a_queue_timeout_before_the_deadline_is_none(store: Store) -> None:
    await store.jobs.create(new_job(deadline=30.0))
    await pass_by(store, "due", KEY)
    tick = await rescue(store)
    assert (tick.late, tick.timed_out) == ([], [KEY])
    assert (await store.jobs.get(KEY)).error == QUEUE_TIMEOUT


async def test_a_running_job_past_its_deadline_is_its_holders(store: Store) -> None:
    claimed = await running(store, deadline=30.0)
    await run_out(store)
    tick = await rescue(store)
    assert (tick.late, tick.running) == ([], 1)
    assert await append(store, batch(claimed, 1, final=JobState.FAILED)) == [0]


async def test_a_released_job_keeps_its_deadline(store: Store) -> None:
    claimed = await running(store, deadline=30.0)
    by = await deadline(store)
    await release(store, claimed)
    assert await deadline(store) == by == await score(store, "due", KEY)


async def test_a_rescued_job_keeps_its_deadline(store: Store) -> None:
    await running(store, deadline=30.0)
    by = await deadline(store)
    await arm(store)
    await expire(store, KEY)
    assert (await rescue(store)).rescued == [KEY]
    assert await deadline(store) == by == await score(store, "due", KEY)
    await raw(store).zrem(store.keys.partitions[0].prefix + "queue", await member(store))
    assert (await rescue(store)).mended == [KEY]
    assert await deadline(store) == by == await score(store, "due", KEY)


async def member(store: Store) -> bytes:
    found: bytes = await raw(store).hget(names(store, KEY)["job"], "member")
    return found


@pytest.mark.parametrize("how", ["released", "rescued"])
async def test_a_job_that_comes_back_past_its_deadline_fails_by_it(store: Store, how: str) -> None:
    claimed = await running(store, deadline=30.0)
    await raw(store).hset(names(store, KEY)["job"], "deadline", 1)
    await arm(store)
    if how == "released":
        await release(store, claimed)
    else:
        await expire(store, KEY)
    tick = await rescue(store)
    assert (tick.late, tick.timed_out, tick.queued) == ([KEY], [], 0)
    assert (await store.jobs.get(KEY)).error == DEADLINE


async def test_a_retry_has_all_of_its_time_again(store: Store) -> None:
    await store.jobs.create(new_job(deadline=30.0))
    await run_out(store)
    assert (await rescue(store)).late == [KEY]
    before = await now_ms(store)
    await store.jobs.retry(KEY)
    assert before + 30_000 <= await deadline(store) <= await now_ms(store) + 30_000
    assert await score(store, "due", KEY) == await deadline(store)
    assert (await rescue(store)).late == []
