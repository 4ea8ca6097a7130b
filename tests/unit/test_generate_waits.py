"""A run whose provider says when to come again, or had closed the connection: whom it calls."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from broker.model import Failure, JobState, Options
from tests.store.samples import running
from tests.unit.generate_rig import Rig, Scripted, Step, chunk, open_rig, outcomes, stop
from workers.pen import Fenced
from workers.providers import failures
from workers.providers.base import ProviderFailure


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig(backoff=0.0) as rig:
        yield rig


def asks(wait: float) -> list[Step]:
    failure = Failure(
        "rate_limit_exceeded",
        "Too many.",
        status=429,
        provider_status=429,
        retryable=True,
        retry_after=wait,
    )
    return [ProviderFailure(failure)]


def answer() -> list[Step]:
    return [chunk("Hi"), stop()]


KEPT: list[Step] = [ProviderFailure(failures.kept_connection())]
FELL: list[Step] = [ProviderFailure(Failure("provider_error", "No."))]


async def test_a_sole_target_that_asks_for_long_is_called_once(rig: Rig) -> None:
    rig.configure(targets=("one/a",), retries=5)
    claim = await running(rig.store)
    one = Scripted(asks(3600.0), answer())
    await asyncio.wait_for(rig.run(claim, one=one), 5)
    error = (await rig.end(claim)).error
    assert error is not None
    assert (error.type, error.status, error.retry_after) == ("rate_limit_exceeded", 429, 3600.0)
    assert (error.retryable, len(one.calls)) == (True, 1)


async def test_the_next_target_has_its_turn_at_once_and_the_first_no_other(rig: Rig) -> None:
    rig.configure(retries=1)
    claim = await running(rig.store)
    one, two = Scripted(asks(3600.0)), Scripted(FELL, FELL, FELL)
    await asyncio.wait_for(rig.run(claim, one=one, two=two), 5)
    assert [each[1] for each in outcomes(await rig.job(claim))] == ["one", *["two"] * 3]


async def test_a_short_wait_is_waited(rig: Rig) -> None:
    rig.configure(targets=("one/a",))
    claim = await running(rig.store)
    one, started = Scripted(asks(0.2), answer()), time.monotonic()
    await rig.run(claim, one=one)
    assert time.monotonic() - started >= 0.2
    assert (await rig.job(claim)).state is JobState.COMPLETED


async def test_a_wait_beyond_the_deadline_is_not_begun(rig: Rig) -> None:
    rig.configure(targets=("one/a",))
    claim = await running(rig.store, deadline=4.0)
    started = time.monotonic()
    await rig.run(claim, one=Scripted(asks(8.0)))
    assert time.monotonic() - started < 2
    error = (await rig.end(claim)).error
    assert error is not None
    assert (error.type, error.retry_after) == ("rate_limit_exceeded", 8.0)


async def test_a_batch_job_waits_outside_the_queue(rig: Rig) -> None:
    rig.configure(targets=("one/a",))
    claim = await running(rig.store, options=Options(priority="batch"))
    one = Scripted(asks(3600.0))
    with pytest.raises(Fenced):
        await rig.run(claim, one=one)
    job = await rig.job(claim)
    assert (job.state, outcomes(job)) == (JobState.QUEUED, [(1, "one", "failed")])


async def test_a_call_over_a_kept_connection_that_had_ended_is_made_anew(rig: Rig) -> None:
    """Whatever the route allows: the provider was not asked."""
    rig.configure(attempts=1)
    claim = await running(rig.store)
    one, two = Scripted(KEPT, answer()), Scripted()
    await rig.run(claim, one=one, two=two)
    assert outcomes(await rig.job(claim)) == [(1, "one", "failed"), (2, "one", "completed")]
    assert [call.anew for call in one.calls] == [False, True]


async def test_once(rig: Rig) -> None:
    """The second is no kept connection, whatever it says."""
    rig.configure(targets=("one/a",), attempts=1)
    claim = await running(rig.store)
    one = Scripted(KEPT, KEPT)
    await rig.run(claim, one=one)
    assert (await rig.end(claim)).state is JobState.FAILED
    assert len(one.calls) == 2


async def test_a_new_connection_is_taken_once(rig: Rig) -> None:
    rig.configure(targets=("one/a",), attempts=2)
    claim = await running(rig.store)
    one = Scripted(KEPT, FELL, answer())
    await rig.run(claim, one=one)
    assert [call.anew for call in one.calls] == [False, True, False]


@pytest.mark.parametrize("resumes", [(), ("one",)])
async def test_no_breaker_counts_it(rig: Rig, resumes: tuple[str, ...]) -> None:
    assert failures.word_of(failures.kept_connection()) == "nothing"
    rig.configure(targets=("one/a",), resumes=resumes)
    for number in range(30):
        claim = await running(rig.store, f"k{number}")
        await rig.run(claim, one=Scripted(KEPT, answer()))
        assert (await rig.job(claim)).state is JobState.COMPLETED
    assert all(bad == 0 for _, bad in rig.breakers._counts.values())
