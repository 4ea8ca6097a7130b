"""A run whose target refuses it: who is called next, what the caller is told, what is counted."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from broker.model import Failure, JobState
from broker.refusal import refused
from broker.routing import Target
from broker.store.breakers import Breaker
from tests.store.samples import BATCH, running
from tests.unit.generate_rig import Rig, Scripted, Step, chunk, open_rig, outcomes, stop
from workers.providers.base import ProviderFailure

A, B = Target("one", "a"), Target("two", "b")
LEAST = 10  # calls before a breaker opens
WRONG = {"error": {"message": "messages: no", "type": "invalid_request_error", "param": "messages"}}
GONE = {"type": "error", "error": {"type": "not_found_error", "message": "model: a"}}
LONG = {"error": {"message": "Too long.", "code": "context_length_exceeded"}}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


def refusing(status: int, body: Any) -> Scripted:
    failure = refused(status, json.dumps(body).encode(), None, 0.0)
    scripts: list[list[Step]] = [[ProviderFailure(failure)] for _ in range(LEAST + 1)]
    return Scripted(*scripts)


def answering() -> Scripted:
    return Scripted([chunk("Hi"), stop()])


def elsewhere(rig: Rig, **dialects: str) -> None:
    """Give providers another dialect than the caller's."""
    replace, settings = msgspec.structs.replace, rig.settings
    providers = {
        name: replace(provider, dialect=dialects.get(name, "chat"))
        for name, provider in settings.providers.items()
    }
    rig.settings = replace(settings, providers=providers)


async def ended(rig: Rig, claim: Any) -> Failure:
    error = (await rig.end(claim)).error
    assert error is not None
    return error


async def breaker(rig: Rig, target: Target) -> Breaker:
    await rig.breakers._report()
    (found,) = await rig.store.breakers.of([str(target)])
    return found


# ── A body that we wrote ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dialect", ["messages", "responses", "gemini"])
@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refused_translation_is_followed_by_the_next_target(
    rig: Rig, dialect: str, status: int
) -> None:
    elsewhere(rig, one=dialect)
    claim = await running(rig.store)
    await rig.run(claim, one=refusing(status, WRONG), two=answering())
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "failed"), (2, "two", "completed")]
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.fault == "broker"
    shown = await breaker(rig, A)
    assert (shown.good, shown.bad, shown.why) == (1, 0, None)  # the provider is well


async def test_the_last_ones_words_go_to_the_caller(rig: Rig) -> None:
    elsewhere(rig, one="messages", two="gemini")
    claim = await running(rig.store)
    other = {"error": {"message": "contents: no", "status": "INVALID_ARGUMENT"}}
    await rig.run(claim, one=refusing(400, WRONG), two=refusing(400, other))
    error = await ended(rig, claim)
    assert (error.message, error.status, error.retryable) == ("contents: no", 400, False)
    assert outcomes(await rig.job(claim)) == [(1, "one", "failed"), (2, "two", "failed")]


async def test_alone_it_is_told_as_the_provider_told_it(rig: Rig) -> None:
    elsewhere(rig, one="messages")
    rig.configure(targets=("one/a",))
    claim, one = await running(rig.store), refusing(400, WRONG)
    await rig.run(claim, one=one)
    error = await ended(rig, claim)
    assert (error.message, error.status, error.provider_status) == ("messages: no", 400, 400)
    assert (error.param, error.fault, error.retryable) == ("messages", "broker", False)
    assert len(one.calls) == 1


async def test_a_callers_own_body_is_final(rig: Rig) -> None:
    claim, two = await running(rig.store), answering()
    await rig.run(claim, one=refusing(400, WRONG), two=two)
    error = await ended(rig, claim)
    assert (error.message, error.status, error.fault) == ("messages: no", 400, "caller")
    assert two.calls == []


@pytest.mark.parametrize("dialect", ["chat", "messages"])
async def test_what_no_wording_helps_is_final_whoever_wrote_it(rig: Rig, dialect: str) -> None:
    elsewhere(rig, one=dialect)
    claim, two = await running(rig.store), answering()
    await rig.run(claim, one=refusing(400, LONG), two=two)
    error = await ended(rig, claim)
    assert (error.code, error.fault) == ("context_length_exceeded", "caller")
    assert two.calls == []


