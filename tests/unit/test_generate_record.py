"""A run's record: calls never exceed attempts, and every attempt is paid for."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from broker.codec import Encoder, decode
from broker.frames import Frame
from broker.model import JobState
from broker.store.queue import Claim
from tests.store.samples import HOLDER, frames, names, new_job, raw, running
from tests.unit.generate_rig import (
    FINAL,
    RETRY,
    Hang,
    Rig,
    Scripted,
    chunk,
    lose,
    open_rig,
    outcomes,
    stop,
)
from workers import joining as joining_module
from workers.hold import Hold
from workers.pen import Fenced
from workers.providers.base import ProviderFailure

LOST = ProviderFailure(RETRY)
SILENT = {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1, "estimated": True}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


class Gate:
    """Appends wait for it, once it is shut."""

    def __init__(self, rig: Rig) -> None:
        self.opened = asyncio.Event()
        self.reached = asyncio.Event()
        append = rig.store.streams.append

        async def held(*args: Any) -> list[int]:
            self.reached.set()
            await self.opened.wait()
            return await append(*args)

        cast(Any, rig.store.streams).append = held


async def claimed(rig: Rig, holder: str = "worker-2") -> Claim:
    (claim,) = await rig.store.queue.claim(rig.store.keys.partitions[0], holder, 1)
    return claim


async def handed_over(rig: Rig, claim: Claim, *steps: Any) -> Claim:
    """The next claim of a job that its worker gave back after these steps of ``one``."""
    hang = Hang()
    task = rig.start(claim, one=Scripted([*steps, hang]))
    await hang.reached(rig)
    lease = rig.hold.leave()
    rig.hold.take_away()
    await rig.store.queue.release(rig.store.keys.partitions[0], HOLDER, [lease], leaving=True)
    await asyncio.gather(task, return_exceptions=True)
    return await claimed(rig)


# ── Before a call ──────────────────────────────────────────────────────────────────────


async def test_the_first_call_of_a_claim_does_not_wait_for_the_store(rig: Rig) -> None:
    claim = await running(rig.store)
    gate, called = Gate(rig), Hang()
    task = rig.start(claim, one=Scripted([called, chunk("Hi"), stop()]))
    async with asyncio.timeout(5):
        await called.here.wait()
    called.over.set()
    gate.opened.set()
    await task
    assert outcomes(await rig.job(claim)) == [(1, "one", "completed")]


async def test_any_further_call_waits_until_its_attempt_is_on_record(rig: Rig) -> None:
    claim = await running(rig.store)
    known: list[Any] = []

    async def look() -> None:
        known.extend(outcomes(await rig.job(claim)))

    gate = Gate(rig)
    gate.opened.set()

    async def shut() -> None:
        await rig.stored()
        gate.opened.clear()
        gate.reached.clear()

    two = Scripted([look, chunk("Hi"), stop()])
    shutting = Hang()
    task = rig.start(claim, one=Scripted([shut, shutting, LOST]), two=two)
    async with asyncio.timeout(5):
        await shutting.here.wait()
        shutting.over.set()
        await gate.reached.wait()
    for _ in range(20):  # turns in which it would call, if it could
        await asyncio.sleep(0)
    assert two.calls == []
    gate.opened.set()
    await task
    assert known == [(1, "one", "failed"), (2, "two", None)]


async def test_a_claim_lost_before_it_told_of_a_call_is_an_attempt(rig: Rig) -> None:
    """It may have called: its first frame had not reached the store."""
    claim = await running(rig.store)
    Gate(rig)
    hang = Hang()
    silent = Scripted([hang])
    task = rig.start(claim, one=silent)
    await hang.here.wait()
    await lose(rig, claim)
    again = await claimed(rig)
    assert [(each.provider, each.outcome) for each in again.job.attempts] == [("", "lost")]
    async with open_rig() as other:  # another worker over the same store
        other.store, other.writer = (
            rig.store,
            type(other.writer)(
                cast(Any, _Plain(rig)), rig.store.keys.partitions[0], rig.settings.worker
            ),
        )
        flushing = asyncio.create_task(other.writer.run())
        one = Scripted([chunk("Hi"), stop()])
        await other.run(again, one=one)
        flushing.cancel()
    assert outcomes(await rig.job(claim)) == [(1, "", "lost"), (2, "one", "completed")]
    assert len(silent.calls) + len(one.calls) == len((await rig.job(claim)).attempts)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class _Plain:
    """The streams of a rig without its gate."""

    def __init__(self, rig: Rig) -> None:
        self.append = type(rig.store.streams).append.__get__(rig.store.streams)


async def test_claims_that_tell_nothing_use_up_the_attempts(rig: Rig) -> None:
    rig.configure(attempts=2)
    await rig.store.jobs.create(new_job())
    for _ in range(2):
        await lose(rig, await claimed(rig))
    one = Scripted()
    claim = await claimed(rig)
    await rig.run(claim, one=one)
    job = await rig.job(claim)
    assert (job.state, outcomes(job)) == (JobState.FAILED, [(1, "", "lost"), (2, "", "lost")])
    assert one.calls == []


# ── Handed over ────────────────────────────────────────────────────────────────────────


async def test_hand_overs_do_not_use_up_the_attempts(rig: Rig) -> None:
    rig.configure(attempts=1)
    claim = again = await running(rig.store)
    for _ in range(3):
        again = await handed_over(rig, again)
    await rig.run(again, one=Scripted([chunk("Hi"), stop()], usage={"total_tokens": 5}))
    job = await rig.job(claim)
    drained = [(number, "one", "handed_over") for number in (1, 2, 3)]
    assert outcomes(job) == [*drained, (4, "one", "completed")]
    assert [each.usage for each in job.attempts] == [SILENT] * 3 + [{"total_tokens": 5}]
    assert job.usage is not None
    assert (job.usage["total_tokens"], job.usage["estimated"]) == (8, True)


async def test_a_handed_over_answer_goes_on_and_what_it_said_is_estimated(rig: Rig) -> None:
    rig.configure({"one": True}, attempts=1)
    claim = await running(rig.store)
    again = await handed_over(rig, claim, chunk("Hello there"))
    one = Scripted([chunk("!"), stop()], usage={"total_tokens": 5})
    await rig.run(again, one=one)
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "handed_over"), (2, "one", "completed")]
    assert job.attempts[0].usage == {**SILENT, "completion_tokens": 3, "total_tokens": 4}
    assert (await rig.answer(claim))["choices"][0]["message"]["content"] == "Hello there!"


# ── What it cost ───────────────────────────────────────────────────────────────────────


async def test_a_cancelled_job_has_the_sum_of_its_attempts(rig: Rig) -> None:
    claim, hang = await running(rig.store), Hang()
    one = Scripted([[], LOST], usage={"total_tokens": 4})
    task = rig.start(claim, one=one, two=Scripted([chunk("Hello there"), hang]))
    await hang.reached(rig)
    await rig.store.jobs.cancel(claim.job.key)
    rig.hold.take_away()
    await asyncio.gather(task, return_exceptions=True)
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "failed"), (2, "two", "cancelled")]
    assert job.attempts[1].usage == {**SILENT, "completion_tokens": 3, "total_tokens": 4}
    assert job.usage is not None
    assert (job.usage["total_tokens"], job.usage["estimated"]) == (8, True)


async def test_a_whole_answer_without_usage_is_estimated(rig: Rig) -> None:
    claim = await running(rig.store)
    await rig.run(claim, one=Scripted([chunk("Hello there"), stop()]))
    terminal, job = await rig.end(claim), await rig.job(claim)
    assert terminal.state is JobState.COMPLETED
    (attempt,) = job.attempts
    assert attempt.usage == {**SILENT, "completion_tokens": 3, "total_tokens": 4}
    assert terminal.usage == job.usage == attempt.usage


# ── On from a lost answer ──────────────────────────────────────────────────────────────


async def test_a_target_that_refuses_to_go_on_leaves_it_to_the_next(rig: Rig) -> None:
    """It is not the call that is at fault then, whatever the status says."""
    rig.configure({"one": True, "two": True}, targets=("one/a", "one/x", "two/b"), attempts=3)
    claim = await running(rig.store)
    one = Scripted([chunk("Hel"), LOST], [ProviderFailure(FINAL)])
    two = Scripted([chunk("lo"), stop()])
    await rig.run(claim, one=one, two=two)
    job = await rig.job(claim)
    assert [(each.model, each.outcome) for each in job.attempts] == [
        ("a", "failed"),
        ("x", "failed"),
        ("b", "completed"),
    ]
    assert job.attempts[1].error is not None
    assert job.attempts[1].error.remedy == "next"
    assert (await rig.answer(claim))["choices"][0]["message"]["content"] == "Hello"


def piece(text: str) -> list[Frame]:
    return chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": text}}]})


async def test_many_pieces_that_were_held_are_encoded_in_steps_and_stored_at_once(
    rig: Rig,
) -> None:
    rig.configure(hold_tool_calls=True)
    claim = await running(rig.store)
    pieces = [each for n in range(1300) for each in piece(f"{n},")]
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    encode, marks = Encoder.encode, set[int]()

    def noted(*args: Any) -> None:
        marks.add(turns)
        encode(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Encoder, "encode", noted)
        turning = asyncio.create_task(turn())
        await rig.run(claim, one=Scripted([chunk("Hi"), pieces, stop()]))
        turning.cancel()
    assert len(marks) >= 3
    (call,) = (await rig.answer(claim))["choices"][0]["message"]["tool_calls"]
    assert call["function"]["arguments"] == "".join(f"{n}," for n in range(1300))
    entries = await rig.store.streams.read(claim.job.key, 0, 1000)
    sizes = [len(decode(payload, entries.templates)) for _, payload in entries.rows]
    assert max(sizes) >= 1301, "readers get them whole"
    assert (await rig.end(claim)).state is JobState.COMPLETED


async def test_what_is_held_is_not_written_by_who_has_lost_the_job(rig: Rig) -> None:
    claim = await running(rig.store)
    hold = Hold(claim, rig.writer)
    last = hold.pen.last
    writing = asyncio.create_task(hold.pen.write_together(chunk("x") * 1300))
    await asyncio.sleep(0)
    hold.take_away()
    with pytest.raises(Fenced):
        await writing
    assert hold.pen.last == last


async def test_tool_calls_too_large_to_hold_are_no_answer(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert joining_module._MOST_HELD == 16 << 20
    monkeypatch.setattr(joining_module, "_MOST_HELD", 1000)
    rig.configure(hold_tool_calls=True)
    claim = await running(rig.store)
    one = Scripted([piece("x" * 500), piece("x" * 500)])
    await rig.run(claim, one=one, two=Scripted([chunk("Hi"), stop()]))
    job = await rig.job(claim)
    error = job.attempts[0].error
    assert error is not None
    assert (error.type, error.code) == ("provider_garbled", "tool_calls_too_large")
    assert outcomes(job) == [(1, "one", "failed"), (2, "two", "completed")]
    assert "tool_calls" not in (await rig.answer(claim))["choices"][0]["message"]
    assert one.open == 0


async def went_back(rig: Rig, claim: Claim, kept: int) -> None:
    """The store's host crashed: it has the stream's first entries only."""
    await rig.stored()
    keys, client = names(rig.store, claim.job.key), raw(rig.store)
    rows = await client.xrange(keys["stream"])
    assert len(rows) > kept
    await client.delete(keys["stream"])
    for name, fields in rows[:kept]:
        await client.xadd(keys["stream"], fields, id=name)
    await client.hset(keys["job"], "last", rows[kept - 1][0].partition(b"-")[0])


async def test_what_a_store_that_went_back_has_lost_is_sent_again_before_going_on(
    rig: Rig,
) -> None:
    rig.configure({"two": True})
    claim = await running(rig.store)

    async def crash() -> None:
        await went_back(rig, claim, 2)

    one = Scripted([chunk("H"), rig.stored, chunk("e"), rig.stored, chunk("l"), crash, LOST])
    two = Scripted([chunk("lo"), stop()])
    await rig.run(claim, one=one, two=two)
    assert two.calls[0].request["messages"][-1]["content"] == "Hel"
    assert (await rig.end(claim)).state is JobState.COMPLETED
    numbered = await frames(rig.store, claim.job.key)
    assert list(numbered) == list(range(1, len(numbered) + 1))
