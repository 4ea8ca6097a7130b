"""Leases over every store: renewal, rescue, hold-off, deadlines, mending."""

import msgspec
import pytest

from broker.frames import Kind, parse_message
from broker.model import JobState, job_key
from broker.store import Store
from broker.store.leases import QUEUE_TIMEOUT
from broker.store.queue import Released
from broker.store.streams import Verdict
from tests.store.conftest import Open
from tests.store.samples import (
    HOLDER,
    append,
    arm,
    batch,
    expire,
    frames,
    lease_of,
    left,
    listening,
    names,
    new_job,
    now_ms,
    raw,
    rescue,
    running,
    set_tick,
    until,
    waiting,
)

KEY = job_key("acme", "r1")


async def lease_end(store: Store, key: str = KEY) -> float:
    member = await lease_of(store, key)
    score = await raw(store).zscore(store.keys.partitions[0].prefix + "leases", member)
    assert score is not None
    return float(score)


async def test_renewal_gives_a_full_term(store: Store) -> None:
    claim = await running(store)
    await expire(store, KEY)
    partition = store.keys.partitions[0]
    before = await now_ms(store)
    assert await store.leases.renew(partition, HOLDER, [(KEY, claim.token)]) == [True]
    assert await lease_end(store) >= before + 30_000


async def test_renewal_is_job_by_job(store: Store) -> None:
    mine, lost, done = [await running(store, f"r{n}") for n in range(3)]
    await store.jobs.cancel(lost.job.key)
    await append(store, batch(done, 1, final=JobState.COMPLETED))
    claims = [(claim.job.key, claim.token) for claim in (lost, mine, done)]
    renewed = await store.leases.renew(
        store.keys.partitions[0],
        HOLDER,
        [*claims, ("nothing", 1), (mine.job.key, mine.token - 1)],
    )
    assert renewed == [False, True, False, False, False]
    assert (await rescue(store)).running == 1


async def test_thousands_are_renewed_at_once(store: Store) -> None:
    claims = [await running(store, f"r{n}") for n in range(3)]
    asked = [("nothing", n) for n in range(2500)]
    for place, claim in zip((0, 999, 2499), claims, strict=True):  # at the ends of its steps
        asked[place] = (claim.job.key, claim.token)
    before = await now_ms(store)
    renewed = await store.leases.renew(store.keys.partitions[0], HOLDER, asked)
    assert [place for place, kept in enumerate(renewed) if kept] == [0, 999, 2499]
    assert len(renewed) == len(asked)
    for claim in claims:
        assert await lease_end(store, claim.job.key) >= before + 30_000


async def test_an_append_renews_the_lease(store: Store) -> None:
    claim = await running(store)
    await expire(store, KEY)
    before = await now_ms(store)
    await append(store, batch(claim, 1, b"data: a"))
    assert await lease_end(store) >= before + 30_000


async def test_an_append_that_is_not_to_leaves_the_lease(store: Store) -> None:
    """A worker whose lease was renewed a moment ago spares the store the work."""
    claim = await running(store)
    await expire(store, KEY)
    plain, more = (
        msgspec.structs.replace(batch(claim, number, b"data: a"), fields=fields, renew=False)
        for number, fields in ((1, ()), (2, (("x", b"1"),)))
    )
    assert await append(store, plain) == [Verdict.APPENDED]
    assert await lease_end(store) == 0
    assert await append(store, more) == [Verdict.APPENDED]
    assert await lease_end(store) > 0, "whatever is more than frames renews it"


