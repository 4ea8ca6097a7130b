"""One job from its claim to its terminal: answers, attempts, failures."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from broker.frames import Kind
from broker.model import JobState, Terminal
from tests.store.samples import HOLDER, names, new_job, raw, running
from tests.unit.generate_rig import (
    FINAL,
    RETRY,
    Rig,
    Scripted,
    chunk,
    open_rig,
    outcomes,
    said,
)
from workers.providers.base import ProviderFailure


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


async def test_a_whole_answer(rig: Rig) -> None:
    claim = await running(rig.store)
    one = Scripted([said("Hel"), said("lo"), said("u", kind=Kind.USAGE)], usage={"total_tokens": 3})
    await rig.run(claim, one=one)
    assert await rig.told(claim) == [
        ("NATIVE", '{"number":1,"provider":"one","model":"a"}'),
        ("DIALECT", "Hel"),
        ("DIALECT", "lo"),
        ("USAGE", "u"),
        ("TERMINAL", ""),
    ]
    assert await rig.end(claim) == Terminal(JobState.COMPLETED, usage={"total_tokens": 3})
    job = await rig.job(claim)
    assert (job.delivered, job.usage, job.error) == (True, {"total_tokens": 3}, None)
    (attempt,) = job.attempts
    assert (attempt.outcome, attempt.provider_id, attempt.first_token) == (
        "completed",
        "chatcmpl-1",
        0.25,
    )
    assert attempt.ended is not None
    assert attempt.usage == {"total_tokens": 3}
    (call,) = one.calls
    assert (call.request_id, call.model, call.request["model"]) == ("r1", "a", "m")
    assert one.open == 0


async def test_a_whole_frame_is_an_answer(rig: Rig) -> None:
    claim = await running(rig.store)
    await rig.run(claim, one=Scripted([said('{"choices":[]}', kind=Kind.WHOLE)]))
    assert [kind for kind, _ in await rig.told(claim)] == ["NATIVE", "WHOLE", "TERMINAL"]
    assert (await rig.job(claim)).delivered


async def test_before_the_first_token_the_next_target_answers(rig: Rig) -> None:
    claim = await running(rig.store)
    one, two = Scripted([ProviderFailure(RETRY)]), Scripted([said("hi")])
    await rig.run(claim, one=one, two=two)
    assert await rig.told(claim) == [
        ("NATIVE", '{"number":1,"provider":"one","model":"a"}'),
        (
            "NATIVE",
            '{"number":2,"provider":"two","model":"b",'
            '"after":{"outcome":"failed","error":"provider_error"}}',
        ),
        ("DIALECT", "hi"),
        ("TERMINAL", ""),
    ]
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "failed"), (2, "two", "completed")]
    assert job.attempts[0].error == RETRY
    assert job.state is JobState.COMPLETED


async def test_after_it_the_job_fails(rig: Rig) -> None:
    claim = await running(rig.store)
    one, two = Scripted([chunk("hi"), ProviderFailure(RETRY)]), Scripted([chunk("no")])
    await rig.run(claim, one=one, two=two)
    terminal = await rig.end(claim)
    assert (terminal.state, terminal.error) == (JobState.FAILED, RETRY)
    assert [kind for kind, _ in await rig.told(claim)] == ["NATIVE", "DIALECT", "TERMINAL"]
    job = await rig.job(claim)
    assert (job.error, job.delivered, outcomes(job)) == (RETRY, True, [(1, "one", "failed")])
    assert two.calls == []


async def test_three_attempts_at_most(rig: Rig) -> None:
    claim = await running(rig.store)
    one = Scripted([ProviderFailure(RETRY)], [ProviderFailure(RETRY)])
    two = Scripted([ProviderFailure(RETRY)])
    await rig.run(claim, one=one, two=two)
    assert (await rig.end(claim)).error == RETRY
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "failed"), (2, "two", "failed"), (3, "one", "failed")]
    assert not job.delivered


async def test_a_final_failure_stops_at_once(rig: Rig) -> None:
    claim = await running(rig.store)
    two = Scripted()
    await rig.run(claim, one=Scripted([ProviderFailure(FINAL)]), two=two)
    assert (await rig.end(claim)).error == FINAL
    assert two.calls == []


async def test_the_usage_of_an_attempt_is_its_own(rig: Rig) -> None:
    claim = await running(rig.store)
    one = Scripted([said(), ProviderFailure(RETRY)], [said("hi")], usage={"total_tokens": 9})
    await rig.run(claim, one=one, two=Scripted([ProviderFailure(RETRY)]))
    job = await rig.job(claim)
    usages = [attempt.usage for attempt in job.attempts]
    assert usages == [{"total_tokens": 9}, None, {"total_tokens": 9}]
    assert job.attempts[1].provider_id is None


async def test_a_lost_body_fails_the_job(rig: Rig) -> None:
    await rig.store.jobs.create(new_job())
    await raw(rig.store).delete(names(rig.store, new_job().key)["body"])
    (claim,) = await rig.store.queue.claim(rig.store.keys.partitions[0], HOLDER, 1)
    await rig.run(claim)
    error = (await rig.end(claim)).error
    assert error is not None
    assert error.type == "internal_error"


async def test_a_defect_ends_the_stream_all_the_same(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    claim = await running(rig.store)
    one = Scripted([said("hi"), ZeroDivisionError()])
    await rig.run(claim, one=one)
    error = (await rig.end(claim)).error
    assert error is not None
    assert error.type == "internal_error"
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "failed")]
    assert one.open == 0
    assert [record.msg for record in caplog.records if record.exc_info] == ["job.defect"]


async def test_reading_stops_while_too_much_is_unacknowledged() -> None:
    async with open_rig(max_pending=1000) as rig:
        claim = await running(rig.store)
        loop = asyncio.get_running_loop()
        answers = asyncio.Event()
        append = rig.store.streams.append
        pending: list[int] = []

        async def held(*args: Any) -> list[int]:
            await answers.wait()
            return await append(*args)

        async def note() -> None:
            pending.append(rig.hold.pen.pending)
            loop.call_soon(answers.set)

        cast(Any, rig.store.streams).append = held
        await rig.run(claim, one=Scripted([said("x" * 600), note, said("y" * 600), note]))
        assert pending[0] >= 600
        assert pending[1] <= 500
