"""Claims that called, perhaps, and never told: what the record says of them, over every store."""

import msgspec
import pytest

from broker.model import Attempt, Job, JobState, job_key
from broker.store import Store
from broker.store.queue import Claim, Released
from broker.store.record import CALLING_TOLD, attempt_field
from tests.store.samples import (
    HOLDER,
    append,
    arm,
    batch,
    expire,
    names,
    new_job,
    raw,
    rescue,
    running,
)

KEY = job_key("acme", "r1")


def attempt(number: int, outcome: str | None = None) -> Attempt:
    return Attempt(number=number, provider="p", model="m", started=1.0, outcome=outcome)


async def claim(store: Store) -> Claim:
    (claimed,) = await store.queue.claim(store.keys.partitions[0], HOLDER, 1)
    return claimed


async def tell(store: Store, claimed: Claim, *told: Attempt) -> None:
    """The holder's next frame, which carries these attempts."""
    sent = batch(claimed, claimed.job.last + 1, b"data: a")
    fields = (*sent.fields, *map(attempt_field, told))
    assert await append(store, msgspec.structs.replace(sent, fields=fields)) == [0]


async def lose(store: Store) -> None:
    await arm(store)
    await expire(store, KEY)
    assert (await rescue(store)).rescued == [KEY]


async def calling(store: Store) -> bytes | None:
    found: bytes | None = await raw(store).hget(names(store, KEY)["job"], "calling")
    return found


def shown(job: Job) -> list[tuple[int, str, str | None]]:
    return [(each.number, each.provider, each.outcome) for each in job.attempts]


async def test_nothing_was_called_before_a_claim(store: Store) -> None:
    await store.jobs.create(new_job())
    assert await calling(store) is None
    assert (await store.jobs.get(KEY)).attempts == []


async def test_a_holder_may_still_come_to_tell(store: Store) -> None:
    claimed = await running(store)
    assert await calling(store) == b"1"
    assert claimed.job.attempts == (await store.jobs.get(KEY)).attempts == []


async def test_the_first_attempt_clears_it(store: Store) -> None:
    claimed = await running(store)
    await tell(store, claimed, attempt(1))
    assert await calling(store) == b"0"
    assert shown(await store.jobs.get(KEY)) == [(1, "p", None)]
    await lose(store)
    assert shown(await store.jobs.get(KEY)) == [(1, "p", None)], "it is known: not lost twice"


async def test_every_silent_claim_stands_for_a_lost_attempt(store: Store) -> None:
    await running(store)
    for n in range(1, 4):
        await lose(store)
        job = await store.jobs.get(KEY)
        assert shown(job) == [(number, "", "lost") for number in range(1, n + 1)]
        assert job.attempts[0].started == job.created_ms / 1000
        assert (await claim(store)).job.attempts == job.attempts, "the next holder goes on there"


async def test_silent_claims_come_behind_what_is_known(store: Store) -> None:
    claimed = await running(store)
    await tell(store, claimed, attempt(1, "failed"), attempt(2))
    await lose(store)
    await claim(store)
    await lose(store)
    claimed = await claim(store)
    assert shown(claimed.job) == [(1, "p", "failed"), (2, "p", None), (3, "", "lost")]
    lost = Attempt(3, "", "", 1.0, outcome="lost")
    await tell(store, claimed, attempt(2, "lost"), lost, attempt(4))
    assert shown(await store.jobs.get(KEY)) == [
        (1, "p", "failed"),
        (2, "p", "lost"),
        (3, "", "lost"),
        (4, "p", None),
    ]


@pytest.mark.parametrize("told", [False, True])
async def test_who_hands_over_says_whether_it_called(store: Store, told: bool) -> None:
    claimed = await running(store)
    fields = [CALLING_TOLD] if told else []
    lease = Released(KEY, claimed.token, fields)
    released = store.queue.release(store.keys.partitions[0], HOLDER, [lease], leaving=True)
    assert await released == 1
    assert shown(await store.jobs.get(KEY)) == ([] if told else [(1, "", "lost")])


async def test_a_hand_over_records_the_attempt(store: Store) -> None:
    claimed = await running(store)
    fields = [CALLING_TOLD, attempt_field(attempt(1, "handed_over"))]
    lease = Released(KEY, claimed.token, fields)
    await store.queue.release(store.keys.partitions[0], HOLDER, [lease], leaving=True)
    assert shown((await claim(store)).job) == [(1, "p", "handed_over")]


async def test_who_has_lost_the_job_hands_over_nothing(store: Store) -> None:
    claimed = await running(store)
    await lose(store)
    lease = Released(KEY, claimed.token, [CALLING_TOLD, attempt_field(attempt(1))])
    await store.queue.release(store.keys.partitions[0], HOLDER, [lease], leaving=True)
    assert shown(await store.jobs.get(KEY)) == [(1, "", "lost")]


async def test_a_cancelled_job_is_settled_by_who_had_it(store: Store) -> None:
    await running(store)
    await store.jobs.cancel(KEY)
    assert shown(await store.jobs.get(KEY)) == [(1, "", "lost")]
    usage = ("usage", b'{"total_tokens":3}')
    settled = [CALLING_TOLD, attempt_field(attempt(1, "cancelled")), usage]
    await store.jobs.settle(KEY, settled)
    job = await store.jobs.get(KEY)
    assert shown(job) == [(1, "p", "cancelled")]
    assert (job.state, job.usage) == (JobState.CANCELLED, {"total_tokens": 3})


async def test_a_live_job_is_not_settled_from_outside(store: Store) -> None:
    await running(store)
    await store.jobs.settle(KEY, [CALLING_TOLD, attempt_field(attempt(1))])
    assert await calling(store) == b"1"
    await lose(store)
    await store.jobs.settle(KEY, [CALLING_TOLD])
    assert shown(await store.jobs.get(KEY)) == [(1, "", "lost")]


async def test_nothing_is_settled_where_nothing_is(store: Store) -> None:
    await store.jobs.settle("nothing", [CALLING_TOLD])
    assert await raw(store).exists(names(store, "nothing")["job"]) == 0
    await store.jobs.create(new_job())
    await store.jobs.delete(KEY)
    await store.jobs.settle(KEY, [CALLING_TOLD])
    assert await raw(store).hkeys(names(store, KEY)["job"]) == [b"state"]


async def test_a_retry_counts_silent_claims_as_spent(store: Store) -> None:
    await running(store)
    await lose(store)
    await raw(store).zadd(store.keys.partitions[0].prefix + "due", {KEY: 0})
    assert (await rescue(store)).timed_out == [KEY]
    await store.jobs.retry(KEY)
    claimed = await claim(store)
    assert (claimed.job.spent, shown(claimed.job)) == (1, [(1, "", "lost")])