async def test_an_expired_lease_is_rescued_under_a_new_token(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: a"))
    await store.jobs.create(new_job("r2"))
    await arm(store)
    await expire(store, KEY)
    tick = await rescue(store)
    assert (tick.held_off, tick.rescued, tick.queued, tick.running) == (False, [KEY], 2, 0)
    assert await append(store, batch(claim, 2, b"data: b")) == [Verdict.FENCED]
    job = await store.jobs.get(KEY)
    assert (job.state, job.losses, job.last) == (JobState.QUEUED, 1, 1)
    again, _ = await store.queue.claim(store.keys.partitions[0], "worker-2", 2)
    assert again.job.key == KEY, "its old place is at the front"
    assert again.token > claim.token
    assert again.body == new_job().body
    assert await append(store, batch(again, 2, b"data: b")) == [Verdict.APPENDED]
    assert list(await frames(store, KEY)) == [1, 2]


async def test_a_lease_in_force_is_left_alone(store: Store) -> None:
    await running(store)
    await arm(store)
    tick = await rescue(store)
    assert (tick.held_off, tick.rescued, tick.running) == (False, [], 1)


async def test_leases_end_by_the_clock(open_here: Open) -> None:
    store = open_here(lease=0.05, rescue_tick=20.0)
    await running(store)
    seen: list[str] = []

    async def rescued() -> bool:
        seen.extend((await rescue(store)).rescued)
        return bool(seen)

    await until(rescued)
    assert seen == [KEY]


async def test_the_first_tick_holds_off(store: Store) -> None:
    await running(store)
    await expire(store, KEY)
    assert (await rescue(store)).held_off
    assert (await rescue(store)).held_off
    await set_tick(store, until=0)
    assert (await rescue(store)).rescued == [KEY]


async def test_missing_ticks_hold_off_for_one_lease(store: Store) -> None:
    await running(store)
    await arm(store)
    await expire(store, KEY)
    now = await now_ms(store)
    await set_tick(store, last=now - 3 * 20_000 - 1)
    tick = await rescue(store)
    assert (tick.held_off, tick.rescued) == (True, [])
    hold = await raw(store).hget(store.keys.partitions[0].prefix + "tick", "until")
    assert hold is not None
    assert now + 30_000 <= int(hold) <= await now_ms(store) + 30_000
    assert (await rescue(store)).held_off
    assert (await store.jobs.get(KEY)).state is JobState.RUNNING


async def test_two_missing_ticks_are_no_pause(store: Store) -> None:
    await running(store)
    await arm(store)
    await expire(store, KEY)
    await set_tick(store, last=await now_ms(store) - 50_000)
    assert (await rescue(store)).rescued == [KEY]


async def test_another_server_holds_off(store: Store) -> None:
    await running(store)
    await arm(store)
    await expire(store, KEY)
    await set_tick(store, server="0123456789abcdef")
    tick = await rescue(store)
    assert (tick.held_off, tick.rescued) == (True, [])


async def test_a_holder_that_renews_during_the_hold_keeps_its_job(store: Store) -> None:
    claim = await running(store)
    await expire(store, KEY)
    assert (await rescue(store)).held_off
    await store.leases.renew(store.keys.partitions[0], HOLDER, [(KEY, claim.token)])
    await set_tick(store, until=0)
    assert (await rescue(store)).rescued == []
    assert await append(store, batch(claim, 1, b"data: a")) == [Verdict.APPENDED]


async def test_a_job_that_ended_is_not_rescued(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, final=JobState.COMPLETED))
    await arm(store)
    stray = {await lease_of(store, KEY): 0, f"{KEY}:1": 0, "nothing": 0}
    await raw(store).zadd(store.keys.partitions[0].prefix + "leases", stray)
    tick = await rescue(store)
    assert (tick.rescued, tick.running) == ([], 0)
    assert (await store.jobs.get(KEY)).state is JobState.COMPLETED


async def test_the_queue_deadline_fails_the_job(store: Store) -> None:
    await store.jobs.create(new_job())
    await raw(store).zadd(store.keys.partitions[0].prefix + "due", {KEY: 0})
    async with listening(store, store.keys.channel(KEY)) as heard:
        tick = await rescue(store)
        message = parse_message(await heard())
    assert (tick.timed_out, tick.queued) == ([KEY], 0)
    assert await waiting(store) == (0, 0)
    job = await store.jobs.get(KEY)
    assert (job.state, job.error, job.last) == (JobState.FAILED, QUEUE_TIMEOUT, 1)
    (frame,) = (await frames(store, KEY)).values()
    assert frame.kind == Kind.TERMINAL
    assert (message.first, message.last) == (1, 1)
    assert message.payload.endswith(frame.body)
    assert await left(store, names(store, KEY)["body"]) > 0


async def test_a_deadline_is_for_the_queue_only(store: Store) -> None:
    await running(store)
    await raw(store).zadd(store.keys.partitions[0].prefix + "due", {KEY: 0})
    assert (await rescue(store)).timed_out == []
    assert (await store.jobs.get(KEY)).state is JobState.RUNNING


