"""What one of several accounts may take of a queue, and of the memory for requests."""

import os

import pytest

from broker.errors import AccountBusy, QueueFull
from broker.model import JobState, job_key
from broker.store import Store, bodies
from broker.store.new_job import Limits
from broker.store.queue import Released
from tests.store.conftest import Open
from tests.store.samples import (
    BATCH,
    HOLDER,
    append,
    arm,
    batch,
    expire,
    new_job,
    raw,
    rescue,
    running,
)

KEY = job_key("acme", "r1")
BIG = os.urandom(10_000)  # does not get smaller by packing
SIZE = len(bodies.pack(BIG, 4096))  # as it is stored


async def fill(store: Store, account: str, share: float = 0.5, **options: object) -> int:
    """Queue jobs of an account until it is refused; how many were taken."""
    for count in range(1000):
        new = new_job(f"{account}-{count}", account=account, share=share, **options)  # type: ignore[arg-type]
        try:
            await store.jobs.create(new)
        except AccountBusy:
            return count
    raise AssertionError("nothing was refused")


async def waits(store: Store) -> dict[str, int]:
    found = await raw(store).hgetall(store.keys.partitions[0].prefix + "waits")
    return {name.decode(): int(count) for name, count in found.items()}


@pytest.mark.parametrize(("share", "taken"), [(0.5, 10), (0.25, 5), (0.75, 15), (0.01, 1)])
async def test_an_account_alone_takes_its_share(open_here: Open, share: float, taken: int) -> None:
    store = open_here(max_queued=20)
    assert await fill(store, "acme", share) == taken


async def test_however_many_come_the_next_one_finds_room(open_here: Open) -> None:
    store = open_here(max_queued=24)
    taken = [await fill(store, f"account-{n}") for n in range(4)]
    assert taken == [12, 6, 3, 2]
    assert (await store.jobs.create(new_job(account="late", share=0.5))).created


async def test_each_priority_is_shared_by_itself(open_here: Open) -> None:
    store = open_here(max_queued=8)
    assert await fill(store, "acme", options=BATCH) == 4
    assert await fill(store, "bolt") == 4
    assert await waits(store) == {"acme/batch": 4, "bolt": 4}


async def test_without_others_an_account_fills_the_queue(open_here: Open) -> None:
    store = open_here(max_queued=3)
    for n in range(3):
        await store.jobs.create(new_job(f"r{n}"))
    with pytest.raises(QueueFull):
        await store.jobs.create(new_job("r3"))


async def test_what_runs_is_not_in_the_queue(open_here: Open) -> None:
    store = open_here(max_queued=8)
    assert await fill(store, "acme") == 4
    await store.queue.claim(store.keys.partitions[0], HOLDER, 3)
    assert await waits(store) == {"acme": 1}
    for n in range(10, 13):
        await store.jobs.create(new_job(f"r{n}", share=0.5))
    with pytest.raises(AccountBusy):
        await store.jobs.create(new_job("r13", share=0.5))


async def test_a_queued_job_counts_once_whatever_becomes_of_it(store: Store) -> None:
    await store.jobs.create(new_job("other", account="bolt", options=BATCH))  # the queue has one
    claim = await running(store)
    partition = store.keys.partitions[0]
    assert await waits(store) == {"acme": 0, "bolt/batch": 1}
    await store.queue.release(partition, HOLDER, [Released(KEY, claim.token)], leaving=False)
    assert (await waits(store))["acme"] == 1
    await store.queue.claim(partition, HOLDER, 1)
    await arm(store)
    await expire(store, KEY)
    assert (await rescue(store)).rescued == [KEY]
    await raw(store).delete(partition.prefix + "due")
    assert (await waits(store))["acme"] == 1
    await store.jobs.cancel(KEY)
    assert await waits(store) == {"acme": 0, "bolt/batch": 1}
    await store.jobs.cancel(job_key("bolt", "other"))
    assert await waits(store) == {}


async def test_requests_of_open_jobs_take_no_more_than_they_may(open_here: Open) -> None:
    store = open_here()
    limit = max(2 * SIZE, store.settings.server.max_body)
    count = limit // SIZE
    prefix = store.keys.partitions[0].prefix
    await store.jobs.create(new_job("r1", body=BIG, most_bytes=limit))
    assert await raw(store).hget(prefix + "bulk", "acme") == str(SIZE).encode()
    await raw(store).hset(prefix + "bulk", "acme", SIZE * count)  # as if there were so many
    with pytest.raises(AccountBusy, match="all of its memory"):
        await store.jobs.create(new_job("r2", body=BIG, most_bytes=limit))
    assert (await store.jobs.create(new_job("small", most_bytes=limit))).created
    assert (
        await store.jobs.create(new_job("r2", account="bolt", body=BIG, most_bytes=limit))
    ).created
    assert not (await store.jobs.create(new_job("r1", body=BIG, most_bytes=limit))).created
    await store.jobs.cancel(KEY)
    assert (await store.jobs.create(new_job("r2", body=BIG, most_bytes=limit))).created


async def test_every_end_gives_the_bytes_back_and_a_retry_takes_them_again(store: Store) -> None:
    name = store.keys.partitions[0].prefix + "bulk"
    await append(store, batch(await running(store, body=BIG), 1, final=JobState.FAILED))
    assert await raw(store).exists(name) == 0
    await store.jobs.retry(KEY, Limits(bytes=1))
    assert await raw(store).hgetall(name) == {b"acme": str(SIZE).encode()}
    await store.jobs.cancel(KEY)
    assert await raw(store).exists(name) == 0


async def test_metadata_counts_as_well(store: Store) -> None:
    await store.jobs.create(new_job(metadata={"note": "x" * 5000}))
    held = await raw(store).hget(store.keys.partitions[0].prefix + "bulk", "acme")
    assert int(held) > 5000
