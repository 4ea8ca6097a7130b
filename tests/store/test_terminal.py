"""The end of a job over every store: its state, what goes at once, what goes with time."""

import pytest

from broker.frames import Kind
from broker.model import JobState, job_key
from broker.store import Store
from broker.store.streams import Verdict
from tests.store.conftest import Open
from tests.store.samples import (
    TTL_SLACK,
    append,
    arm,
    batch,
    expire,
    frames,
    left,
    names,
    new_job,
    raw,
    rescue,
    running,
)

KEY = job_key("acme", "r1")
FINAL = [JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED]
STREAM_TTL, RECORD_TTL = 3600.0, 7200.0
DEFINITION = (0, b"\x01{\x01}")


def about(milliseconds: int, seconds: float) -> bool:
    return seconds * 1000 - TTL_SLACK < milliseconds <= seconds * 1000


@pytest.fixture
def store(open_here: Open) -> Store:
    return open_here(stream_ttl=STREAM_TTL, record_ttl=RECORD_TTL)


@pytest.mark.parametrize("state", FINAL)
async def test_the_terminal_ends_the_job_in_the_same_step(store: Store, state: JobState) -> None:
    claim = await running(store)
    end = batch(claim, 1, b"data: a", final=state, definitions=(DEFINITION,))
    assert await append(store, end) == [Verdict.APPENDED]
    job = await store.jobs.get(KEY)
    assert (job.state, job.last) == (state, 2)
    assert job.started_ms is not None
    assert job.ended_ms is not None
    assert job.ended_ms >= job.started_ms
    assert [frame.kind for frame in (await frames(store, KEY)).values()] == [0, Kind.TERMINAL]
    remaining = {kind: await left(store, name) for kind, name in names(store, KEY).items()}
    assert (remaining["body"], remaining["stream"]) == (-2, -2)
    assert about(remaining["ended"], STREAM_TTL)
    assert about(remaining["templates"], STREAM_TTL)
    assert about(remaining["job"], RECORD_TTL)


async def test_an_open_job_does_not_expire(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: a", definitions=(DEFINITION,)))
    remaining = {kind: await left(store, name) for kind, name in names(store, KEY).items()}
    assert remaining.pop("ended") == -2
    assert set(remaining.values()) == {-1}


async def test_the_request_of_a_failure_that_delivered_nothing_is_kept(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: {}", kind=Kind.NATIVE, final=JobState.FAILED))
    assert about(await left(store, names(store, KEY)["body"]), STREAM_TTL)


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.CANCELLED])
async def test_no_other_end_keeps_the_request(store: Store, state: JobState) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, final=state))
    assert await left(store, names(store, KEY)["body"]) == -2


@pytest.mark.parametrize("state", FINAL)
async def test_a_request_that_may_be_asked_for_again_stays(store: Store, state: JobState) -> None:
    claim = await running(store, keep=True)
    await append(store, batch(claim, 1, b"data: a", final=state))
    assert (await store.jobs.get(KEY)).keep
    assert about(await left(store, names(store, KEY)["body"]), STREAM_TTL)
    await store.jobs.settle(KEY, ())
    assert about(await left(store, names(store, KEY)["body"]), STREAM_TTL)


async def test_it_stays_once_a_cancelled_job_is_settled(store: Store) -> None:
    await running(store, keep=True)
    await store.jobs.cancel(KEY)
    await store.jobs.settle(KEY, ())
    assert about(await left(store, names(store, KEY)["body"]), STREAM_TTL)


async def test_what_was_delivered_earlier_counts(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: a"))
    await append(store, batch(claim, 2, final=JobState.FAILED))
    assert await left(store, names(store, KEY)["body"]) == -2


async def test_an_ended_job_is_in_no_queue_lease_or_index(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, final=JobState.COMPLETED))
    await store.jobs.create(new_job("r2"))
    await store.jobs.cancel(job_key("acme", "r2"))
    prefix = store.keys.partitions[0].prefix
    for name in ("queue", "due", "leases", "open", "wake", "fair"):
        assert await raw(store).exists(prefix + name) == 0, name
    record = await raw(store).hgetall(names(store, KEY)["job"])
    assert b"holder" not in record


async def test_the_terminal_of_a_queued_job_expires_as_well(store: Store) -> None:
    await store.jobs.create(new_job())
    await store.jobs.cancel(KEY)
    assert about(await left(store, names(store, KEY)["ended"]), STREAM_TTL)
    assert about(await left(store, names(store, KEY)["job"]), RECORD_TTL)


async def test_fields_are_set_with_the_batch_and_only_with_it(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 2, b"data: b"))
    assert not (await store.jobs.get(KEY)).delivered
    await append(store, batch(claim, 1, b"data: a"))
    assert (await store.jobs.get(KEY)).delivered


async def test_a_rescued_job_ends_under_its_next_holder(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: a"))
    await raw(store).hset(names(store, KEY)["job"], "started", 1)
    await arm(store)
    await expire(store, KEY)
    await rescue(store)
    (again,) = await store.queue.claim(store.keys.partition(KEY), "worker-2", 1)
    ends = [batch(holder, 2, final=JobState.COMPLETED) for holder in (claim, again)]
    assert await append(store, *ends) == [Verdict.FENCED, Verdict.APPENDED]
    assert [frame.kind for frame in (await frames(store, KEY)).values()] == [0, Kind.TERMINAL]
    assert (await store.jobs.get(KEY)).started_ms == 1, "it was started once, claimed twice"
