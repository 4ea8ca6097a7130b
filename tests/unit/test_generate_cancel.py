"""A job that is taken away from its run: what is stopped, and how its attempt is settled."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
import pytest

from broker.model import JobState
from tests.store.samples import HOLDER, running
from tests.unit.generate_rig import (
    RETRY,
    Hang,
    Rig,
    Scripted,
    chunk,
    lose,
    open_rig,
    outcomes,
    said,
    stop,
)
from workers import closing
from workers.providers.base import ProviderFailure


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


async def test_a_cancelled_job_settles_its_attempt(rig: Rig) -> None:
    hang = Hang()
    claim = await running(rig.store)
    one = Scripted([said("hi"), hang], usage={"total_tokens": 1})
    task = rig.start(claim, one=one)
    await hang.reached(rig)
    await rig.store.jobs.cancel(claim.job.key)
    rig.hold.take_away()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert one.open == 0
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "cancelled")]
    assert job.attempts[0].usage == {"total_tokens": 1}
    assert job.state is JobState.CANCELLED


async def test_settling_is_not_cut_short_by_hearing_of_the_loss_again(rig: Rig) -> None:
    hang, slow = Hang(), Hang()
    claim = await running(rig.store)
    task = rig.start(claim, one=Scripted([hang]))
    await hang.reached(rig)
    await rig.store.jobs.cancel(claim.job.key)
    settle = rig.store.jobs.settle

    async def held(*args: Any, **options: Any) -> None:
        await slow()
        await settle(*args, **options)

    cast(Any, rig.store.jobs).settle = held
    rig.hold.take_away()
    await slow.here.wait()
    rig.hold.take_away()  # the renewal sees it as well
    slow.over.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outcomes(await rig.job(claim)) == [(1, "one", "cancelled")]


async def test_a_job_cancelled_between_attempts_settles_the_failed_one() -> None:
    async with open_rig(backoff=600.0) as rig:
        rig.settings = msgspec.structs.replace(
            rig.settings,
            routes={"m": msgspec.structs.replace(rig.settings.routes["m"], targets=("one/a",))},
        )
        claim = await running(rig.store)
        failed = asyncio.Event()

        async def fail() -> None:
            failed.set()
            raise ProviderFailure(RETRY)

        task = rig.start(claim, one=Scripted([fail]))
        await failed.wait()
        await rig.stored()
        await rig.store.jobs.cancel(claim.job.key)
        rig.hold.take_away()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert outcomes(await rig.job(claim)) == [(1, "one", "failed")]


async def test_an_answer_that_cancel_overtook_is_settled_as_it_ended(rig: Rig) -> None:
    claim = await running(rig.store)

    async def cancelled() -> None:
        await rig.stored()
        await rig.store.jobs.cancel(claim.job.key)

    task = rig.start(claim, one=Scripted([said("hi"), cancelled]))
    with pytest.raises(asyncio.CancelledError):
        await task  # the terminal was fenced
    job = await rig.job(claim)
    assert (job.state, outcomes(job)) == (JobState.CANCELLED, [(1, "one", "completed")])


async def test_a_job_that_goes_on_elsewhere_is_not_ours_to_settle(rig: Rig) -> None:
    hang = Hang()
    claim = await running(rig.store)
    task = rig.start(claim, one=Scripted([hang]))
    await hang.reached(rig)
    await rig.store.queue.release(
        rig.store.keys.partitions[0], HOLDER, [rig.hold.leave()], leaving=True
    )
    rig.hold.take_away()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outcomes(await rig.job(claim)) == [(1, "one", "handed_over")]


async def test_what_was_paid_for_nothing_is_recorded_once_the_job_has_ended(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off from the store while its call ran to the end, and the job was another's by then."""
    monkeypatch.setattr(closing, "_LATER", 0.0)
    claim = await running(rig.store)
    paid = {"total_tokens": 7}
    append, called, cut_off = rig.store.streams.append, asyncio.Event(), asyncio.Event()

    async def held(*args: Any) -> list[int]:
        called.set()
        await cut_off.wait()
        return await append(*args)

    monkeypatch.setattr(rig.store.streams, "append", held)
    task = rig.start(claim, one=Scripted([chunk("hi"), stop()], usage=paid))
    await called.wait()
    for _ in range(50):  # to the call's end
        await asyncio.sleep(0)
    assert rig.hold.pen.final
    await lose(rig, claim)
    (again,) = await rig.store.queue.claim(rig.store.keys.partitions[0], "worker-2", 1)
    cut_off.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outcomes(await rig.job(claim)) == [(1, "", "lost")]  # it goes on, and is not ours
    second = Scripted([chunk("hi"), stop()], usage={"total_tokens": 5})
    await rig.run(again, one=second)
    await asyncio.gather(*closing._LATE)
    job = await rig.job(claim)
    assert (job.state, outcomes(job)) == (
        JobState.COMPLETED,
        [(1, "one", "lost"), (2, "one", "completed")],
    )
    assert job.attempts[0].usage == paid
    assert job.usage == {"total_tokens": 12}
    assert len([kind for kind, _ in await rig.told(claim) if kind == "NATIVE"]) == 1


async def test_a_fenced_job_stops_its_call(rig: Rig) -> None:
    hang = Hang()
    claim = await running(rig.store)
    one = Scripted([said("hi"), hang, said("there"), Hang()])
    task = rig.start(claim, one=one)
    await hang.reached(rig)
    await rig.store.jobs.cancel(claim.job.key)
    hang.over.set()  # the next frame meets another token
    with pytest.raises(asyncio.CancelledError):
        await task
    assert one.open == 0
    assert [kind for kind, _ in await rig.told(claim)] == ["NATIVE", "DIALECT", "TERMINAL"]


@pytest.mark.parametrize(("steps", "tokens"), [([], 0), ([chunk("Hello there")], 3)])
async def test_a_cancelled_attempt_is_estimated(rig: Rig, steps: list[Any], tokens: int) -> None:
    hang = Hang()
    claim = await running(rig.store)
    task = rig.start(claim, one=Scripted([*steps, hang]))
    await hang.reached(rig)
    await rig.store.jobs.cancel(claim.job.key)
    rig.hold.take_away()
    with pytest.raises(asyncio.CancelledError):
        await task
    (attempt,) = (await rig.job(claim)).attempts
    assert attempt.outcome == "cancelled"
    assert attempt.usage == {
        "prompt_tokens": 1,
        "completion_tokens": tokens,
        "total_tokens": 1 + tokens,
        "estimated": True,
    }
