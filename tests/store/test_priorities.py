"""Two priorities over every store: queues and wake tokens of their own, one order, the cap."""

import asyncio

from broker.model import JobState, job_key
from broker.store import Store
from broker.store.queue import Claim, Released
from tests.store.samples import (
    BATCH,
    HOLDER,
    INTERACTIVE,
    append,
    arm,
    batch,
    expire,
    new_job,
    raw,
    rescue,
    waiting,
    waiting_batch,
)


async def queue(store: Store, account: str, *requests: str) -> None:
    """Interactive jobs; those whose request ids begin with ``b`` are batch jobs."""
    for request in requests:
        options = BATCH if request.startswith("b") else INTERACTIVE
        new = new_job(request, account=account, options=options)
        assert (await store.jobs.create(new)).created


async def claim(store: Store, most: int = 100, most_batch: int | None = None) -> list[Claim]:
    return await store.queue.claim(store.keys.partitions[0], HOLDER, most, most_batch)


async def order(store: Store, most: int = 100, most_batch: int | None = None) -> str:
    return " ".join(each.job.request_id for each in await claim(store, most, most_batch))


async def release(store: Store, *claims: Claim) -> None:
    leases = [Released(each.job.key, each.token) for each in claims]
    released = store.queue.release(store.keys.partitions[0], HOLDER, leases, leaving=False)
    assert await released == len(claims)


async def test_each_priority_has_a_queue_and_wake_tokens_of_its_own(store: Store) -> None:
    await queue(store, "acme", "b1", "b2", "i1")
    assert (await waiting(store), await waiting_batch(store)) == ((1, 1), (2, 2))
    tick = await rescue(store)
    assert (tick.queued, tick.queued_batch) == (1, 2)
    assert (await claim(store, 1))[0].job.options.priority == "interactive"
    assert (await waiting(store), await waiting_batch(store)) == ((0, 0), (2, 2))
    assert (await claim(store, 1))[0].job.options == BATCH
    assert await waiting_batch(store) == (1, 1)


async def test_a_batch_job_goes_behind_eight_interactive_ones_of_another_account(
    store: Store,
) -> None:
    await queue(store, "acme", "b1", "b2", "b3")
    await queue(store, "bolt", *(f"i{n}" for n in range(1, 18)))
    assert await order(store) == (
        "i1 i2 i3 i4 i5 i6 i7 i8 b1 i9 i10 i11 i12 i13 i14 i15 i16 b2 i17 b3"
    )


async def test_an_account_does_not_delay_its_own_interactive_jobs(store: Store) -> None:
    await queue(store, "acme", *(f"b{n}" for n in range(20)), "i1", "i2")
    assert await order(store, 4) == "i1 i2 b0 b1"


async def test_accounts_take_turns_with_their_batch_jobs(store: Store) -> None:
    await queue(store, "acme", "b1", "b2", "b3")
    await queue(store, "bolt", "b4", "b5")
    assert await order(store) == "b1 b4 b2 b5 b3"


async def test_no_more_batch_jobs_than_there_is_room_for(store: Store) -> None:
    await queue(store, "acme", "b1", "b2", "b3", "b4")
    assert await order(store, 10, 0) == ""
    assert await order(store, 10, 1) == "b1"
    assert await order(store, 2, 10) == "b2 b3", "the cap does not widen the claim"
    await queue(store, "bolt", *(f"i{n}" for n in range(20)))
    assert len((await order(store, 15, 0)).split()) == 15
    assert await waiting_batch(store) == (1, 1)
    assert "b4" in await order(store, 10, 1)


async def test_a_batch_job_whose_turn_it_is_does_not_hold_up_the_others(store: Store) -> None:
    await queue(store, "acme", "b1")
    await queue(store, "bolt", *(f"i{n}" for n in range(12)))
    assert (await order(store, 12, 0)).split() == [f"i{n}" for n in range(12)]
    assert await order(store) == "b1"


