"""Keys of one job that were damaged, over every store: that job ends, and no other notices."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from broker.errors import JobGone, StoreRefused
from broker.model import JobState, job_key
from broker.store import Store
from broker.store.leases import DAMAGED
from broker.store.listing import Wanted
from broker.store.queue import Released
from broker.store.streams import Verdict
from tests.store.samples import (
    HOLDER,
    append,
    arm,
    batch,
    expire,
    frames,
    names,
    new_job,
    pass_by,
    raw,
    rescue,
    running,
    set_tick,
    waiting,
)

BAD, GOOD = job_key("acme", "bad"), job_key("acme", "good")
KINDS = ("job", "stream", "templates", "body")
FIELDS = ("state", "member", "score", "account", "token", "last", "task", "request_id", "created")


async def poison(store: Store, kind: str, key: str = BAD) -> None:
    """Put something of another type in a key's place."""
    name = names(store, key)[kind]
    await raw(store).delete(name)
    await raw(store).sadd(name, "x")


async def both(store: Store) -> tuple[Any, Any]:
    """Two running jobs, the bad one's lease first."""
    return await running(store, "bad"), await running(store, "good")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_append_stores_what_the_others_say(store: Store, kind: str) -> None:
    bad, good = await both(store)
    await poison(store, kind)
    definitions = ((0, b"\x01x"),)
    verdicts = await append(
        store,
        batch(bad, 1, b"data: a", definitions=definitions),
        batch(good, 1, b"data: a", definitions=definitions),
    )
    assert verdicts == [Verdict.APPENDED if kind == "body" else Verdict.FENCED, Verdict.APPENDED]
    ends = (batch(each, 2, final=JobState.COMPLETED) for each in (bad, good))
    assert (await append(store, *ends))[1] == Verdict.APPENDED
    assert (await store.jobs.get(GOOD)).state is JobState.COMPLETED


@pytest.mark.parametrize("kind", ["stream", "templates"])
async def test_a_job_that_nobody_can_write_ends(store: Store, kind: str) -> None:
    bad, good = await both(store)
    await poison(store, kind)
    refused = batch(bad, 1, b"data: a", definitions=((0, b"\x01x"),))
    assert await append(store, refused) == [Verdict.FENCED]
    tick = await rescue(store)
    assert (tick.damaged, tick.running) == ([BAD], 1)
    job = await store.jobs.get(BAD)
    assert (job.state, job.error) == (JobState.FAILED, DAMAGED)
    assert await append(store, batch(good, 1, b"data: a")) == [Verdict.APPENDED]
    assert (await rescue(store)).damaged == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_claim_brings_the_others(store: Store, kind: str) -> None:
    for name in ("bad", "good"):
        await store.jobs.create(new_job(name))
    await poison(store, kind)
    claims = await store.queue.claim(store.keys.partitions[0], HOLDER, 2)
    assert GOOD in {claim.job.key for claim in claims}
    assert all(claim.body is None for claim in claims if claim.job.key == BAD and kind == "body")
    assert await waiting(store) == (0, 0)


async def test_a_body_that_can_t_be_unpacked_is_none(store: Store) -> None:
    await store.jobs.create(new_job("bad"))
    await raw(store).set(names(store, BAD)["body"], b"znonsense")
    (claim,) = await store.queue.claim(store.keys.partitions[0], HOLDER, 1)
    assert claim.body is None


@pytest.mark.parametrize("field", ["task", "request_id", "created", "dialect", "options"])
async def test_a_record_that_no_worker_can_read_ends(store: Store, field: str) -> None:
    for name in ("bad", "good"):
        await store.jobs.create(new_job(name))
    if field in ("created", "options"):
        await raw(store).hset(names(store, BAD)["job"], field, b"\xff nonsense")
    else:
        await raw(store).hdel(names(store, BAD)["job"], field)
    claims = await store.queue.claim(store.keys.partitions[0], HOLDER, 2)
    assert [claim.job.key for claim in claims] == [GOOD]
    tick = await rescue(store)
    assert tick.damaged == [BAD]
    assert await store.queue.claim(store.keys.partitions[0], HOLDER, 2) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_rescue_brings_the_others_back(store: Store, kind: str) -> None:
    await both(store)
    await poison(store, kind)
    await arm(store)
    await expire_anyhow(store)
    tick = await rescue(store)
    assert GOOD in tick.rescued
    assert tick.running == 0


