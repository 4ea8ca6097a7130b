"""A job whose model, dialect or function this worker does not know goes back to the queue."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from broker.model import JobState
from broker.settings import Settings
from broker.store.queue import Claim
from tests.store.samples import HOLDER, running
from tests.unit.generate_rig import Rig, Scripted, open_rig, said
from workers import declining
from workers.pen import Fenced


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(declining, "_FIRST", 0.0)
    monkeypatch.setattr(declining, "_MOST", 3)
    async with open_rig() as rig:
        yield rig


async def again(rig: Rig) -> Claim:
    (claim,) = await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1)
    return claim


async def declined(rig: Rig, claim: Claim) -> None:
    """Run it where nothing is configured."""
    known, rig.settings = rig.settings, Settings()
    with pytest.raises(Fenced):
        await rig.run(claim)
    rig.settings = known


async def test_it_is_handed_back_and_another_runs_it(rig: Rig) -> None:
    claim = await running(rig.store)
    await declined(rig, claim)
    job = await rig.job(claim)
    assert (job.state, job.declined, job.losses, job.attempts) == (JobState.QUEUED, 1, 0, [])
    await rig.run(await again(rig), one=Scripted([said("hi")]))
    job = await rig.job(claim)
    assert job.state is JobState.COMPLETED
    assert [(each.number, each.outcome) for each in job.attempts] == [(1, "completed")]


async def test_nothing_of_it_is_written(rig: Rig) -> None:
    claim = await running(rig.store)
    await declined(rig, claim)
    assert await rig.told(claim) == []
    assert not rig.hold.pen.ours


async def test_a_model_that_nobody_knows_fails_the_job(rig: Rig) -> None:
    claim = await running(rig.store)
    for _ in range(3):
        await declined(rig, claim)
        claim = await again(rig)
    rig.settings = Settings()
    await rig.run(claim)
    error = (await rig.end(claim)).error
    assert error is not None
    assert (error.code, error.status) == ("model_not_found", 404)
    assert (await rig.job(claim)).attempts == []


async def test_a_job_that_has_waited_long_enough_fails(rig: Rig) -> None:
    claim = await running(rig.store)
    late = claim.now_ms + round(rig.settings.worker.queue_timeout * 1000)
    rig.settings = Settings()
    await rig.run(msgspec.structs.replace(claim, now_ms=late))
    error = (await rig.end(claim)).error
    assert error is not None
    assert error.code == "model_not_found"


async def test_a_retry_begins_anew(rig: Rig) -> None:
    claim = await running(rig.store)
    for _ in range(3):
        await declined(rig, claim)
        claim = await again(rig)
    rig.settings = Settings()
    await rig.run(claim)
    await rig.store.jobs.retry(claim.job.key)
    assert (await rig.job(claim)).declined == 0


async def test_it_is_taken_away_while_it_waits(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled by its caller: nothing is handed back, and no attempt is told of."""
    waiting = asyncio.Event()

    def pause_of(_declined: int) -> float:
        waiting.set()
        return 1000.0

    monkeypatch.setattr(declining, "pause_of", pause_of)
    claim = await running(rig.store)
    rig.settings = Settings()
    task = rig.start(claim)
    await waiting.wait()
    await rig.store.jobs.cancel(claim.job.key)
    rig.hold.take_away()
    with pytest.raises(asyncio.CancelledError):
        await task
    job = await rig.job(claim)
    assert (job.state, job.attempts, job.declined) == (JobState.CANCELLED, [], 0)


def test_the_pause_grows() -> None:
    assert [declining.pause_of(times) for times in (0, 1, 2, 19)] == [0.05, 0.1, 0.2, 1.0]
