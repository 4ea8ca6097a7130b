"""A store that lost the end of its log: claims made again, and numbers never used twice."""

import os

import pytest

from broker.cursor import is_lost
from broker.errors import JobNotFound
from broker.model import JobState
from broker.store import Store
from broker.store.streams import FRAMES_LOST, Verdict, rewind_to
from tests.store.conftest import Open
from tests.store.crashing import Crashing
from tests.store.samples import (
    HOLDER,
    append,
    arm,
    batch,
    expire,
    frames,
    names,
    new_job,
    now_ms,
    raw,
    rescue,
    running,
    waiting,
)


@pytest.fixture
def crashing(store: Store) -> Crashing:
    return Crashing(store)


async def reclaim(store: Store, claim: object) -> bool:
    return await store.queue.reclaim(store.keys.partitions[0], HOLDER, claim)  # type: ignore[arg-type]


async def claimed(store: Store, most: int = 5) -> list[str]:
    claims = await store.queue.claim(store.keys.partitions[0], "other", most)
    return [claim.job.request_id for claim in claims]


async def test_a_holder_in_force_goes_on_where_the_stream_ends(
    store: Store, crashing: Crashing
) -> None:
    claim = await running(store)
    assert await append(store, batch(claim, 1, b"a")) == [Verdict.APPENDED]
    before = await crashing.snapshot()
    assert await append(store, batch(claim, 2, b"b"), batch(claim, 3, b"c")) == [0, 0]
    await crashing.go_back(before)
    (verdict,) = await append(store, batch(claim, 4, b"d"))
    assert rewind_to(verdict) == 1
    again = [batch(claim, 2, b"b"), batch(claim, 3, b"c"), batch(claim, 4, b"d")]
    assert await append(store, *again) == [0, 0, 0]
    assert list(await frames(store, claim.job.key)) == [1, 2, 3, 4]
    assert (await store.jobs.get(claim.job.key)).breaks == ()


@pytest.mark.parametrize("renewed", [False, True])
async def test_a_lost_claim_is_made_again_under_its_token(
    store: Store, crashing: Crashing, renewed: bool
) -> None:
    await store.jobs.create(new_job())
    before = await crashing.snapshot()
    (claim,) = await store.queue.claim(store.keys.partitions[0], HOLDER, 1)
    await append(store, batch(claim, 1, b"a"))
    await crashing.go_back(before)
    assert await append(store, batch(claim, 2, b"b")) == [Verdict.FENCED]
    assert await claimed(store) == []  # for a lease nobody is given it
    assert await reclaim(store, claim)
    assert await reclaim(store, claim)  # its answer was lost
    assert await waiting(store) == (0, 0)
    if renewed:
        pair = (claim.job.key, claim.token)
        assert await store.leases.renew(store.keys.partitions[0], HOLDER, [pair]) == [True]
    assert await append(store, batch(claim, 1, b"a"), batch(claim, 2, b"b")) == [0, 0]
    job = await store.jobs.get(claim.job.key)
    assert (job.state, job.claims, job.last, job.breaks) == (JobState.RUNNING, 1, 2, ())
    await append(store, batch(claim, 3, final=JobState.COMPLETED))
    assert (await store.jobs.get(claim.job.key)).state is JobState.COMPLETED


@pytest.mark.parametrize("emptied", [False, True])
async def test_a_lost_job_is_made_again_by_its_holder(
    store: Store, crashing: Crashing, emptied: bool
) -> None:
    await store.jobs.create(new_job("other"))
    before = {} if emptied else await crashing.snapshot()
    new = new_job("r1", metadata={"a": 1}, deadline=500.0, grace=300.0)
    await store.jobs.create(new)
    claims = await store.queue.claim(store.keys.partitions[0], HOLDER, 2)
    claim = claims[-1]
    await append(store, batch(claim, 1, b"a"))
    was = await store.jobs.get(claim.job.key)
    await crashing.go_back(before)
    with pytest.raises(JobNotFound):
        await store.jobs.get(claim.job.key)
    assert await append(store, batch(claim, 2, b"b")) == [Verdict.FENCED]
    assert await reclaim(store, claim)
    assert await append(store, batch(claim, 1, b"a")) == [0]
    assert await store.jobs.get(claim.job.key) == was
    assert await store.jobs.body(claim.job.key) == new.body
    for _ in range(3):
        await rescue(store)
    await append(store, batch(claim, 2, final=JobState.COMPLETED))
    assert (await store.jobs.get(claim.job.key)).state is JobState.COMPLETED
    assert await raw(store).hlen(store.keys.partitions[0].prefix + "busy") == (not emptied)


