"""Jobs over every store: create, get, cancel, delete, retry."""

import asyncio

import pytest

from broker.errors import JobGone, JobNotFound, NotRetriable, RequestIdReused
from broker.frames import Frame, Kind, parse_message
from broker.model import Attempt, JobState, job_key
from broker.store import Store
from broker.store.jobs import CANCELLED
from broker.store.record import attempt_field
from broker.store.streams import Verdict
from tests.store.conftest import Open
from tests.store.samples import (
    HOLDER,
    append,
    arm,
    batch,
    expire,
    frames,
    left,
    listening,
    names,
    new_job,
    raw,
    rescue,
    running,
    terminal,
    waiting,
)

KEY = job_key("acme", "r1")


async def test_a_new_job_is_queued_with_all_that_was_given(store: Store) -> None:
    assert (await store.jobs.create(new_job(metadata={"team": "ml", "n": [1, None]}))).created
    job = await store.jobs.get(KEY)
    assert (job.account, job.request_id, job.dialect, job.model) == ("acme", "r1", "chat", "m")
    assert job.metadata == {"team": "ml", "n": [1, None]}
    assert (job.state, job.last, job.claims, job.delivered) == (JobState.QUEUED, 0, 0, False)
    assert job.created_ms > 0
    assert (job.started_ms, job.ended_ms, job.error) == (None, None, None)
    assert await waiting(store) == (1, 1)


async def test_the_same_request_again_is_the_same_job(store: Store) -> None:
    assert (await store.jobs.create(new_job())).created
    assert not (await store.jobs.create(new_job())).created
    assert await waiting(store) == (1, 1)


