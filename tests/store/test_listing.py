"""Listings over every store: newest first, by page, filtered, over stale rows."""

import base64
from itertools import chain

import pytest

from broker.errors import BadCursor
from broker.model import JobState, job_key
from broker.store import Store
from broker.store.listing import Listed, Wanted
from tests.store.conftest import Open
from tests.store.samples import append, batch, names, new_job, raw, running

START = 4_000_000_000_000  # Unix ms, far ahead: newer than what a test creates besides


async def create(store: Store, count: int, *, account: str = "acme") -> None:
    """``r0`` to ``r{count - 1}``, each created a millisecond after the one before."""
    for n in range(count):
        new = new_job(f"r{n}", account=account)
        assert (await store.jobs.create(new)).created
        await date(store, new.key, START + n, account)


async def date(store: Store, key: str, created_ms: int, account: str = "acme") -> None:
    """As if the job had been created then."""
    partition = store.keys.partition(key)
    await raw(store).hset(partition.job(key), "created", created_ms)
    await raw(store).zadd(partition.account(account), {key: created_ms})


async def create_late(store: Store) -> None:
    """One that is newer than all of ``create``."""
    new = new_job("late")
    assert (await store.jobs.create(new)).created
    await date(store, new.key, START + 1000)


async def pages(store: Store, wanted: Wanted) -> list[list[str]]:
    """The request ids of every page."""
    found: list[list[str]] = []
    after: str | None = None
    while not found or after is not None:
        page = await store.listing.page(wanted, after)
        found.append([job.request_id for job in page.jobs])
        after = page.next
    return found


def requests(newest: int, oldest: int = 0) -> list[str]:
    return [f"r{n}" for n in range(newest, oldest - 1, -1)]


async def test_an_account_without_jobs(store: Store) -> None:
    assert await pages(store, Wanted(account="acme", limit=10)) == [[]]


async def test_newest_first_page_by_page(store: Store) -> None:
    await create(store, 7)
    found = await pages(store, Wanted(account="acme", limit=3))
    assert found == [requests(6, 4), requests(3, 1), requests(0)]


async def test_a_full_last_page_has_no_next(store: Store) -> None:
    await create(store, 4)
    assert await pages(store, Wanted(account="acme", limit=2)) == [requests(3, 2), requests(1)]


async def test_an_account_sees_its_own_jobs_only(store: Store) -> None:
    await create(store, 2)
    await create(store, 3, account="bolt")
    page = await store.listing.page(Wanted(account="bolt", limit=10))
    assert {job.account for job in page.jobs} == {"bolt"}
    assert len(page.jobs) == 3


async def test_jobs_of_one_instant_are_listed_once_each(store: Store) -> None:
    await create(store, 7)
    for n in range(7):
        await date(store, job_key("acme", f"r{n}"), START)
    found = await pages(store, Wanted(account="acme", limit=2))
    assert [len(page) for page in found] == [2, 2, 2, 1]
    assert sorted(chain(*found)) == sorted(requests(6))


async def test_what_is_created_meanwhile_moves_no_page(store: Store) -> None:
    await create(store, 4)
    page = await store.listing.page(Wanted(account="acme", limit=2))
    await create_late(store)
    page = await store.listing.page(Wanted(account="acme", limit=2), page.next)
    assert [job.request_id for job in page.jobs] == requests(1)


async def test_by_time_both_ends_included(store: Store) -> None:
    await create(store, 6)
    found = await pages(
        store, Wanted(account="acme", limit=2, since_ms=START + 1, until_ms=START + 4)
    )
    assert found == [requests(4, 3), requests(2, 1)]


async def test_by_state(store: Store) -> None:
    await create(store, 6)
    for n in (1, 4):
        await store.jobs.cancel(job_key("acme", f"r{n}"))

    def cancelled(job: Listed) -> bool:
        return job.state is JobState.CANCELLED

    found = await pages(store, Wanted(account="acme", limit=1, keep=cancelled))
    assert found == [["r4"], ["r1"]]


async def test_what_a_filter_wants_is_found_behind_many_others(store: Store) -> None:
    await create(store, 230)

    def old(job: Listed) -> bool:
        return job.created_ms < START + 3

    assert await pages(store, Wanted(account="acme", limit=2, keep=old)) == [["r2", "r1"], ["r0"]]


async def test_jobs_that_come_and_go_between_chunks_double_and_hide_nothing(store: Store) -> None:
    await create(store, 150)
    seen: list[str] = []

    def spy(job: Listed) -> bool:
        seen.append(job.request_id)
        return False

    chunk = store.listing._chunk

    async def busy(*args: object) -> object:
        rows = await chunk(*args)  # type: ignore[arg-type]
        if len(rows) == 100:
            await create_late(store)
            for n in (149, 148, 147):
                await store.jobs.delete(job_key("acme", f"r{n}"))
        return rows

    store.listing._chunk = busy  # type: ignore[method-assign, assignment]
    await store.listing.page(Wanted(account="acme", limit=5, keep=spy))
    assert seen == requests(149)


