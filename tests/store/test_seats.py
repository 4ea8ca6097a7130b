"""An account's limit over several partitions: exact, whoever asks at once and whoever dies."""

import asyncio

import pytest

from broker.errors import AccountBusy, JobGone, RequestIdReused
from broker.model import JobState, job_key
from broker.store import Store
from broker.store.new_job import Limits, NewJob
from tests.store.conftest import Open
from tests.store.samples import HOLDER, append, batch, new_job, now_ms, raw

PARTITIONS = 8


@pytest.fixture
def store(open_here: Open) -> Store:
    return open_here(partitions=PARTITIONS)


def limited(name: str, most_open: int, **more: object) -> NewJob:
    return new_job(name, most_open=most_open, **more)  # type: ignore[arg-type]


async def seats(store: Store) -> dict[str, str]:
    """Mark of each seat by the job's key."""
    found = await raw(store).hgetall(store.keys.home("acme").seats("acme"))
    return {key.decode(): mark.decode() for key, mark in found.items()}


async def opened(store: Store) -> int:
    """Jobs of the account that are open, as the partitions count them."""
    counts = [await raw(store).hget(p.prefix + "busy", "acme") for p in store.keys.partitions]
    return sum(int(count or 0) for count in counts)


async def fail(store: Store, key: str) -> None:
    claims = await store.queue.claim(store.keys.partition(key), HOLDER, 100)
    (claim,) = (claim for claim in claims if claim.job.key == key)
    await append(store, batch(claim, 1, final=JobState.FAILED))


async def age(store: Store, key: str, ms: int) -> None:
    """Let a seat have been taken so long ago."""
    mark = f"1:{await now_ms(store) - ms}"
    await raw(store).hset(store.keys.home("acme").seats("acme"), key, mark)


@pytest.mark.parametrize("most_open", [1, 2, 8, 9])
async def test_the_limit_is_exact_over_partitions(store: Store, most_open: int) -> None:
    for n in range(most_open):
        assert (await store.jobs.create(limited(f"r{n}", most_open))).created
    for n in range(most_open, 20):
        with pytest.raises(AccountBusy, match=f"may have {most_open}"):
            await store.jobs.create(limited(f"r{n}", most_open))
    assert await opened(store) == most_open
    assert (await store.jobs.create(limited("r1", most_open, account="bolt"))).created


async def test_those_who_ask_at_once_don_t_pass_it(open_here: Open) -> None:
    stores = [open_here(partitions=PARTITIONS) for _ in range(3)]
    calls = [stores[n % 3].jobs.create(limited(f"r{n}", 5)) for n in range(60)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, AccountBusy) for answer in answers) == 55
    assert await opened(stores[0]) == 5


async def test_an_end_makes_room_at_once(store: Store) -> None:
    for n in range(12):  # one after the other
        await store.jobs.create(limited(f"r{n}", 1))
        await store.jobs.cancel(job_key("acme", f"r{n}"))
    assert await opened(store) == 0
    assert len(await seats(store)) == 1


async def test_a_retry_takes_a_seat(store: Store) -> None:
    key = job_key("acme", "r1")
    await store.jobs.create(limited("r1", 1))
    await fail(store, key)
    await store.jobs.create(limited("r2", 1))
    with pytest.raises(AccountBusy):
        await store.jobs.retry(key, Limits(open=1))
    await store.jobs.cancel(job_key("acme", "r2"))
    await store.jobs.retry(key, Limits(open=1))
    assert await opened(store) == 1
    with pytest.raises(AccountBusy):
        await store.jobs.create(limited("r3", 1))


async def test_what_is_there_is_found_however_many_are_open(store: Store) -> None:
    await store.jobs.create(limited("gone", 1))
    await store.jobs.delete(job_key("acme", "gone"))
    await store.jobs.create(limited("r1", 1))
    assert not (await store.jobs.create(limited("r1", 1))).created
    with pytest.raises(RequestIdReused):
        await store.jobs.create(limited("r1", 1, body=b"{}"))
    with pytest.raises(JobGone):
        await store.jobs.create(limited("gone", 1))
    before = list(await seats(store))
    assert before == [job_key("acme", "r1")]


async def test_a_seat_whose_caller_died_is_free_after_a_while(store: Store) -> None:
    await store.jobs._seats.take("acme", "nothing", 1)
    with pytest.raises(AccountBusy):
        await store.jobs.create(limited("r1", 1))
    await age(store, "nothing", 61_000)
    assert (await store.jobs.create(limited("r1", 1))).created


async def test_a_seat_from_before_a_step_of_the_clock_is_free_as_well(store: Store) -> None:
    await store.jobs._seats.take("acme", "nothing", 1)
    await age(store, "nothing", -3_600_000)
    assert (await store.jobs.create(limited("r1", 1))).created


async def test_a_seat_that_was_taken_again_is_not_given_up_for_what_was_seen(store: Store) -> None:
    """Its job was queued again while another looked at its end."""
    seen = await store.jobs._seats.take("acme", "r1", 1)
    assert seen is not None
    again = await store.jobs._seats.take("acme", "r1", 1)
    assert again is not None
    await store.jobs._seats.give_up(seen)
    assert await seats(store) == {"r1": again.mark.decode()}
    await store.jobs._seats.give_up(again)
    assert await seats(store) == {}


async def test_a_job_that_is_refused_for_the_queue_gives_its_seat_up(open_here: Open) -> None:
    store = open_here(partitions=2, max_queued=1)
    results = [
        await asyncio.gather(store.jobs.create(limited(f"r{n}", 9)), return_exceptions=True)
        for n in range(9)
    ]
    created = sum(not isinstance(result, Exception) for (result,) in results)
    assert created == await opened(store) == len(await seats(store)) == 2


async def test_a_job_is_not_created_on_a_seat_that_may_be_another_s_by_now(store: Store) -> None:
    seat = await store.jobs._seats.take("acme", new_job("r1").key, 1)
    assert seat is not None
    late = seat._replace(until_ms=1)
    assert await store.jobs._create(limited("r1", 1), late, None) == [b"seat-lapsed"]
    assert await opened(store) == 0


async def test_an_account_without_a_limit_takes_none(store: Store) -> None:
    await store.jobs.create(new_job("r1"))
    assert await raw(store).exists(store.keys.home("acme").seats("acme")) == 0


async def test_the_seats_of_an_account_that_left_expire(store: Store) -> None:
    await store.jobs.create(limited("r1", 1))
    assert await raw(store).pttl(store.keys.home("acme").seats("acme")) > 0


async def test_one_partition_counts_by_itself(open_here: Open) -> None:
    one = open_here(partitions=1)
    await one.jobs.create(limited("r1", 1))
    assert await raw(one).exists(one.keys.home("acme").seats("acme")) == 0
