"""A run that loses its answer in mid-stream and goes on, as the route's policy says."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from broker.errors import StoreAway
from broker.frames import Frame, Kind, data_frame
from broker.model import JobState
from tests.store.samples import names, raw, running
from tests.unit.generate_rig import (
    RETRY,
    Rig,
    Scripted,
    chunk,
    open_rig,
    outcomes,
    stop,
    taken_over,
    usage,
)
from workers import generate as generate_module
from workers.providers.base import ProviderFailure

LOST = ProviderFailure(RETRY)
ROLE = {"role": "assistant", "content": ""}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


async def message(rig: Rig, claim: Any) -> Any:
    (choice,) = (await rig.answer(claim))["choices"]
    assert choice["finish_reason"] == "stop"
    return choice["message"]


async def modes(rig: Rig, claim: Any) -> list[Any]:
    """The mode of each attempt, as the native view has it."""
    told = await rig.told(claim)
    return [msgspec.json.decode(data).get("mode") for kind, data in told if kind == "NATIVE"]


# ── By policy ──────────────────────────────────────────────────────────────────────────


async def test_the_next_target_goes_on_from_the_text(rig: Rig) -> None:
    rig.configure({"one": True, "two": "prefix"})
    claim = await running(rig.store)
    one = Scripted([chunk(ROLE), chunk("Hel"), LOST])
    two = Scripted([chunk(ROLE), chunk("lo"), stop(), usage(9)], usage={"total_tokens": 9})
    await rig.run(claim, one=one, two=two)
    assert await message(rig, claim) == {"role": "assistant", "content": "Hello"}
    assert two.calls[0].request["messages"] == [{"role": "assistant", "content": "Hel"}]
    assert (one.calls[0].partial, two.calls[0].partial) == (False, "prefix")
    assert await modes(rig, claim) == [None, "continue"]
    job = await rig.job(claim)
    assert job.state is JobState.COMPLETED
    assert outcomes(job) == [(1, "one", "failed"), (2, "two", "completed")]
    # The lost attempt is estimated: two frames, "[]" and "Hel"; the sum is told everywhere.
    lost, last = (attempt.usage for attempt in job.attempts)
    assert lost == {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "estimated": True,
    }
    assert last == {"total_tokens": 9}
    assert job.usage == {**lost, "total_tokens": 12}
    assert (await rig.answer(claim))["usage"] == job.usage


async def test_a_measured_usage_is_not_estimated(rig: Rig) -> None:
    rig.configure({"two": True})
    claim = await running(rig.store)
    one = Scripted([chunk("Hel"), LOST], usage={"total_tokens": 4})
    await rig.run(claim, one=one, two=Scripted([stop()], usage={"total_tokens": 5}))
    assert (await rig.job(claim)).usage == {"total_tokens": 9}


async def test_the_same_target_says_it_again(rig: Rig) -> None:
    rig.configure(on_loss="replay")
    claim = await running(rig.store)
    one = Scripted(
        [chunk(ROLE), chunk("Hel"), LOST], [chunk(ROLE), chunk("H"), chunk("ello"), stop()]
    )
    await rig.run(claim, one=one)
    assert await message(rig, claim) == {"role": "assistant", "content": "Hello"}
    assert one.calls[0].request == one.calls[1].request
    assert await modes(rig, claim) == [None, "replay"]


async def test_a_replay_that_differs_ends_the_job(rig: Rig) -> None:
    rig.configure(on_loss="replay")
    claim = await running(rig.store)
    one = Scripted([chunk("Hel"), LOST], [chunk("Hex"), stop()])
    await rig.run(claim, one=one)
    error = (await rig.end(claim)).error
    assert error is not None
    assert (error.type, error.retryable) == ("replay_diverged", True)
    (choice,) = (await rig.answer(claim))["choices"]
    assert choice["message"]["content"] == "Hel"
    # What it said was swallowed, and still has to be paid.
    last = (await rig.job(claim)).attempts[1]
    assert last.usage is not None
    assert last.usage["completion_tokens"] == 1
    assert one.open == 0


async def test_a_replay_that_ends_early_ends_the_job(rig: Rig) -> None:
    rig.configure(on_loss="replay")
    claim = await running(rig.store)
    await rig.run(claim, one=Scripted([chunk("Hel"), LOST], [chunk("He")]))
    error = (await rig.end(claim)).error
    assert error is not None
    assert error.type == "replay_diverged"


async def test_terminate_ends_with_the_attempts_own_error(rig: Rig) -> None:
    rig.configure({"two": True}, on_loss="terminate")
    claim = await running(rig.store)
    two = Scripted()
    await rig.run(claim, one=Scripted([chunk("Hel"), LOST]), two=two)
    assert (await rig.end(claim)).error == RETRY
    assert two.calls == []


@pytest.mark.parametrize("on_loss", ["continue", "replay", "terminate", None])
async def test_an_attempt_that_said_nothing_is_replaced_unseen(rig: Rig, on_loss: Any) -> None:
    rig.configure(on_loss=on_loss)
    claim = await running(rig.store)
    one = Scripted([chunk(ROLE), LOST])
    await rig.run(claim, one=one, two=Scripted([chunk(ROLE), chunk("Hi"), stop()]))
    assert await message(rig, claim) == {"role": "assistant", "content": "Hi"}
    roles = [data for _, data in await rig.told(claim) if '"role"' in data]
    assert len(roles) == 1


async def test_several_choices_are_never_gone_on_with(rig: Rig) -> None:
    rig.configure({"two": True})
    claim = await running(rig.store, body=b'{"model":"m","messages":[],"n":2}')
    two = Scripted()
    await rig.run(claim, one=Scripted([chunk("Hel"), LOST]), two=two)
    assert (await rig.end(claim)).error == RETRY
    assert two.calls == []


# ── By its worker ──────────────────────────────────────────────────────────────────────


async def test_a_rescued_answer_goes_on(rig: Rig) -> None:
    rig.configure({"two": True})
    claim = await running(rig.store)
    again = await taken_over(rig, claim, *(chunk(text) for text in "abcd"))
    templates = names(rig.store, claim.job.key)["templates"]
    known = await raw(rig.store).hgetall(templates)
    assert known
    two = Scripted([chunk("e", x=1), chunk("f", x=2), stop()])  # another shape
    await rig.run(again, two=two)
    assert (await message(rig, claim))["content"] == "abcdef"
    after = await raw(rig.store).hgetall(templates)
    assert known.items() < after.items()  # taken over, none defined anew, one more
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "lost"), (2, "two", "completed")]
    assert job.usage is not None
    assert job.usage["estimated"]
    assert job.attempts[0].usage == {
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "total_tokens": 2,
        "estimated": True,
    }


async def test_an_answer_that_only_lacked_its_terminal_is_complete(rig: Rig) -> None:
    claim = await running(rig.store)
    again = await taken_over(rig, claim, chunk("Hi"), stop(), usage(7))
    await rig.run(again)  # without a call
    assert (await rig.end(claim)).state is JobState.COMPLETED
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "lost")]
    assert job.attempts[0].usage == job.usage == {"total_tokens": 7}


async def test_even_if_it_killed_all_its_workers(rig: Rig) -> None:
    rig.configure(attempts=1)
    claim = await running(rig.store)
    again = await taken_over(rig, claim, chunk("Hi"), stop())
    assert again.job.losses == 1
    await rig.run(again)
    assert (await rig.end(claim)).state is JobState.COMPLETED


async def test_a_whole_answer_is_not_asked_for_twice(rig: Rig) -> None:
    claim = await running(rig.store)
    body = b'{"choices":[{"index":0,"message":{"content":"Hi"}}],"usage":{"total_tokens":2}}'
    again = await taken_over(rig, claim, [data_frame(Kind.WHOLE, body)])
    await rig.run(again)
    assert (await rig.end(claim)).state is JobState.COMPLETED
    assert (await rig.job(claim)).usage == {"total_tokens": 2}


async def test_a_worker_lost_before_the_first_token_is_estimated(rig: Rig) -> None:
    claim = await running(rig.store)
    again = await taken_over(rig, claim)
    await rig.run(again, one=Scripted([chunk("Hi"), stop()], usage={"total_tokens": 2}))
    job = await rig.job(claim)
    assert job.attempts[0].usage is not None
    assert job.attempts[0].usage["estimated"]
    assert job.usage is not None
    assert job.usage["total_tokens"] == 3


async def test_a_store_that_is_away_is_waited_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate_module, "_AWAY", 0.0)
    rig.configure({"two": True})
    claim = await running(rig.store)
    read, tries = rig.store.streams.read, 0

    async def away(*args: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StoreAway()
        return await read(*args)

    monkeypatch.setattr(rig.store.streams, "read", away)
    one, two = Scripted([chunk("Hel"), LOST]), Scripted([chunk("lo"), stop()])
    await rig.run(claim, one=one, two=two)
    assert (await message(rig, claim))["content"] == "Hello"
    assert tries >= 3


# ── Held tool calls ────────────────────────────────────────────────────────────────────


def call(**function: str) -> list[Frame]:
    return chunk({"tool_calls": [{"index": 0, "function": function}]})


async def test_a_call_that_was_held_is_replaced_unseen(rig: Rig) -> None:
    rig.configure({"two": True}, hold_tool_calls=True)
    claim = await running(rig.store)
    one = Scripted([chunk("Well."), call(name="f", arguments='{"a'), LOST])
    two = Scripted([call(name="g", arguments="{"), call(arguments="}"), stop()])
    await rig.run(claim, one=one, two=two)
    assert await message(rig, claim) == {
        "role": "assistant",
        "content": "Well.",
        "tool_calls": [{"type": "function", "function": {"name": "g", "arguments": "{}"}}],
    }
    assert (await rig.job(claim)).state is JobState.COMPLETED


async def test_a_held_call_costs_though_nobody_saw_it(rig: Rig) -> None:
    rig.configure(hold_tool_calls=True)
    claim = await running(rig.store)
    one = Scripted([call(name="f"), call(arguments="{"), call(arguments='"'), LOST])
    await rig.run(claim, one=one, two=Scripted([chunk("Hi"), stop()]))
    first = (await rig.job(claim)).attempts[0]
    assert first.usage is not None
    assert first.usage["completion_tokens"] == 3
    assert await modes(rig, claim) == [None, None]