async def test_an_ended_job_is_attached_to_as_well(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: a", final=JobState.COMPLETED))
    assert not (await store.jobs.create(new_job())).created
    assert (await store.jobs.get(KEY)).state is JobState.COMPLETED


async def test_another_request_under_the_id_is_refused(store: Store) -> None:
    await store.jobs.create(new_job())
    with pytest.raises(RequestIdReused):
        await store.jobs.create(new_job(body=b'{"model":"other"}'))


async def test_accounts_have_request_ids_of_their_own(store: Store) -> None:
    assert (await store.jobs.create(new_job(account="acme"))).created
    assert (await store.jobs.create(new_job(account="bolt", body=b'{"model":"other"}'))).created


async def test_one_job_of_many_creations_at_the_same_instant(open_here: Open) -> None:
    one, two = open_here(), open_here()
    made = await asyncio.gather(
        *(store.jobs.create(new_job()) for _ in range(10) for store in (one, two))
    )
    assert sorted(each.created for each in made) == [False] * 19 + [True]
    assert await waiting(one) == (1, 1)


async def test_a_new_job_begins_at_one_though_an_old_stream_was_left(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: old", final=JobState.COMPLETED))
    await raw(store).delete(names(store, KEY)["job"])  # as if its ttl were the shorter one
    claim = await running(store)
    assert await append(store, batch(claim, 1, b"data: new")) == [Verdict.APPENDED]
    assert await frames(store, KEY) == {1: Frame(Kind.DIALECT, b"data: new")}


async def test_what_never_was_is_not_found(store: Store) -> None:
    for call in (store.jobs.get, store.jobs.cancel, store.jobs.delete, store.jobs.retry):
        with pytest.raises(JobNotFound):
            await call("nothing")


async def test_cancel_of_a_queued_job(store: Store) -> None:
    await store.jobs.create(new_job())
    async with listening(store, store.keys.channel(KEY)) as heard:
        assert await store.jobs.cancel(KEY) is JobState.CANCELLED
        message = parse_message(await heard())
    job = await store.jobs.get(KEY)
    assert (job.state, job.last, job.error) == (JobState.CANCELLED, 1, CANCELLED)
    assert job.ended_ms is not None
    (frame,) = (await frames(store, KEY)).values()
    assert frame.kind == Kind.TERMINAL
    assert (message.first, message.last) == (1, 1)
    assert message.payload.endswith(frame.body)
    assert await waiting(store) == (0, 0), "a wake token without a job wakes for nothing"


async def test_cancel_keeps_the_wake_tokens_of_the_others(store: Store) -> None:
    for name in ("r1", "r2", "r3"):
        await store.jobs.create(new_job(name))
    await store.jobs.cancel(job_key("acme", "r2"))
    assert await waiting(store) == (2, 2)


async def test_cancel_of_a_running_job_fences_and_tells_its_holder(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: a"))
    async with listening(store, store.keys.control_prefix + HOLDER) as heard:
        assert await store.jobs.cancel(KEY) is JobState.CANCELLED
        assert await heard() == KEY.encode()
    assert await append(store, batch(claim, 2, b"data: b")) == [Verdict.FENCED]
    assert await append(store, batch(claim, 1, b"data: a")) == [Verdict.FENCED]
    assert await store.leases.renew(store.keys.partition(KEY), HOLDER, [(KEY, claim.token)]) == [
        False
    ]
    assert [frame.kind for frame in (await frames(store, KEY)).values()] == [0, Kind.TERMINAL]
    body = names(store, KEY)["body"]
    assert await left(store, body) > 0, "whoever settles the attempt needs it to estimate"
    await store.jobs.settle(KEY, [])
    assert await left(store, body) == -2


async def test_cancel_leaves_a_final_state_alone(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, final=JobState.COMPLETED))
    assert await store.jobs.cancel(KEY) is JobState.COMPLETED
    assert await frames(store, KEY) == {1: terminal(JobState.COMPLETED)}


async def test_cancel_twice_is_one_terminal(store: Store) -> None:
    await store.jobs.create(new_job())
    assert await store.jobs.cancel(KEY) is JobState.CANCELLED
    assert await store.jobs.cancel(KEY) is JobState.CANCELLED
    assert len(await frames(store, KEY)) == 1


async def test_delete_leaves_a_tombstone_only(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, b"data: a", definitions=((0, b"\x01x"),)))
    await store.jobs.delete(KEY)
    for call in (store.jobs.get, store.jobs.cancel, store.jobs.delete, store.jobs.retry):
        with pytest.raises(JobGone):
            await call(KEY)
    with pytest.raises(JobGone):
        await store.jobs.create(new_job())
    with pytest.raises(JobGone):
        await store.streams.read(KEY, 0, 10)
    assert await append(store, batch(claim, 2, b"data: b")) == [Verdict.FENCED]
    kept = {kind: await left(store, name) for kind, name in names(store, KEY).items()}
    assert kept.pop("job") > 0
    assert set(kept.values()) == {-2}


async def test_the_tombstone_stands_as_long_as_the_record_would(store: Store) -> None:
    await store.jobs.create(new_job())
    await store.jobs.cancel(KEY)
    await raw(store).pexpire(names(store, KEY)["job"], 50_000)
    await store.jobs.delete(KEY)
    assert 0 < await left(store, names(store, KEY)["job"]) <= 50_000


async def test_delete_of_a_queued_job_takes_it_out_of_the_queue(store: Store) -> None:
    await store.jobs.create(new_job())
    await store.jobs.delete(KEY)
    assert await waiting(store) == (0, 0)
    assert await store.queue.claim(store.keys.partition(KEY), HOLDER, 1) == []


async def test_delete_and_retry_at_once_end_in_a_tombstone(open_here: Open) -> None:
    one, two = open_here(), open_here()
    for n in range(10):
        claim = await running(one, f"r{n}")
        await append(one, batch(claim, 1, final=JobState.FAILED))
        key = claim.job.key
        await asyncio.gather(one.jobs.delete(key), two.jobs.retry(key), return_exceptions=True)
        with pytest.raises(JobGone):
            await one.jobs.get(key)


async def test_retry_goes_on_with_the_numbers(store: Store) -> None:
    claim = await running(store)
    attempt = Attempt(number=1, provider="p", model="m", started=1.0)
    first = batch(claim, 1, b"event: attempt\ndata: {}", kind=Kind.NATIVE, final=JobState.FAILED)
    await append(store, first)
    await raw(store).hset(names(store, KEY)["job"], *attempt_field(attempt))
    await store.jobs.retry(KEY)
    job = await store.jobs.get(KEY)
    assert (job.state, job.last, job.spent) == (JobState.QUEUED, 2, 1)
    assert (job.started_ms, job.ended_ms, job.error) == (None, None, None)
    assert await frames(store, KEY) == {}
    assert {kind: await left(store, name) for kind, name in names(store, KEY).items()} == {
        "job": -1,
        "body": -1,
        "stream": -2,
        "ended": -2,
        "templates": -2,
    }
    (again,) = await store.queue.claim(store.keys.partition(KEY), HOLDER, 1)
    assert again.token > claim.token
    assert again.body == new_job().body
    assert await append(store, first) == [Verdict.FENCED]
    assert await append(store, batch(again, 3, b"data: a", final=JobState.COMPLETED)) == [0]
    assert await frames(store, KEY) == {
        3: Frame(Kind.DIALECT, b"data: a"),
        4: terminal(JobState.COMPLETED),
    }
    assert await waiting(store) == (0, 0)


async def test_retry_after_a_queue_deadline(open_here: Open) -> None:
    store = open_here(queue_timeout=0.001)
    await store.jobs.create(new_job())
    await raw(store).zadd(store.keys.partitions[0].prefix + "due", {KEY: 0})
    assert (await rescue(store)).timed_out == [KEY]
    await store.jobs.retry(KEY)
    assert (await store.jobs.get(KEY)).state is JobState.QUEUED
    assert await waiting(store) == (1, 1)


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.CANCELLED, JobState.FAILED])
async def test_what_was_delivered_or_is_not_failed_is_not_retried(
    store: Store, state: JobState
) -> None:
    claim = await running(store)
    with pytest.raises(NotRetriable, match="running"):
        await store.jobs.retry(KEY)
    await append(store, batch(claim, 1, b"data: a", final=state))
    with pytest.raises(NotRetriable, match=state):
        await store.jobs.retry(KEY)


async def test_no_retry_without_the_request(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, final=JobState.FAILED))
    await raw(store).delete(names(store, KEY)["body"])
    with pytest.raises(NotRetriable):
        await store.jobs.retry(KEY)
    assert (await store.jobs.get(KEY)).state is JobState.FAILED


async def test_a_retried_job_can_be_rescued_and_cancelled(store: Store) -> None:
    claim = await running(store)
    await append(store, batch(claim, 1, final=JobState.FAILED))
    await store.jobs.retry(KEY)
    await store.queue.claim(store.keys.partition(KEY), HOLDER, 1)
    await arm(store)
    await expire(store, KEY)
    assert (await rescue(store)).rescued == [KEY]
    assert await store.jobs.cancel(KEY) is JobState.CANCELLED
    assert list(await frames(store, KEY)) == [2]