async def test_a_refusal_in_a_begun_answer_is_judged_too(rig: Rig) -> None:
    """Nothing but a role was delivered: another target takes over unseen."""
    elsewhere(rig, one="messages")
    claim = await running(rig.store)
    failure = refused(400, json.dumps(WRONG).encode(), None, 0.0)
    one = Scripted([chunk({"role": "assistant", "content": ""}), ProviderFailure(failure)])
    await rig.run(claim, one=one, two=answering())
    assert outcomes(await rig.job(claim)) == [(1, "one", "failed"), (2, "two", "completed")]


# ── A model that a route named ─────────────────────────────────────────────────────────


async def test_a_model_that_is_gone_is_passed_over(rig: Rig) -> None:
    claim = await running(rig.store)
    await rig.run(claim, one=refusing(404, GONE), two=answering())
    assert outcomes(await rig.job(claim)) == [(1, "one", "failed"), (2, "two", "completed")]
    shown = await breaker(rig, A)
    assert (shown.good, shown.bad) == (0, 1)
    assert shown.why is not None
    assert (shown.why.message, shown.why.provider_status) == ("model: a", 404)
    assert (shown.why.fault, shown.why_ms is not None) == ("operator", True)


@pytest.mark.parametrize("options", [{}, {"options": BATCH}])
async def test_alone_it_stays_a_404_with_its_words(rig: Rig, options: dict[str, Any]) -> None:
    """However often it is asked for, and though its breaker is open by then."""
    rig.configure(targets=("one/a",))
    one, calls = refusing(404, GONE), LEAST + 5
    for number in range(calls):
        claim = await running(rig.store, f"r{number}", **options)
        await rig.run(claim, one=one)
        error = await ended(rig, claim)
        assert (error.message, error.status) == ("model: a", 404)
        assert (error.type, error.retryable) == ("invalid_request_error", False)
        await rig.breakers._report()
    assert len(one.calls) == LEAST
    assert (await breaker(rig, A)).state == "open"


async def test_with_another_that_is_down_it_may_help_to_come_again(rig: Rig) -> None:
    await rig.store.breakers.report(str(A), 0, LEAST, why=refusal_of_a_route())
    await rig.store.breakers.report(str(B), 0, LEAST)
    for target in (A, B):
        rig.breakers.on_change(f"open 9000 {target}".encode())
    claim = await running(rig.store)
    await rig.run(claim, one=Scripted(), two=Scripted())
    error = await ended(rig, claim)
    assert (error.type, error.status) == ("circuit_open", 503)


def refusal_of_a_route() -> Failure:
    failure = refused(404, json.dumps(GONE).encode(), None, 0.0)
    return msgspec.structs.replace(failure, fault="operator", remedy="next")


async def test_of_a_name_of_the_callers_own_nothing_is_held_against_the_target(rig: Rig) -> None:
    replace = msgspec.structs.replace
    routes = {"m": replace(rig.settings.routes["m"], targets=("one/*", "two/*"))}
    rig.settings = replace(rig.settings, routes={"m*": routes["m"]})
    claim = await running(rig.store, meaning="m-made-up")
    await rig.run(claim, one=refusing(404, GONE), two=answering())
    assert outcomes(await rig.job(claim)) == [(1, "one", "failed"), (2, "two", "completed")]
    shown = await breaker(rig, Target("one", "m-made-up"))
    assert (shown.good, shown.bad) == (1, 0)


async def test_a_response_that_the_caller_names_is_the_callers(rig: Rig) -> None:
    claim, two = await running(rig.store), answering()
    missing = {"error": {"message": "Not found.", "code": "previous_response_not_found"}}
    await rig.run(claim, one=refusing(404, missing), two=two)
    error = await ended(rig, claim)
    assert (error.status, error.code, error.fault) == (404, "previous_response_not_found", "caller")
    assert two.calls == []
    assert (await rig.job(claim)).state is JobState.FAILED


@pytest.mark.parametrize("kept", [True, False])
async def test_of_a_file_that_the_caller_names_too(rig: Rig, kept: bool) -> None:
    """Without a code it is taken for the model, where the request names nothing else."""
    file = {"type": "file", "file": {"file_id": "file_1"}}
    content = [file] if kept else "hi"
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode()
    claim, two = await running(rig.store, body=body), answering()
    lost = {"error": {"message": "There is no such thing."}}
    await rig.run(claim, one=refusing(404, lost), two=two)
    assert len(two.calls) == int(not kept)
    assert (await breaker(rig, A)).bad == int(not kept)