async def test_fairness_starts_anew_only_when_both_queues_are_empty(store: Store) -> None:
    await queue(store, "acme", "i1", "i2", "b1")
    assert await order(store, 2) == "i1 i2"
    fair = store.keys.partitions[0].prefix + "fair"
    assert await raw(store).hgetall(fair) == {b"acme": b"2", b"acme/batch": b"8"}
    await claim(store)
    assert await raw(store).exists(fair) == 0


async def test_a_released_batch_job_keeps_its_place(store: Store) -> None:
    await queue(store, "acme", "b1", "b2", "b3")
    first, second = await claim(store, 2)
    await release(store, second, first)
    assert (await waiting(store), await waiting_batch(store)) == ((0, 0), (3, 3))
    assert await order(store) == "b1 b2 b3"


async def test_a_rescued_batch_job_keeps_its_place(store: Store) -> None:
    await queue(store, "acme", "b1", "b2")
    (first,) = await claim(store, 1)
    await arm(store)
    await expire(store, first.job.key)
    tick = await rescue(store)
    assert (tick.rescued, tick.queued, tick.queued_batch) == ([first.job.key], 0, 2)
    assert await waiting_batch(store) == (2, 2)
    assert await order(store) == "b1 b2"


async def test_a_retried_batch_job_is_a_batch_job(store: Store) -> None:
    await queue(store, "acme", "b1")
    (failed,) = await claim(store)
    await append(store, batch(failed, 1, final=JobState.FAILED))
    await queue(store, "acme", "b2")
    await store.jobs.retry(failed.job.key)
    assert (await waiting(store), await waiting_batch(store)) == ((0, 0), (2, 2))
    assert await order(store) == "b2 b1"


async def test_jobs_that_lost_their_queue_are_mended_into_the_right_one(store: Store) -> None:
    await queue(store, "acme", "i1", "b1", "b2")
    prefix = store.keys.partitions[0].prefix
    await raw(store).delete(*(prefix + name for name in ("queue", "batch", "wake", "wake-batch")))
    assert len((await rescue(store)).mended) == 3
    assert (await waiting(store), await waiting_batch(store)) == ((1, 1), (2, 2))
    assert await order(store) == "i1 b1 b2"


async def test_a_job_that_is_where_it_should_be_is_not_mended(store: Store) -> None:
    await queue(store, "acme", "i1", "b1")
    assert (await rescue(store)).mended == []


async def test_cancel_takes_a_batch_job_and_its_token(store: Store) -> None:
    await queue(store, "acme", "i1", "b1", "b2")
    await store.jobs.cancel(job_key("acme", "b1"))
    assert (await waiting(store), await waiting_batch(store)) == ((1, 1), (1, 1))


async def test_a_lost_token_is_replaced_in_its_own_list(store: Store) -> None:
    await queue(store, "acme", "i1", "b1", "b2")
    await raw(store).delete(store.keys.partitions[0].wake_batch)
    await rescue(store)
    assert (await waiting(store), await waiting_batch(store)) == ((1, 1), (2, 1))
    await claim(store, 1)
    await raw(store).delete(store.keys.partitions[0].wake_batch)
    await rescue(store)
    assert (await waiting(store), await waiting_batch(store)) == ((0, 0), (2, 1))


async def test_who_has_no_room_for_batch_jobs_sleeps_on(store: Store) -> None:
    partition = store.keys.partitions[0]
    await queue(store, "acme", "b1")
    await store.queue.wait(partition, 0.05, batch=False)
    assert await waiting_batch(store) == (1, 1)
    await store.queue.wait(partition, 4)
    assert await waiting_batch(store) == (1, 0)


async def test_a_batch_job_wakes_and_an_interactive_one_first(store: Store) -> None:
    partition = store.keys.partitions[0]
    asleep = asyncio.create_task(store.queue.wait(partition, 4))
    await queue(store, "acme", "b1")
    await asyncio.wait_for(asleep, 4)
    await queue(store, "acme", "b2", "i1")
    await store.queue.wait(partition, 4)
    assert (await waiting(store), await waiting_batch(store)) == ((1, 0), (2, 1))
