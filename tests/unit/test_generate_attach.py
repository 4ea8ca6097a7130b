"""A run that lost a call which its provider goes on with: it attaches, and calls nobody."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from broker.model import Failure, JobState
from tests.store.samples import running
from tests.unit.generate_rig import (
    FINAL,
    Rig,
    Scripted,
    chunk,
    open_rig,
    outcomes,
    stop,
    taken_over,
    usage,
)
from workers.providers.base import Held, ProviderFailure

ROLE = {"role": "assistant", "content": ""}
CUT = ProviderFailure(Failure("provider_cut", "It broke off.", retryable=True))
AWAY = ProviderFailure(Failure("provider_error", "Not now.", provider_status=503))
GONE = ProviderFailure(FINAL)
IDLE = ProviderFailure(Failure("provider_timeout", "Silent.", status=504, code="idle"))
FAILED = ProviderFailure(Failure("provider_stream_error", "It failed."))
BEGUN = [chunk(ROLE), chunk("Hel")]
REST = [chunk("lo"), stop(), usage(9)]
COST = {"total_tokens": 9}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig(backoff=0.0) as rig:
        rig.configure(resumes=("one",))
        yield rig


def resuming(*scripts: list[Any], cursors: tuple[int, ...] = ()) -> Scripted:
    provider = Scripted(*scripts, usage=COST, resumes=True)
    provider.cursors = list(cursors)
    return provider


async def check_whole(rig: Rig, claim: Any, calls: int = 1) -> None:
    """The answer is one, in as many attempts, and cost what its last word says."""
    (choice,) = (await rig.answer(claim))["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Hello"}
    job = await rig.job(claim)
    assert (job.state, len(job.attempts)) == (JobState.COMPLETED, calls)
    assert job.usage == COST


async def natives(rig: Rig, claim: Any) -> list[Any]:
    told = await rig.told(claim)
    return [msgspec.json.decode(data) for kind, data in told if kind == "NATIVE"]


async def test_the_next_holder_tells_what_is_stored_no_second_time(rig: Rig) -> None:
    """Without a cursor the provider tells all of it again."""
    claim = await running(rig.store)
    again = await taken_over(rig, claim, *BEGUN, resumes=True)
    one = resuming([*BEGUN, *REST])
    await rig.run(again, one=one)
    await check_whole(rig, again)
    (call,) = one.calls
    assert (call.attempt, call.held) == (1, Held("chatcmpl-1"))
    one_attempt = {"number": 1, "provider": "one", "model": "a"}
    assert await natives(rig, again) == [one_attempt, one_attempt]
    assert outcomes(await rig.job(again)) == [(1, "one", "completed")]


async def test_the_provider_s_cursor_is_stored_with_the_frames(rig: Rig) -> None:
    claim = await running(rig.store)
    again = await taken_over(rig, claim, *BEGUN, resumes=True, cursors=[0, 7])
    assert again.job.cursor == (1, 7)
    one = resuming(REST, cursors=(8, 9, 10))
    await rig.run(again, one=one)
    await check_whole(rig, again)
    assert one.calls[0].held == Held("chatcmpl-1", 7)
    assert (await rig.job(again)).cursor == (1, 10)


async def test_held_tool_calls_have_no_cursor(rig: Rig) -> None:
    rig.configure(resumes=("one",), hold_tool_calls=True)
    claim = await running(rig.store)
    again = await taken_over(rig, claim, *BEGUN, resumes=True, cursors=[0, 7])
    assert again.job.cursor is None
    await rig.run(again, one=resuming([*BEGUN, *REST]))
    await check_whole(rig, again)


async def test_a_cut_connection_is_attached_to_by_the_same_worker(rig: Rig) -> None:
    claim = await running(rig.store)
    one = resuming([*BEGUN, CUT], [AWAY], [*BEGUN, CUT], [*BEGUN, *REST])
    await rig.run(claim, one=one)
    await check_whole(rig, claim)
    assert [call.attempt for call in one.calls] == [1] * 4
    assert [call.held is not None for call in one.calls] == [False, True, True, True]
    assert rig.providers.stopped == []


async def test_a_call_that_nothing_is_known_of_is_made_anew(rig: Rig) -> None:
    """The provider's name for its answer is not known: there is nothing to attach to."""
    claim = await running(rig.store)
    one, two = resuming([CUT]), resuming([*BEGUN, *REST])
    await rig.run(claim, one=one, two=two)
    assert [(call.attempt, call.held) for call in (*one.calls, *two.calls)] == [
        (1, None),
        (2, None),
    ]
    assert rig.providers.stopped == [1]


