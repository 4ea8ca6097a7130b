"""Steps of the store's clock, back or forward: every stored time comes right, nobody is robbed.

The clock itself is not touched. What is stored is moved by as much the other way, which is what
the scripts see after a step.
"""

import pytest

from broker.model import job_key
from broker.settings import Breaker
from broker.store import Store
from tests.store.conftest import Open
from tests.store.crashing import Crashing
from tests.store.samples import (
    HOLDER,
    append,
    arm,
    batch,
    lease_of,
    new_job,
    now_ms,
    pass_by,
    raw,
    rescue,
    running,
    score,
    set_tick,
)

KEY, OTHER = job_key("acme", "r1"), job_key("acme", "r2")
HOUR = 3_600_000  # ms
LEASE, TIMEOUT = 30_000, 600_000  # ms, as the tests' settings have them
STEPS = [1_000_000, HOUR, 1000 * HOUR]


async def step(store: Store, by: int) -> None:
    """The clock goes on by so many ms, back if it is negative, right after a tick."""
    prefix = store.keys.partitions[0].prefix
    await arm(store)
    for name in ("leases", "beats", "due", "watched", "unsettled"):
        for member, at in await raw(store).zrange(prefix + name, 0, -1, withscores=True):
            await raw(store).zadd(prefix + name, {member: at - by})
    tick = await raw(store).hgetall(prefix + "tick")
    await set_tick(store, last=int(tick[b"last"]) - by, until=int(tick[b"until"]) - by)
    for key in await raw(store).keys(prefix + "job:*"):
        if deadline := await raw(store).hget(key, "deadline"):
            await raw(store).hset(key, "deadline", int(deadline) - by)
    for key in await raw(store).keys(prefix + "breaker:*"):
        await raw(store).hincrby(key, "until", -by)
        await raw(store).hincrby(key, "bucket", -by // 15_000)


async def lease_end(store: Store, key: str = KEY) -> float:
    found = await score(store, "leases", await lease_of(store, key))
    assert found is not None
    return found


async def hold_is_over(store: Store) -> None:
    await set_tick(store, until=0)


@pytest.mark.parametrize("by", STEPS)
async def test_after_a_step_back_a_dead_worker_is_rescued_from_within_two_leases(
    store: Store, by: int
) -> None:
    await running(store)
    await step(store, -by)
    assert await lease_end(store) > await now_ms(store) + by
    assert (await rescue(store)).held_off
    latest = await now_ms(store)
    assert await lease_end(store) <= latest + LEASE
    hold = await raw(store).hget(store.keys.partitions[0].prefix + "tick", "until")
    assert int(hold) <= latest + LEASE
    await hold_is_over(store)
    await pass_by(store, "leases", await lease_of(store, KEY))
    assert (await rescue(store)).rescued == [KEY]


async def test_after_a_step_back_who_lives_keeps_its_job(store: Store) -> None:
    claim = await running(store)
    await step(store, -HOUR)
    await rescue(store)
    renewed = await store.leases.renew(store.keys.partitions[0], HOLDER, [(KEY, claim.token)])
    assert renewed == [True]
    await hold_is_over(store)
    assert (await rescue(store)).rescued == []
    assert await append(store, batch(claim, 1, b"data: a")) == [0]


async def test_after_a_step_back_dead_workers_are_counted_no_longer(store: Store) -> None:
    await store.leases.renew(store.keys.partitions[0], "dead", [])
    await step(store, -HOUR)
    await rescue(store)
    beat = await score(store, "beats", "dead")
    assert beat is not None
    assert beat <= await now_ms(store)


@pytest.mark.parametrize("by", STEPS)
async def test_after_a_step_back_queued_jobs_wait_no_longer_than_they_may(
    store: Store, by: int
) -> None:
    await store.jobs.create(new_job("r1"))
    await store.jobs.create(new_job("r2", deadline=20.0))
    await step(store, -by)
    await rescue(store)
    latest = await now_ms(store)
    due = await score(store, "due", KEY)
    assert due is not None
    assert latest - 5_000 + TIMEOUT < due <= latest + TIMEOUT
    due = await score(store, "due", OTHER)
    assert due is not None
    assert latest < due <= latest + 20_000
    assert (await store.jobs.get(OTHER)).deadline_ms == due


async def test_after_a_step_back_readers_that_left_are_missed_within_their_grace(
    store: Store,
) -> None:
    await running(store, grace=50.0)
    await step(store, -HOUR)
    await rescue(store)
    ends = await score(store, "watched", KEY)
    assert ends is not None
    assert ends <= await now_ms(store) + 50_000


async def test_after_a_step_back_a_claim_has_no_more_time_than_was_asked_for(store: Store) -> None:
    await store.jobs.create(new_job(deadline=20.0))
    await step(store, -HOUR)
    (claim,) = await store.queue.claim(store.keys.partitions[0], HOLDER, 1)
    assert claim.job.deadline_ms is not None
    assert claim.job.deadline_ms - claim.now_ms == 20_000
    assert (await store.jobs.get(KEY)).deadline_ms == claim.job.deadline_ms


async def test_after_a_step_back_attempts_are_settled_soon(store: Store) -> None:
    await running(store)
    await store.jobs.cancel(KEY)
    await step(store, -HOUR)
    await rescue(store)
    at = await score(store, "unsettled", KEY)
    assert at is not None
    assert at <= await now_ms(store) + 10_000


async def test_tokens_rise_though_the_clock_goes_back(store: Store) -> None:
    claim = await running(store)
    ahead = claim.token + HOUR * 1000
    await raw(store).set(store.keys.partitions[0].prefix + "fence", ahead)
    assert (await running(store, "r2")).token == ahead + 1


@pytest.mark.parametrize("by", STEPS)
async def test_a_step_forward_robs_nobody(store: Store, by: int) -> None:
    claim = await running(store, grace=50.0)
    await step(store, by)
    tick = await rescue(store)
    assert (tick.held_off, tick.rescued, tick.abandoned) == (True, [], [])
    partition = store.keys.partitions[0]
    assert await store.leases.renew(partition, HOLDER, [(KEY, claim.token)]) == [True]
    await store.leases.attend(partition, [(KEY, 50_000)])
    await hold_is_over(store)
    tick = await rescue(store)
    assert (tick.rescued, tick.abandoned, tick.running) == ([], [], 1)


@pytest.mark.parametrize("by", STEPS)
async def test_a_step_forward_lets_queued_jobs_wait_as_long_as_they_may(
    store: Store, by: int
) -> None:
    await store.jobs.create(new_job())
    before = await now_ms(store)
    await step(store, by)
    assert (await rescue(store)).timed_out == []
    due = await score(store, "due", KEY)
    assert due is not None
    assert before + TIMEOUT - 60_000 < due <= await now_ms(store) + TIMEOUT
    await hold_is_over(store)
    assert (await rescue(store)).timed_out == []


async def test_a_step_forward_passes_a_deadline(store: Store) -> None:
    """It is a time that the caller was shown."""
    await store.jobs.create(new_job(deadline=20.0))
    await step(store, HOUR)
    assert (await rescue(store)).late == [KEY]


async def test_a_time_in_which_nobody_ticked_is_not_waited(store: Store) -> None:
    """A short one costs nothing but to those that would time out by it."""
    await store.jobs.create(new_job("r1"))
    await store.jobs.create(new_job("r2"))
    await arm(store)
    now = await now_ms(store)
    due = store.keys.partitions[0].prefix + "due"
    await raw(store).zadd(due, {KEY: now - 10_000, OTHER: now + 10_000})
    await set_tick(store, last=now - 60_001)
    assert (await rescue(store)).timed_out == []
    assert await score(store, "due", KEY) == pytest.approx(now + 50_001, abs=5_000)


async def test_a_small_step_back_changes_nothing(open_here: Open) -> None:
    store = open_here()
    await running(store)
    await step(store, -1_000)
    assert not (await rescue(store)).held_off


async def test_after_a_step_back_an_open_breaker_is_not_open_for_longer(open_here: Open) -> None:
    limits = Breaker(window=30.0, least_calls=1, cooldown=10.0, trial=60.0)
    store = open_here(breaker=limits)
    assert (await store.breakers.report("p/m", 0, 1)).state == "open"
    await step(store, -HOUR)
    granted, breaker = await store.breakers.trial("p/m")
    assert not granted
    assert breaker.wait <= 60.0
    (listed,) = await store.breakers.all()
    assert listed.wait <= 60.0
    assert (await store.breakers.report("p/m", 1, 0)).wait <= 60.0


async def test_after_a_step_back_old_counts_speak_no_more(open_here: Open) -> None:
    limits = Breaker(window=30.0, least_calls=4, cooldown=10.0)
    store = open_here(breaker=limits)
    await store.breakers.report("p/m", 0, 3)
    await step(store, -HOUR)
    assert (await store.breakers.report("p/m", 0, 1)).state == "closed"


async def test_after_a_step_back_jobs_from_before_a_restart_are_held_off_for_a_lease(
    store: Store,
) -> None:
    crashing, era = Crashing(store), store.keys.partitions[0].prefix + "era"
    await store.jobs.create(new_job())
    await crashing.go_back(await crashing.snapshot())
    assert await store.queue.claim(store.keys.partitions[0], HOLDER, 1) == []
    await step(store, -HOUR)
    server, began, at = (await raw(store).get(era)).split()
    await raw(store).set(era, b"%b %b %d" % (server, began, int(at) + HOUR))
    await rescue(store)
    _, _, at = (await raw(store).get(era)).split()
    assert int(at) <= await now_ms(store)