async def expire_anyhow(store: Store) -> None:
    leases = store.keys.partitions[0].prefix + "leases"
    for member in await raw(store).zrange(leases, 0, -1):
        await raw(store).zadd(leases, {member: 0})


Duty = Callable[[Store], Awaitable[None]]


async def times_out(store: Store) -> None:
    await pass_by(store, "due", BAD, GOOD)
    assert GOOD in (await rescue(store)).timed_out


async def is_abandoned(store: Store) -> None:
    await pass_by(store, "watched", BAD, GOOD)
    assert GOOD in (await rescue(store)).abandoned


async def is_mended(store: Store) -> None:
    prefix = store.keys.partitions[0].prefix
    await raw(store).delete(prefix + "queue", prefix + "due")
    assert GOOD in (await rescue(store)).mended


async def survives_a_step_back(store: Store) -> None:
    await set_tick(store, last=1 << 50)
    assert (await rescue(store)).held_off


async def survives_a_step_forward(store: Store) -> None:
    await set_tick(store, last=1)
    assert (await rescue(store)).held_off


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "duty", [times_out, is_abandoned, is_mended, survives_a_step_back, survives_a_step_forward]
)
async def test_every_duty_of_a_tick_is_done_for_the_others(
    store: Store, duty: Duty, kind: str
) -> None:
    for name in ("bad", "good"):
        await store.jobs.create(new_job(name, grace=100.0, deadline=100.0))
    await poison(store, kind)
    await arm(store)
    await duty(store)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("how", ["lost", "nonsense"])
async def test_no_field_of_a_record_stops_a_tick(store: Store, field: str, how: str) -> None:
    claim, _ = await both(store)
    if how == "lost":
        await raw(store).hdel(names(store, BAD)["job"], field)
    else:
        await raw(store).hset(names(store, BAD)["job"], field, "nonsense")
    await append(store, batch(claim, 1, b"data: a"))
    await arm(store)
    await expire_anyhow(store)
    assert GOOD in (await rescue(store)).rescued
    for _ in range(3):
        await store.queue.claim(store.keys.partitions[0], HOLDER, 5)
        await expire_anyhow(store)
        await rescue(store)


async def test_a_release_hands_the_others_back(store: Store) -> None:
    bad, good = await both(store)
    await poison(store, "job")
    leases = [Released(each.job.key, each.token) for each in (bad, good)]
    partition = store.keys.partitions[0]
    assert await store.queue.release(partition, HOLDER, leases, leaving=True) == 1


async def test_a_damaged_index_costs_listings_only(store: Store) -> None:
    await raw(store).set(store.keys.partitions[0].account("acme"), "x")
    for n in range(20):
        assert (await store.jobs.create(new_job(f"r{n}"))).created
    assert len(await store.queue.claim(store.keys.partitions[0], HOLDER, 50)) == 20
    with pytest.raises(StoreRefused):
        await store.listing.page(Wanted("acme", 10))


@pytest.mark.parametrize("how", ["type", "field", "value"])
async def test_a_damaged_record_is_left_out_of_a_listing(store: Store, how: str) -> None:
    for name in ("bad", "good"):
        await store.jobs.create(new_job(name))
    if how == "type":
        await poison(store, "job")
    elif how == "field":
        await raw(store).hdel(names(store, BAD)["job"], "dialect", "state")
    else:
        await raw(store).hset(names(store, BAD)["job"], "created", "nonsense")
    page = await store.listing.page(Wanted("acme", 10))
    assert [job.key for job in page.jobs] == [GOOD]
    with pytest.raises(StoreRefused if how == "type" else JobGone):
        await store.jobs.get(BAD)


async def test_a_damaged_breaker_is_left_out(store: Store) -> None:
    for name in ("p/bad", "p/good"):
        await store.breakers.report(name, 1, 0)
    name = store.keys.partitions[0].prefix + "breaker:p/bad"
    await raw(store).delete(name)
    await raw(store).set(name, "x")
    assert [breaker.name for breaker in await store.breakers.all()] == ["p/good"]


async def test_a_good_job_is_whole_after_all_that(store: Store) -> None:
    bad, good = await both(store)
    await poison(store, "stream")
    await append(store, batch(bad, 1, b"data: a"), batch(good, 1, b"data: a"))
    await arm(store)
    await expire(store, GOOD)
    await rescue(store)
    (again,) = await store.queue.claim(store.keys.partitions[0], HOLDER, 5)
    await append(store, batch(again, 2, final=JobState.COMPLETED))
    assert list(await frames(store, GOOD)) == [1, 2]