async def test_a_call_that_was_a_joint_itself_goes_on(rig: Rig) -> None:
    """A second attempt's frames are what its joint makes of them, also when told again."""
    rig.configure({"two": True}, resumes=("two",), on_loss="continue")
    claim = await running(rig.store)
    one = Scripted([*BEGUN, ProviderFailure(Failure("provider_error", "No."))])
    two = resuming([chunk(ROLE), chunk("l"), CUT], [chunk(ROLE), chunk("l"), chunk("o"), *REST[1:]])
    await rig.run(claim, one=one, two=two)
    (choice,) = (await rig.answer(claim))["choices"]
    assert choice["message"]["content"] == "Hello"
    assert outcomes(await rig.job(claim)) == [(1, "one", "failed"), (2, "two", "completed")]
    assert [call.request["messages"][-1]["content"] for call in two.calls] == ["Hel", "Hel"]


async def test_a_call_that_is_gone_was_lost(rig: Rig) -> None:
    """Its attempt ends as it had ended; what is done then is the route's to say."""
    rig.configure(resumes=("one",), on_loss="replay")
    claim = await running(rig.store)
    again = await taken_over(rig, claim, *BEGUN, resumes=True)
    await rig.run(again, one=resuming([GONE], [*BEGUN, *REST]))
    assert outcomes(await rig.job(again)) == [(1, "one", "lost"), (2, "one", "completed")]
    assert rig.providers.stopped == [1]


async def test_tries_that_bring_nothing_are_few(rig: Rig) -> None:
    claim = await running(rig.store)
    one = resuming([*BEGUN, CUT], *[[*BEGUN, CUT]] * 6)
    await rig.run(claim, one=one)
    terminal = await rig.end(claim)
    assert (terminal.state, len(one.calls)) == (JobState.FAILED, 7)
    assert outcomes(await rig.job(claim)) == [(1, "one", "failed")]
    assert rig.providers.stopped == [1]


@pytest.mark.parametrize("failure", [IDLE, FAILED])
async def test_an_answer_that_is_stuck_or_failed_is_not_attached_to(
    rig: Rig, failure: ProviderFailure
) -> None:
    claim = await running(rig.store)
    one = resuming([*BEGUN, failure])
    await rig.run(claim, one=one)
    assert (await rig.end(claim)).state is JobState.FAILED
    assert len(one.calls) == 1
    assert rig.providers.stopped == [1]


async def test_a_provider_that_does_not_resume_is_called_anew(rig: Rig) -> None:
    rig.configure(on_loss="replay")
    claim = await running(rig.store)
    again = await taken_over(rig, claim, *BEGUN)
    one = Scripted([*BEGUN, *REST])
    await rig.run(again, one=one)
    assert (one.calls[0].attempt, one.calls[0].held) == (2, None)


async def test_it_survives_holders_until_the_limit_of_losses(rig: Rig) -> None:
    claim = await running(rig.store)
    again = await taken_over(rig, claim, *BEGUN, resumes=True)
    third = await taken_over(rig, again, *BEGUN, resumes=True)
    assert (third.job.losses, third.job.claims) == (2, 3)
    await rig.run(third, one=resuming([*BEGUN, *REST]))
    await check_whole(rig, third)


async def test_the_cancelled_job_of_a_lost_holder_is_stopped(rig: Rig) -> None:
    claim = await running(rig.store)
    again = await taken_over(rig, claim, *BEGUN, resumes=True)
    await rig.store.jobs.cancel(again.job.key)
    task = rig.start(again, one=resuming([*BEGUN, *REST]))
    with pytest.raises(BaseException):  # noqa: B017, PT011 - Fenced or cancelled
        await task
    assert rig.providers.stopped == [1]
