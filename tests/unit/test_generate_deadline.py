"""A run that has a deadline."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from broker.model import JobState
from tests.store.samples import running
from tests.unit.generate_rig import Rig, Scripted, chunk, open_rig, stop


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


def overdue(claim: Any, left: float) -> Any:
    """The same claim, of a job with so many seconds left on the store's clock."""
    job = msgspec.structs.replace(claim.job, deadline_ms=claim.now_ms + round(left * 1000))
    return msgspec.structs.replace(claim, job=job)


async def test_a_deadline_that_passed_in_the_queue_costs_nothing(rig: Rig) -> None:
    claim = overdue(await running(rig.store), -1.0)
    one = Scripted([chunk("no")])
    await rig.run(claim, one=one)
    terminal = await rig.end(claim)
    assert terminal.error is not None
    assert (terminal.error.type, terminal.error.status) == ("deadline_exceeded", 504)
    assert one.calls == []
    assert (await rig.job(claim)).attempts == []
    assert terminal.usage is None


class Deadline:
    """A step that brings the deadline of a run on, and waits for it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._limits: list[asyncio.Timeout] = []
        timeout = asyncio.timeout

        def noted(delay: float | None) -> asyncio.Timeout:
            limit = timeout(delay)
            if delay is not None and delay > 50:
                self._limits.append(limit)
            return limit

        patch.setattr(asyncio, "timeout", noted)

    async def __call__(self) -> None:
        (limit,) = self._limits
        limit.reschedule(asyncio.get_running_loop().time())
        await asyncio.Event().wait()


async def test_a_deadline_cuts_an_attempt_off(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = overdue(await running(rig.store), 90.0)
    one = Scripted([chunk("Hel"), Deadline(monkeypatch)])
    await rig.run(claim, one=one)
    terminal = await rig.end(claim)
    assert terminal.error is not None
    assert terminal.error.type == "deadline_exceeded"
    assert one.open == 0
    (attempt,) = (await rig.job(claim)).attempts
    assert (attempt.outcome, attempt.error) == ("failed", terminal.error)
    assert attempt.usage == terminal.usage
    assert attempt.usage is not None
    assert attempt.usage["completion_tokens"] == 1


async def test_an_answer_that_was_whole_by_then_is_completed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = overdue(await running(rig.store), 90.0)
    await rig.run(claim, one=Scripted([chunk("Hi"), stop(), Deadline(monkeypatch)]))
    assert (await rig.end(claim)).state is JobState.COMPLETED