async def test_the_deadline_begins_anew_with_each_return(open_here: Open) -> None:
    store = open_here(queue_timeout=100.0)
    claim = await running(store)
    before = await now_ms(store)
    lease = Released(KEY, claim.token)
    await store.queue.release(store.keys.partitions[0], HOLDER, [lease], leaving=False)
    due = await raw(store).zscore(store.keys.partitions[0].prefix + "due", KEY)
    assert due is not None
    assert due >= before + 100_000


async def test_deadlines_hold_during_a_hold_off(store: Store) -> None:
    await store.jobs.create(new_job())
    await raw(store).zadd(store.keys.partitions[0].prefix + "due", {KEY: 0})
    tick = await rescue(store)
    assert (tick.held_off, tick.timed_out) == (True, [KEY])


@pytest.mark.parametrize("lost", ["queue", "queue and due"])
async def test_a_queued_job_that_is_in_no_queue_is_mended(store: Store, lost: str) -> None:
    await store.jobs.create(new_job("r1"))
    await store.jobs.create(new_job("r2"))
    prefix = store.keys.partitions[0].prefix
    await raw(store).delete(*(prefix + name for name in lost.split(" and ")), prefix + "wake")
    tick = await rescue(store)
    assert sorted(tick.mended) == sorted([KEY, job_key("acme", "r2")])
    assert await waiting(store) == (2, 2)
    claims = await store.queue.claim(store.keys.partitions[0], HOLDER, 10)
    assert [claim.job.request_id for claim in claims] == ["r1", "r2"]


async def test_a_running_job_without_a_lease_is_given_one(store: Store) -> None:
    claim = await running(store)
    await raw(store).delete(store.keys.partitions[0].prefix + "leases")
    tick = await rescue(store)
    assert (tick.mended, tick.running) == ([KEY], 1)
    assert await append(store, batch(claim, 1, b"data: a")) == [Verdict.APPENDED]


async def test_what_is_open_no_more_is_forgotten(store: Store) -> None:
    await running(store)
    await raw(store).delete(names(store, KEY)["job"])
    await rescue(store)
    assert await raw(store).scard(store.keys.partitions[0].prefix + "open") == 0


async def test_a_hundred_open_jobs_are_not_looked_at_in_every_tick(store: Store) -> None:
    """Where a small set comes whole, that would cost more than what the jobs say."""
    for n in range(100):
        await store.jobs.create(new_job(f"r{n}"))
    await raw(store).delete(store.keys.partitions[0].prefix + "queue")
    mended: list[int] = []
    while sum(mended) < 100:
        mended.append(len((await rescue(store)).mended))
        for _ in range(mended[-1] // 20):
            assert (await rescue(store)).mended == []


async def test_many_open_jobs_are_mended_page_by_page(store: Store) -> None:
    for n in range(150):
        await store.jobs.create(new_job(f"r{n}"))
    await raw(store).delete(store.keys.partitions[0].prefix + "queue")
    mended: set[str] = set()

    async def all_mended() -> bool:
        mended.update((await rescue(store)).mended)
        return len(mended) == 150

    await until(all_mended)
    assert (await rescue(store)).queued == 150


async def test_a_wake_token_that_died_with_its_worker_is_replaced(store: Store) -> None:
    await store.jobs.create(new_job())
    await raw(store).delete(store.keys.partitions[0].wake)
    await rescue(store)
    assert await waiting(store) == (1, 1)


async def test_live_workers_are_counted(store: Store) -> None:
    for holder in ("one", "two", "one"):
        await store.leases.renew(store.keys.partitions[0], holder, [])
    assert (await rescue(store)).workers == 2


async def test_a_worker_that_was_not_heard_of_for_two_leases_is_not_counted(
    open_here: Open,
) -> None:
    store = open_here(lease=10.0)
    now = await now_ms(store)
    await store.leases.renew(store.keys.partitions[0], "alive", [])
    beats = store.keys.partitions[0].prefix + "beats"
    await raw(store).zadd(beats, {"silent": now - 21_000, "gone": now - 61_000})
    assert (await rescue(store)).workers == 1
    await store.leases.renew(store.keys.partitions[0], "alive", [])
    assert await raw(store).zcard(beats) == 2