async def test_a_claim_that_others_came_after_is_not_made_again(
    store: Store, crashing: Crashing
) -> None:
    claim = await running(store)
    assert await reclaim(store, claim)  # it is in force
    await arm(store)
    await expire(store, claim.job.key)
    await rescue(store)
    assert not await reclaim(store, claim)
    await crashing.go_back(await crashing.snapshot())
    assert not await reclaim(store, claim)  # the rescue was not lost
    await store.jobs.cancel(claim.job.key)
    await crashing.go_back(await crashing.snapshot())
    assert not await reclaim(store, claim)


async def test_a_later_claim_goes_on_at_numbers_that_were_never_used(
    store: Store, crashing: Crashing
) -> None:
    await store.jobs.create(new_job())
    before = await crashing.snapshot()
    (lost,) = await store.queue.claim(store.keys.partitions[0], HOLDER, 1)
    await append(store, batch(lost, 1, b"a"), batch(lost, 2, b"b"))
    await crashing.go_back(before)
    assert await claimed(store) == []
    await crashing.pass_hold_off()
    (claim,) = await store.queue.claim(store.keys.partitions[0], "other", 1)
    first = claim.job.last + 1
    assert claim.job.breaks == ((0, first),)
    assert await append(store, batch(claim, first, b"x")) == [0]
    assert await append(store, batch(lost, 3, b"c")) == [Verdict.FENCED]
    assert not await reclaim(store, lost)
    read = await store.streams.read(claim.job.key, 0, 10)
    assert [is_lost(cursor, read.breaks) for cursor in (0, 1, 2, first)] == [
        False,
        True,
        True,
        False,
    ]
    await append(store, batch(claim, first + 1, final=JobState.COMPLETED))
    assert list(await frames(store, claim.job.key)) == [first, first + 1]


async def test_who_is_new_is_served_while_older_jobs_are_held_off(
    store: Store, crashing: Crashing
) -> None:
    await store.jobs.create(new_job("old"))
    await store.jobs.create(new_job("older", options=new_job().options))
    await crashing.go_back(await crashing.snapshot())
    await store.jobs.create(new_job("new"))
    assert await claimed(store, 1) == ["new"]
    assert await claimed(store) == []
    assert await waiting(store) == (2, 0)  # nobody is woken for them
    await crashing.pass_hold_off()
    assert await claimed(store) == ["old", "older"]


@pytest.mark.parametrize("crashed", [False, True])
async def test_an_end_from_outside_takes_a_number_that_was_never_used(
    store: Store, crashing: Crashing, crashed: bool
) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"a"))
    before = await crashing.snapshot()
    await append(store, batch(claim, 2, b"b"))
    if crashed:
        await crashing.go_back(before)
    await store.jobs.cancel(claim.job.key)
    numbers = list(await frames(store, claim.job.key))
    assert numbers[:-1] == ([1] if crashed else [1, 2])
    assert (numbers[-1] > 10**14) is crashed
    job = await store.jobs.get(claim.job.key)
    assert job.breaks == (((1, numbers[-1]),) if crashed else ())
    assert job.last == numbers[-1]


async def test_what_its_holder_lost_ends_the_job(store: Store, crashing: Crashing) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"a"))
    lose = store.jobs.lose
    assert not await lose(claim.job.key, claim.token - 1, FRAMES_LOST, None, [])
    usage = {"total_tokens": 3}
    assert await lose(claim.job.key, claim.token, FRAMES_LOST, usage, [("usage", b'{"t":1}')])
    job = await store.jobs.get(claim.job.key)
    assert job.state is JobState.FAILED
    assert job.error == FRAMES_LOST
    (_, number) = await frames(store, claim.job.key)
    assert job.breaks == ((1, number),)
    assert not await lose(claim.job.key, claim.token, FRAMES_LOST, None, [])


async def test_a_job_made_again_soon_after_has_other_numbers(
    store: Store, crashing: Crashing
) -> None:
    """The lost one's numbers may have been seen."""
    before = await crashing.snapshot()
    await store.jobs.create(new_job())
    await crashing.go_back(before)
    await store.jobs.create(new_job())
    job = await store.jobs.get(new_job().key)
    assert job.breaks == ((0, job.last + 1),)
    await crashing.pass_hold_off()
    await store.jobs.create(new_job("r2"))
    assert (await store.jobs.get(new_job("r2").key)).last == 0


