"""A run among circuit breakers: which targets it calls, which it skips, what it reports."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
import pytest

from broker.model import Failure, JobState
from broker.routing import Target
from broker.settings import Breaker as Limits
from broker.store.breakers import Breaker
from tests.store.samples import BATCH, HOLDER, new_job, raw, rescue, running
from tests.unit.generate_rig import (
    FINAL,
    RETRY,
    Hang,
    Rig,
    Scripted,
    Step,
    chunk,
    open_rig,
    outcomes,
    stop,
)
from workers.pen import Fenced
from workers.providers.base import ProviderFailure

A, B = Target("one", "a"), Target("two", "b")
NEXT = Failure("provider_auth", "Bad key.", remedy="next")
LEAST = 10  # calls before a breaker opens


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


async def opened(rig: Rig, target: Target, *, wait: int = 30_000, due: bool = False) -> None:
    """Open a target's breaker, as this worker hears of it; ``wait`` (ms) is what it heard."""
    await rig.store.breakers.report(str(target), 0, LEAST)
    if due:
        key = f"{rig.store.keys.partitions[0].prefix}breaker:{target}"
        await raw(rig.store).hset(key, "until", 0)
    rig.breakers.on_change(f"open {0 if due else wait} {target}".encode())


async def state(rig: Rig, target: Target) -> Breaker:
    await rig.breakers._report()
    found = {each.name: each for each in await rig.store.breakers.all()}
    return found.get(str(target), Breaker(str(target), "closed"))


def answer() -> list[Any]:
    return [chunk("Hi"), stop()]


# ── Which it calls ─────────────────────────────────────────────────────────────────────


async def test_an_open_target_is_passed_over(rig: Rig) -> None:
    await opened(rig, A)
    claim = await running(rig.store)
    one = Scripted()
    await rig.run(claim, one=one, two=Scripted(answer()))
    assert one.calls == []
    assert outcomes(await rig.job(claim)) == [(1, "two", "completed")]


async def test_it_is_not_called_when_no_other_is_left(rig: Rig) -> None:
    await opened(rig, A)
    claim = await running(rig.store)
    one = Scripted()
    await rig.run(claim, one=one, two=Scripted([ProviderFailure(NEXT)]))
    assert one.calls == []
    assert outcomes(await rig.job(claim)) == [(1, "two", "failed")]
    error = (await rig.end(claim)).error
    assert error is not None
    assert (error.type, error.retryable) == (NEXT.type, True)  # for the other one may come back


async def test_with_all_open_nobody_is_called(rig: Rig) -> None:
    await opened(rig, A, wait=9_000)
    await opened(rig, B, wait=4_000)
    claim = await running(rig.store)
    one, two = Scripted(), Scripted()
    await rig.run(claim, one=one, two=two)
    assert one.calls == two.calls == []
    error = (await rig.end(claim)).error
    assert error is not None
    assert (error.type, error.status, error.retryable) == ("circuit_open", 503, True)
    assert 3 < (error.retry_after or 0) <= 4  # when the first of them is tried
    assert (await rig.job(claim)).attempts == []


async def test_a_batch_job_waits_outside_the_queue_instead(rig: Rig) -> None:
    rig.configure(targets=("one/a",))
    await opened(rig, A, wait=9_000)
    claim = await running(rig.store, options=BATCH)
    one = Scripted()
    with pytest.raises(Fenced):
        await rig.run(claim, one=one)
    assert one.calls == []
    job = await rig.job(claim)
    assert (job.state, job.attempts, job.losses, job.last) == (JobState.QUEUED, [], 0, 0)
    prefix = rig.store.keys.partitions[0].prefix
    assert await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1) == []
    await raw(rig.store).zadd(f"{prefix}parked", {claim.job.key: 0})  # its time is over
    await rescue(rig.store)
    (again,) = await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1)
    assert again.token > claim.token
    rig.breakers.on_change(f"closed 0 {A}".encode())
    await rig.run(again, one=Scripted(answer()))
    assert outcomes(await rig.job(claim)) == [(1, "one", "completed")]


