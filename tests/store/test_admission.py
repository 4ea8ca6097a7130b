"""Who gets in, over every store: full queues, accounts' open jobs, a store short of memory."""

import os
from collections.abc import Callable

import pytest

from broker.errors import AccountBusy, JobGone, QueueFull, RequestIdReused, StoreFull
from broker.model import JobState, job_key
from broker.settings import Secret, Settings
from broker.store import Store, open_store
from broker.store.bodies import pack
from broker.store.new_job import Limits, NewJob
from broker.store.queue import Released
from rig.store_server import StoreServer
from tests.conftest import STORES
from tests.store.conftest import Open
from tests.store.samples import (
    BATCH,
    HOLDER,
    append,
    arm,
    batch,
    expire,
    left,
    names,
    new_job,
    pass_by,
    raw,
    rescue,
    running,
)

KEY = job_key("acme", "r1")


async def busy(store: Store, partition: int = 0) -> dict[str, int]:
    """Open jobs by account, as the store counts them."""
    found = await raw(store).hgetall(store.keys.partitions[partition].prefix + "busy")
    return {account.decode(): int(count) for account, count in found.items()}


def limited(name: str, most_open: int = 2) -> NewJob:
    return new_job(name, most_open=most_open)


async def test_a_full_queue_takes_no_new_job(open_here: Open) -> None:
    store = open_here(max_queued=2)
    await store.jobs.create(new_job("r1"))
    await store.jobs.create(new_job("r2", account="bolt"))
    with pytest.raises(QueueFull):
        await store.jobs.create(new_job("r3"))
    assert await busy(store) == {"acme": 1, "bolt": 1}
    await store.queue.claim(store.keys.partitions[0], HOLDER, 1)
    assert (await store.jobs.create(new_job("r3"))).created


async def test_each_priority_has_a_limit_of_its_own(open_here: Open) -> None:
    store = open_here(max_queued=1)
    await store.jobs.create(new_job("b1", options=BATCH))
    with pytest.raises(QueueFull):
        await store.jobs.create(new_job("b2", options=BATCH))
    assert (await store.jobs.create(new_job("r1"))).created
    with pytest.raises(QueueFull):
        await store.jobs.create(new_job("r2"))


async def test_what_is_there_is_found_however_full_it_is(open_here: Open) -> None:
    store = open_here(max_queued=1)
    await store.jobs.create(new_job("gone"))
    await store.jobs.delete(job_key("acme", "gone"))
    await store.jobs.create(limited("r1", 1))
    for again in (limited("r1", 1), new_job("r1", admitted=False)):
        assert not (await store.jobs.create(again)).created
    for admitted in (True, False):
        with pytest.raises(RequestIdReused):
            await store.jobs.create(new_job("r1", body=b"{}", admitted=admitted, most_open=1))
        with pytest.raises(JobGone):
            await store.jobs.create(new_job("gone", admitted=admitted, most_open=1))
    assert await busy(store) == {"acme": 1}


async def test_a_store_short_of_memory_takes_no_new_job(store: Store) -> None:
    with pytest.raises(StoreFull):
        await store.jobs.create(new_job("r1", admitted=False))
    assert await busy(store) == {}
    assert (await store.jobs.create(new_job("r1"))).created


async def test_an_account_has_no_more_open_jobs_than_it_may(store: Store) -> None:
    await store.jobs.create(limited("r1"))
    await store.queue.claim(store.keys.partitions[0], HOLDER, 1)
    await store.jobs.create(limited("r2"))
    with pytest.raises(AccountBusy, match="may have 2"):
        await store.jobs.create(limited("r3"))
    assert not (await store.jobs.create(limited("r1"))).created
    assert (await store.jobs.create(new_job("r3", account="bolt", most_open=2))).created
    assert await busy(store) == {"acme": 2, "bolt": 1}
    assert (await store.jobs.create(limited("r3", 3))).created, "the limit is the caller's word"


async def ends_completed(store: Store) -> None:
    claim = await running(store)
    final = batch(claim, 1, b"data: a", final=JobState.COMPLETED)
    assert await append(store, final) == [0]
    assert await append(store, final) == [1]  # its answer was lost


async def ends_failed(store: Store) -> None:
    await append(store, batch(await running(store), 1, final=JobState.FAILED))


async def ends_cancelled_in_the_queue(store: Store) -> None:
    await store.jobs.create(new_job())
    await store.jobs.cancel(KEY)
    await store.jobs.cancel(KEY)


async def ends_cancelled_while_running(store: Store) -> None:
    claim = await running(store)
    await store.jobs.cancel(KEY)
    await append(store, batch(claim, 1, final=JobState.COMPLETED))


async def ends_deleted(store: Store) -> None:
    await store.jobs.create(new_job())
    await store.jobs.delete(KEY)


