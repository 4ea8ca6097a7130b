"""A run that loses its worker, or a store that loses the run's frames."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
import pytest

from broker.errors import StoreAway
from broker.routing import LOST, LOST_MID_STREAM
from broker.store.queue import Claim
from tests.store.samples import HOLDER, frames, names, new_job, raw, running
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
    taken_over,
)
from workers.pen import FramesLost
from workers.providers.base import ProviderFailure


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


# ── Lost by its worker ────────────────────────────────────────────────────────────────────


async def test_a_lost_attempt_is_settled_by_the_next_holder(rig: Rig) -> None:
    hang = Hang()
    claim = await running(rig.store)
    hanging = rig.start(claim, one=Scripted([hang]))
    await hang.reached(rig)
    await lose(rig, claim)
    (again,) = await rig.store.queue.claim(rig.store.keys.partitions[0], "worker-2", 1)
    await rig.run(again, one=Scripted([said("hi")]))
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "lost"), (2, "one", "completed")]
    assert (await rig.told(claim))[1] == (
        "NATIVE",
        '{"number":2,"provider":"one","model":"a","after":{"outcome":"lost","error":null}}',
    )
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert outcomes(await rig.job(claim)) == [(1, "one", "lost"), (2, "one", "completed")]


async def test_a_job_lost_in_mid_stream_fails(rig: Rig) -> None:
    claim = await running(rig.store)
    again = await taken_over(rig, claim, chunk("hi"))
    await rig.run(again, two=Scripted())
    assert (await rig.end(claim)).error == LOST_MID_STREAM
    assert outcomes(await rig.job(claim)) == [(1, "one", "lost")]


async def test_a_job_that_kills_its_workers_is_given_up(rig: Rig) -> None:
    await rig.store.jobs.create(new_job())
    for _ in range(3):
        (claim,) = await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1)
        await lose(rig, claim)
    (claim,) = await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1)
    await rig.run(claim, one=Scripted())
    assert (await rig.end(claim)).error == LOST


# ── Lost by the store ─────────────────────────────────────────────────────────────────────


async def crash(rig: Rig, claim: Claim) -> None:
    """The store's host crashed: the whole log of this stream is gone."""
    keys = names(rig.store, claim.job.key)
    await raw(rig.store).delete(keys["stream"], keys["templates"])
    await raw(rig.store).hset(keys["job"], "last", 0)
    await raw(rig.store).hdel(keys["job"], "attempt:1", "delivered")


async def lose_frames(rig: Rig) -> None:
    await rig.stored()
    rig.hold.pen.end(FramesLost(0))
    keys = names(rig.store, rig.hold.key)
    await raw(rig.store).delete(keys["stream"])
    await raw(rig.store).hset(keys["job"], "last", 0)


async def test_frames_lost_in_mid_stream_fail_the_job() -> None:
    async with open_rig(keep_acknowledged=0.0) as rig:
        claim = await running(rig.store)

        async def crashed() -> None:
            await rig.stored()
            await crash(rig, claim)

        async def lost() -> None:
            with pytest.raises(FramesLost):
                await rig.hold.pen.settled()

        one = Scripted([said("a"), rig.stored, said("b"), crashed, said("c"), lost, said("d")])
        await rig.run(claim, one=one)
        terminal = await rig.end(claim)
        assert terminal.error is not None
        assert (terminal.error.type, terminal.error.retryable) == ("frames_lost", True)
        (number,) = await frames(rig.store, claim.job.key)
        assert number > 2  # both had been used
        assert outcomes(await rig.job(claim)) == [(1, "one", "failed")]
        assert one.open == 0


async def test_a_lost_terminal_is_followed_by_a_failed_one_and_its_fields() -> None:
    async with open_rig(keep_acknowledged=0.0) as rig:
        claim = await running(rig.store)

        async def crashed() -> None:
            await rig.stored()
            await crash(rig, claim)

        await rig.run(claim, one=Scripted([said("a"), rig.stored, said("b"), crashed]))
        terminal = await rig.end(claim)
        assert terminal.error is not None
        assert terminal.error.type == "frames_lost"
        assert outcomes(await rig.job(claim)) == [(1, "one", "completed")]


async def test_no_attempt_begins_over_a_stream_that_is_lost() -> None:
    async with open_rig(keep_acknowledged=0.0) as rig:
        claim = await running(rig.store)
        failed = Scripted(
            [lambda: lose_frames(rig), ProviderFailure(RETRY)], usage={"total_tokens": 9}
        )
        two = Scripted()
        await rig.run(claim, one=failed, two=two)
        assert outcomes(await rig.job(claim)) == [(1, "one", "failed")]
        assert two.calls == []


async def test_a_job_whose_stream_was_lost_can_still_be_taken_away() -> None:
    async with open_rig(keep_acknowledged=0.0) as rig:
        claim = await running(rig.store)
        silent = asyncio.Event()

        async def lost() -> None:
            await lose_frames(rig)
            silent.set()
            await asyncio.Event().wait()

        one = Scripted([lost])
        task = rig.start(claim, one=one)
        await silent.wait()
        await rig.store.jobs.cancel(claim.job.key)
        rig.hold.take_away()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert one.open == 0
        assert outcomes(await rig.job(claim)) == [(1, "one", "cancelled")]


async def test_a_job_that_kills_its_workers_is_ended_before_it_is_looked_into(rig: Rig) -> None:
    """Neither its body nor its stream is touched by then; what it cost is estimated afterwards."""
    claim = await running(rig.store)
    again = await taken_over(rig, claim, chunk("Hello there"))
    deadly = msgspec.structs.replace(again.job, losses=3)
    again = msgspec.structs.replace(again, job=deadly, body=b"[" * 100_000)
    read, ended = rig.store.streams.read, False

    async def after_the_end(*args: Any) -> Any:
        nonlocal ended
        ended = (await rig.job(claim)).state.final
        return await read(*args)

    cast(Any, rig.store.streams).read = after_the_end
    await rig.run(again, two=Scripted())
    assert ended, "the stream was read while the job could still be lost"
    assert (await rig.end(claim)).error == LOST_MID_STREAM
    job = await rig.job(claim)
    (lost,) = job.attempts
    assert lost.usage == job.usage
    assert job.usage == {
        "prompt_tokens": 25_000,
        "completion_tokens": 3,
        "total_tokens": 25_003,
        "estimated": True,
    }
    assert rig.providers.stopped == [1]


async def test_a_job_at_its_limit_ends_even_if_its_stream_can_t_be_read(rig: Rig) -> None:
    claim = await running(rig.store)
    again = await taken_over(rig, claim, chunk("Hello there"))
    again = msgspec.structs.replace(again, job=msgspec.structs.replace(again.job, losses=3))

    async def away(*args: Any) -> Any:
        raise StoreAway()

    read, cast(Any, rig.store.streams).read = rig.store.streams.read, away
    await rig.run(again, two=Scripted())
    cast(Any, rig.store.streams).read = read
    assert (await rig.end(claim)).error == LOST_MID_STREAM