async def test_a_batch_job_waits_with_the_attempts_that_it_has_made(rig: Rig) -> None:
    rig.configure(targets=("one/a",), attempts=2)
    claim = await running(rig.store, options=BATCH)

    async def shut() -> None:
        await opened(rig, A, wait=9_000)

    with pytest.raises(Fenced):
        await rig.run(claim, one=Scripted([shut, ProviderFailure(RETRY)]))
    job = await rig.job(claim)
    assert (job.state, outcomes(job)) == (JobState.QUEUED, [(1, "one", "failed")])
    await raw(rig.store).zadd(f"{rig.store.keys.partitions[0].prefix}parked", {job.key: 0})
    await rescue(rig.store)
    (again,) = await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1)
    rig.breakers.on_change(f"closed 0 {A}".encode())
    await rig.run(again, one=Scripted([ProviderFailure(RETRY)]))
    assert outcomes(await rig.job(claim)) == [(1, "one", "failed"), (2, "one", "failed")]
    assert (await rig.job(claim)).state is JobState.FAILED  # both of its attempts


async def test_a_batch_job_that_has_waited_for_long_fails(rig: Rig) -> None:
    rig.configure(targets=("one/a",))
    rig.settings = msgspec.structs.replace(rig.settings, breaker=Limits(patience=0.0))
    await opened(rig, A, wait=9_000)
    claim = await running(rig.store, options=BATCH)
    await rig.run(claim, one=Scripted())
    error = (await rig.end(claim)).error
    assert error is not None
    assert error.type == "circuit_open"


async def test_a_parked_job_ends_by_its_deadline_and_by_a_cancel(rig: Rig) -> None:
    rig.configure(targets=("one/a",))
    await opened(rig, A, wait=9_000)
    parked = []
    for key, options in (("late", BATCH), ("cancelled", BATCH)):
        deadline = 5.0 if key == "late" else None
        claim = await running(rig.store, key, options=options, deadline=deadline)
        with pytest.raises(Fenced):
            await rig.run(claim, one=Scripted())
        parked.append(claim)
    late, cancelled = parked
    prefix = rig.store.keys.partitions[0].prefix
    await raw(rig.store).hset(f"{prefix}job:{late.job.key}", "deadline", 1)
    await raw(rig.store).zadd(f"{prefix}due", {late.job.key: 1})
    await rig.store.jobs.cancel(cancelled.job.key)
    await raw(rig.store).zadd(f"{prefix}parked", {cancelled.job.key: 0, late.job.key: 0})
    await rescue(rig.store)
    assert (await rig.job(late)).state is JobState.FAILED
    assert (await rig.job(cancelled)).state is JobState.CANCELLED
    assert await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 2) == []
    assert await raw(rig.store).zcard(f"{prefix}parked") == 0


async def test_a_trial_that_is_due_is_made_and_closes_the_breaker(rig: Rig) -> None:
    await opened(rig, A, due=True)
    claim = await running(rig.store)
    await rig.run(claim, one=Scripted(answer()), two=Scripted())
    assert outcomes(await rig.job(claim)) == [(1, "one", "completed")]
    assert (await state(rig, A)).state == "closed"


async def test_a_trial_that_another_makes_leaves_the_next_target(rig: Rig) -> None:
    await opened(rig, A, due=True)
    granted, _ = await rig.store.breakers.trial(str(A))
    assert granted
    claim = await running(rig.store)
    one = Scripted()
    await rig.run(claim, one=one, two=Scripted(answer()))
    assert one.calls == []
    assert (await state(rig, A)).state == "half-open"


async def test_a_lone_target_is_not_called_while_another_makes_its_trial(rig: Rig) -> None:
    rig.configure(targets=("one/a",))
    await opened(rig, A, due=True)
    await rig.store.breakers.trial(str(A))
    claim = await running(rig.store)
    one = Scripted()
    await rig.run(claim, one=one)
    assert one.calls == []
    error = (await rig.end(claim)).error
    assert error is not None
    assert error.type == "circuit_open"
    assert (await state(rig, A)).state == "half-open"


async def test_what_failed_is_counted_before_it_is_tried_again(rig: Rig) -> None:
    """The attempt that opens the breaker is the last, whatever attempts the job has left."""
    rig.configure(targets=("one/a",), attempts=99)
    task = asyncio.create_task(rig.breakers.run())
    claim = await running(rig.store)
    failing: list[Step] = [ProviderFailure(RETRY)]
    one = Scripted(*(failing for _ in range(99)))
    await rig.run(claim, one=one)
    task.cancel()
    assert len(one.calls) == LEAST
    error = (await rig.end(claim)).error
    assert error is not None
    assert error.type == RETRY.type
    assert 0 < (error.retry_after or 0) <= 10  # when the target is tried again


