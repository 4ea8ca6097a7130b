"""What the ticks of every store tell: totals that count each thing once, and the memory."""

import pytest

from broker.model import JobState, job_key
from broker.store import Store
from broker.store.leases import Tick
from broker.store.queue import Released
from tests.store.conftest import Open
from tests.store.samples import (
    HOLDER,
    append,
    arm,
    batch,
    expire,
    names,
    new_job,
    pass_by,
    raw,
    rescue,
    running,
)

KEY = job_key("acme", "r1")


async def totals(store: Store) -> dict[str, int]:
    tick: Tick = await rescue(store)
    return tick.totals


async def test_nothing_has_happened_yet(store: Store) -> None:
    await running(store)
    assert await totals(store) == {}


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.FAILED])
async def test_an_end_counts_once_however_often_it_is_sent(store: Store, state: JobState) -> None:
    claim = await running(store)
    final = batch(claim, 1, b"data: a", final=state)
    assert [await append(store, final) for _ in range(3)] == [[0], [1], [1]]
    await store.jobs.cancel(KEY)
    await store.jobs.delete(KEY)
    assert await totals(store) == {state.value: 1}


async def test_a_cancel_counts_once(store: Store) -> None:
    await store.jobs.create(new_job())
    await store.jobs.cancel(KEY)
    await store.jobs.cancel(KEY)
    assert await totals(store) == {"cancelled": 1}


async def test_whatever_is_refused_is_fenced(store: Store) -> None:
    claim, other = await running(store, "r1"), await running(store, "r2")
    await append(store, batch(claim, 1, b"data: a"))
    assert await append(store, batch(claim, 1, b"data: a"), batch(claim, 9, b"x")) == [1, -3]
    await store.jobs.cancel(KEY)
    await append(store, batch(claim, 2, b"data: b"), batch(other, 1, b"data: a"))
    assert await totals(store) == {"cancelled": 1, "fenced": 1}
    await raw(store).delete(names(store, other.job.key)["job"])
    await append(store, batch(other, 2, b"data: b"))
    assert (await totals(store))["fenced"] == 2


async def test_a_rescue_counts_once_a_loss(store: Store) -> None:
    await running(store)
    await arm(store)
    for n in (1, 2):
        await expire(store, KEY)
        assert await totals(store) == {"rescued": n}
        assert await totals(store) == {"rescued": n}
        (claim,) = await store.queue.claim(store.keys.partitions[0], HOLDER, 1)
    lease = Released(KEY, claim.token)
    await store.queue.release(store.keys.partitions[0], HOLDER, [lease], leaving=False)
    assert await totals(store) == {"rescued": 2}, "a hand-over is no rescue"


async def test_an_abandoned_job_is_a_cancelled_one(store: Store) -> None:
    await running(store, grace=50.0)
    await arm(store)
    await pass_by(store, "watched", KEY)
    for _ in range(2):
        assert await totals(store) == {"abandoned": 1, "cancelled": 1}


async def test_a_job_that_nobody_claimed_has_failed(store: Store) -> None:
    await store.jobs.create(new_job("r1"))
    await store.jobs.create(new_job("r2", deadline=0.001))
    await pass_by(store, "due", KEY, job_key("acme", "r2"))
    for _ in range(2):
        assert await totals(store) == {"failed": 2}
    await store.jobs.retry(KEY)
    await pass_by(store, "due", KEY)
    assert await totals(store) == {"failed": 3}


async def test_partitions_count_for_themselves(open_here: Open) -> None:
    store = open_here(partitions=4)
    for n in range(12):
        await store.jobs.create(new_job(f"r{n}"))
        await store.jobs.cancel(job_key("acme", f"r{n}"))
    found = [(await store.leases.rescue(each)).totals for each in store.keys.partitions]
    assert sum(each.get("cancelled", 0) for each in found) == 12
    assert len([each for each in found if each]) > 1


async def test_the_servers_memory_is_told(store: Store, address: str | None) -> None:
    tick = await rescue(store)
    if address is None:
        assert (tick.used, tick.allowed) == (0, 0), "fakeredis does not tell"
        return
    told = await raw(store).info("memory")
    assert tick.allowed == 0, "without a limit"
    assert 0.5 < tick.used / told["used_memory"] < 2
    limit = told["used_memory"] + (1 << 30)
    await raw(store).config_set("maxmemory", limit)
    try:
        assert (await rescue(store)).allowed == limit
    finally:
        await raw(store).config_set("maxmemory", 0)