async def test_its_holder_takes_a_job_back_that_was_made_again(
    store: Store, crashing: Crashing
) -> None:
    before = await crashing.snapshot()
    claim = await running(store)
    await append(store, batch(claim, 1, b"a"))
    await crashing.go_back(before)
    await store.jobs.create(new_job())  # the caller's retry was quicker
    assert await reclaim(store, claim)
    assert await append(store, batch(claim, 1, b"a")) == [0]
    assert (await store.jobs.get(claim.job.key)).breaks == ()
    assert await waiting(store) == (0, 0)


async def test_a_cursor_beyond_the_end_may_be_a_lost_one(store: Store, crashing: Crashing) -> None:
    claim = await running(store)
    assert not await store.streams.may_have_lost(claim.job)
    await crashing.go_back(await crashing.snapshot())
    assert await store.streams.may_have_lost(claim.job)  # whoever is the first to ask
    await store.jobs.cancel(claim.job.key)
    assert (await raw(store).hget(names(store, claim.job.key)["job"], "breaks")) is not None


async def test_a_server_that_does_not_say_who_it_is_begins_no_era(open_here: Open) -> None:
    store = open_here()

    async def server() -> str:
        return ""

    store._executor.server = server  # type: ignore[method-assign]
    claim = await running(store)
    await store.jobs.cancel(claim.job.key)
    assert list(await frames(store, claim.job.key)) == [1]


async def test_a_claim_made_again_leaves_the_queue_and_its_counts(
    store: Store, crashing: Crashing
) -> None:
    prefix = store.keys.partitions[0].prefix
    await store.jobs.create(new_job("r1"))
    await store.jobs.create(new_job("r2"))
    before = await crashing.snapshot()
    claim, _ = await store.queue.claim(store.keys.partitions[0], HOLDER, 2)
    await crashing.go_back(before)
    assert await claimed(store) == []
    assert await raw(store).hvals(prefix + "waits") == [b"2"]  # they are held off, and wait
    assert await reclaim(store, claim)
    assert await raw(store).hvals(prefix + "waits") == [b"1"]
    assert await waiting(store) == (1, 0)


@pytest.mark.parametrize("again", [False, True])
async def test_a_large_job_made_again_counts_as_before(
    store: Store, crashing: Crashing, again: bool
) -> None:
    """``again``: its caller had made it again as well, and what counts is counted once."""
    bulk = store.keys.partitions[0].prefix + "bulk"
    await running(store, "other")
    before = await crashing.snapshot()
    new = new_job("r1", body=os.urandom(9000))
    await store.jobs.create(new)
    (claim,) = await store.queue.claim(store.keys.partitions[0], HOLDER, 1)
    was = await raw(store).hgetall(bulk)
    assert was
    await crashing.go_back(before)
    assert await raw(store).hgetall(bulk) == {}
    if again:
        await store.jobs.create(new)
    assert await reclaim(store, claim)
    assert await raw(store).hgetall(bulk) == was
    assert await store.jobs.body(claim.job.key) == new.body
    await append(store, batch(claim, 1, final=JobState.COMPLETED))
    assert await raw(store).hgetall(bulk) == {}


async def test_a_job_whose_keys_were_damaged_is_nobody_s_to_claim_again(store: Store) -> None:
    claim = await running(store)
    stream = names(store, claim.job.key)["stream"]
    await raw(store).sadd(stream, "x")
    assert await append(store, batch(claim, 1, b"a")) == [Verdict.FENCED]
    assert not await reclaim(store, claim)


async def test_of_a_restart_after_the_clock_went_back_jobs_are_held_off_for_a_lease(
    store: Store, crashing: Crashing
) -> None:
    """Tokens stay ahead of the clock by as much as that went back."""
    prefix = store.keys.partitions[0].prefix
    await store.jobs.create(new_job())
    ahead = await now_ms(store) * 1000 + 3_600_000_000
    await raw(store).set(prefix + "fence", ahead)
    await crashing.go_back(await crashing.snapshot())
    assert await claimed(store) == []
    server, began, at = (await raw(store).get(prefix + "era")).split()
    assert int(began) > ahead
    lease = int(store.settings.worker.lease * 1000)
    await raw(store).set(prefix + "era", b"%b %b %d" % (server, began, int(at) - lease))
    assert await claimed(store) == ["r1"]