async def test_the_same_call_tries_again_under_its_key(rig: Rig) -> None:
    rig.configure(targets=("one/a",))
    await opened(rig, A, wait=9_000)
    first = new_job("k")
    claim = await running(rig.store, "k")
    await rig.run(claim, one=Scripted())
    found = await rig.store.jobs.create(first)
    assert (found.created, found.again) == (False, True)
    await rig.store.jobs.retry(first.key)
    assert not (await rig.store.jobs.create(first)).again  # it is queued now
    rig.breakers.on_change(f"closed 0 {A}".encode())
    (again,) = await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1)
    await rig.run(again, one=Scripted([ProviderFailure(FINAL)]))
    assert not (await rig.store.jobs.create(first)).again  # this failure is an answer


async def test_a_failed_trial_shuts_the_target_again(rig: Rig) -> None:
    await opened(rig, A, due=True)
    claim = await running(rig.store)
    one, two = Scripted([ProviderFailure(RETRY)]), Scripted(answer())
    await rig.run(claim, one=one, two=two)
    assert outcomes(await rig.job(claim)) == [(1, "one", "failed"), (2, "two", "completed")]
    assert (await state(rig, A)).state == "open"
    assert A in rig.breakers.shut([A])


async def test_the_first_word_of_a_trial_lets_others_call(rig: Rig) -> None:
    await opened(rig, A, due=True)
    claim = await running(rig.store)
    hang = Hang()
    task = rig.start(claim, one=Scripted([chunk("Hi"), hang, stop()]))
    await hang.reached(rig)
    assert (await state(rig, A)).state == "closed"
    hang.over.set()
    await task


# ── What it reports ────────────────────────────────────────────────────────────────────


async def test_each_call_is_counted_for_its_own_target(rig: Rig) -> None:
    claim = await running(rig.store)
    await rig.run(claim, one=Scripted([ProviderFailure(RETRY)]), two=Scripted(answer()))
    for target, counts in ((A, (0, 1)), (B, (1, 0))):
        breaker = await state(rig, target)
        assert (breaker.good, breaker.bad) == counts


async def test_a_call_that_is_itself_at_fault_speaks_well_of_its_target(rig: Rig) -> None:
    claim = await running(rig.store)
    await rig.run(claim, one=Scripted([ProviderFailure(FINAL)]))
    breaker = await state(rig, A)
    assert (breaker.good, breaker.bad) == (1, 0)


async def test_an_answer_cut_off_is_a_failure_and_nothing_else(rig: Rig) -> None:
    claim = await running(rig.store)
    await rig.run(claim, one=Scripted([chunk("Hel"), ProviderFailure(RETRY)]))
    breaker = await state(rig, A)
    assert (breaker.good, breaker.bad) == (0, 1)


async def cancelled(rig: Rig, *steps: Any) -> None:
    """A run that is cancelled after these steps of its first target."""
    claim = await running(rig.store)
    hang = Hang()
    task = rig.start(claim, one=Scripted([*steps, hang]))
    await hang.reached(rig)
    await rig.store.jobs.cancel(claim.job.key)
    rig.hold.take_away()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("steps", [[], [chunk("Hel")]])
async def test_a_cancelled_call_counts_nothing(rig: Rig, steps: list[Any]) -> None:
    await cancelled(rig, *steps)
    breaker = await state(rig, A)
    assert (breaker.good, breaker.bad) == (0, 0)


async def test_a_cancelled_trial_leaves_the_trial_to_another(rig: Rig) -> None:
    await opened(rig, A, due=True)
    await cancelled(rig)
    assert (await state(rig, A)).state == "open"
    assert (await rig.store.breakers.trial(str(A)))[0]


async def test_a_trial_whose_attempt_never_began_is_left_to_another(rig: Rig) -> None:
    """The job was taken away while the store was asked for the trial."""
    await opened(rig, A, due=True)
    claim = await running(rig.store)
    trial = rig.store.breakers.trial

    async def taken(name: str) -> Any:
        found = await trial(name)
        await rig.store.jobs.cancel(claim.job.key)
        rig.hold.pen.end(Fenced())
        return found

    cast(Any, rig.store.breakers).trial = taken
    one = Scripted()
    await asyncio.gather(rig.start(claim, one=one), return_exceptions=True)
    assert one.calls == []
    assert (await state(rig, A)).state == "open"
    assert (await trial(str(A)))[0]