async def ends_by_the_queue_timeout(store: Store) -> None:
    await store.jobs.create(new_job())
    await pass_by(store, "due", KEY)
    assert (await rescue(store)).timed_out == [KEY]
    await rescue(store)


async def ends_by_its_deadline(store: Store) -> None:
    await store.jobs.create(new_job(deadline=0.001))
    await pass_by(store, "due", KEY)
    await rescue(store)


async def ends_abandoned(store: Store) -> None:
    await running(store, grace=100.0)
    await arm(store)
    await pass_by(store, "watched", KEY)
    assert (await rescue(store)).abandoned == [KEY]
    await rescue(store)


ENDS = (
    ends_completed,
    ends_failed,
    ends_cancelled_in_the_queue,
    ends_cancelled_while_running,
    ends_deleted,
    ends_by_the_queue_timeout,
    ends_by_its_deadline,
    ends_abandoned,
)


@pytest.mark.parametrize("end", ENDS)
async def test_every_end_makes_room_once(store: Store, end: Callable[[Store], object]) -> None:
    other = await running(store, "other")
    await end(store)  # type: ignore[misc]
    assert await busy(store) == {"acme": 1}
    await append(store, batch(other, 1, final=JobState.COMPLETED))
    assert await busy(store) == {}


async def test_a_lost_job_stays_open_and_a_retried_one_is_again(store: Store) -> None:
    claim = await running(store)
    await arm(store)
    await expire(store, KEY)
    assert (await rescue(store)).rescued == [KEY]
    assert await busy(store) == {"acme": 1}
    partition = store.keys.partitions[0]
    (claim,) = await store.queue.claim(partition, HOLDER, 1)
    lease = Released(KEY, claim.token)
    for ours in (1, 0):  # the answer to the first was lost
        released = store.queue.release(partition, HOLDER, [lease], leaving=False)
        assert await released == ours
    (claim,) = await store.queue.claim(partition, HOLDER, 1)
    assert await busy(store) == {"acme": 1}
    await append(store, batch(claim, 1, final=JobState.FAILED))
    assert await busy(store) == {}
    await store.jobs.retry(KEY)
    assert await busy(store) == {"acme": 1}


async def test_a_retry_is_counted_like_a_new_job(store: Store) -> None:
    await append(store, batch(await running(store, most_open=1), 1, final=JobState.FAILED))
    assert (await store.jobs.create(limited("r2", 1))).created
    with pytest.raises(AccountBusy, match="may have 1"):
        await store.jobs.retry(KEY, Limits(open=1))
    assert (await store.jobs.get(KEY)).state is JobState.FAILED
    assert await left(store, names(store, KEY)["body"]) > 0, "it expires still"
    await store.jobs.cancel(job_key("acme", "r2"))
    await store.jobs.retry(KEY, Limits(open=1))
    assert await busy(store) == {"acme": 1}


async def test_a_retry_finds_a_full_queue_full(open_here: Open) -> None:
    store = open_here(max_queued=1)
    await append(store, batch(await running(store), 1, final=JobState.FAILED))
    await store.jobs.create(new_job("r2"))
    with pytest.raises(QueueFull):
        await store.jobs.retry(KEY)


async def test_a_job_that_vanished_leaves_no_count_behind(store: Store) -> None:
    big = os.urandom(9000)
    await store.jobs.create(new_job("r1", body=big))
    await store.jobs.create(new_job("r2", body=big))
    await store.jobs.create(new_job("r3", account="bolt"))
    await raw(store).delete(names(store, KEY)["job"])
    await rescue(store)
    assert await busy(store) == {"acme": 1, "bolt": 1}
    bulk = await raw(store).hgetall(store.keys.partitions[0].prefix + "bulk")
    assert {name: int(size) for name, size in bulk.items()} == {b"acme": len(pack(big, 4096))}


@pytest.mark.parametrize("kind", STORES)
async def test_a_server_without_memory_still_finds_what_is_there(
    make_store: Callable[..., StoreServer], kind: str
) -> None:
    store = open_store(Settings(store_url=Secret(make_store(kind).url)), "test")
    await store.jobs.create(new_job("r1", grace=7.0))
    await store.jobs.create(new_job("gone"))
    await store.jobs.delete(job_key("acme", "gone"))
    await raw(store).config_set("maxmemory", 1)
    creation = await store.jobs.create(new_job("r1"))
    assert (creation.created, creation.grace_ms) == (False, 7000)
    with pytest.raises(RequestIdReused):
        await store.jobs.create(new_job("r1", body=b"{}"))
    with pytest.raises(JobGone):
        await store.jobs.create(new_job("gone"))
    with pytest.raises(StoreFull):
        await store.jobs.create(new_job("r2"))
    await store.close()