async def test_many_jobs_of_one_instant_are_no_endless_loop(store: Store) -> None:
    await create(store, 220)
    for n in range(220):
        await date(store, job_key("acme", f"r{n}"), START)
    found = await pages(store, Wanted(account="acme", limit=110))
    assert [len(page) for page in found] == [110, 110]
    assert sorted(chain(*found)) == sorted(requests(219))


async def test_rows_of_expired_records_go(store: Store) -> None:
    await create(store, 4)
    await raw(store).delete(names(store, job_key("acme", "r2"))["job"])
    assert await pages(store, Wanted(account="acme", limit=2)) == [["r3", "r1"], ["r0"]]
    assert await raw(store).zcard(store.keys.partitions[0].account("acme")) == 3


async def test_deleted_jobs_are_not_listed(store: Store) -> None:
    await create(store, 3)
    await store.jobs.delete(job_key("acme", "r1"))
    assert await raw(store).zcard(store.keys.partitions[0].account("acme")) == 2
    assert await pages(store, Wanted(account="acme", limit=5)) == [["r2", "r0"]]


async def test_a_row_whose_job_was_deleted_just_now_is_passed_over(store: Store) -> None:
    await create(store, 3)
    key = job_key("acme", "r1")
    await store.jobs.delete(key)
    await raw(store).zadd(store.keys.partitions[0].account("acme"), {key: START + 1})
    assert await pages(store, Wanted(account="acme", limit=5)) == [["r2", "r0"]]


async def test_the_index_forgets_what_is_older_than_any_record(open_here: Open) -> None:
    store = open_here(record_ttl=1000.0)
    await create(store, 2)
    for n in range(2):
        await date(store, job_key("acme", f"r{n}"), 1000)
    for n in range(14):  # it looks at every sixteenth
        await store.jobs.create(new_job(f"new{n}"))
    assert await raw(store).zcard(store.keys.partitions[0].account("acme")) == 14


async def test_over_several_partitions_in_one_order(open_here: Open) -> None:
    store = open_here(partitions=4)
    await create(store, 25)
    found = await pages(store, Wanted(account="acme", limit=10))
    assert found == [requests(24, 15), requests(14, 5), requests(4)]


async def test_listed_jobs_are_whole(store: Store) -> None:
    claim = await running(store, metadata={"a": 1})
    await store.streams.append(
        store.keys.partition(claim.job.key), [batch(claim, 1, b"data: a", final=JobState.COMPLETED)]
    )
    page = await store.listing.page(Wanted(account="acme", limit=5))
    assert page.jobs == [await store.jobs.get(claim.job.key)]


async def test_a_page_ends_when_it_has_enough_in_bytes(store: Store) -> None:
    """A record that is larger than that has a page of its own."""
    await create(store, 6)
    for n, size in ((5, 400_000), (4, 400_000), (3, 400_000), (2, 3_000_000)):
        record = names(store, job_key("acme", f"r{n}"))["job"]
        await raw(store).hset(record, "metadata", '{"a":"%s"}' % ("x" * size))
    found = await pages(store, Wanted(account="acme", limit=5))
    assert found == [["r5", "r4"], ["r3"], ["r2"], ["r1", "r0"]]


async def test_what_is_not_shown_is_not_read(store: Store) -> None:
    await create(store, 3)
    record = names(store, job_key("acme", "r1"))["job"]
    await raw(store).hset(record, "metadata", "no JSON at all")
    found = await pages(store, Wanted(account="acme", limit=5, keep=lambda j: j.model == "other"))
    assert found == [[]]


@pytest.mark.parametrize(
    "text", ["x", "é", "AAAA", base64.urlsafe_b64encode(b"soon:key").decode(), "????"]
)
async def test_a_foreign_cursor_is_refused(store: Store, text: str) -> None:
    with pytest.raises(BadCursor):
        await store.listing.page(Wanted(account="acme", limit=5), text)


async def test_the_index_of_an_account_that_left_goes_away_behind_its_records(store: Store) -> None:
    index = store.keys.partitions[0].account("acme")
    claim = await running(store)
    assert await raw(store).pttl(index) == -1, "an open job is listed however long it takes"
    await append(store, batch(claim, 1, final=JobState.COMPLETED))
    records = store.settings.store.record_ttl * 1000
    assert await raw(store).pttl(index) > 2 * records
    await store.jobs.create(new_job("r2"))
    await store.jobs.cancel(job_key("acme", "r2"))
    assert await raw(store).pttl(index) > 2 * records
