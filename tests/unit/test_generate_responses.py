"""Runs of responses: what one goes on from, a replay, and a failure's own last word."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from broker.dialects.responses import Transcript, fold
from broker.dialects.responses.event import made_frame
from broker.frames import Frame, Kind
from broker.model import JobState
from broker.routing import Target, policy_for
from broker.store.items import item_key
from broker.store.queue import Claim
from tests.store.samples import frames, running
from tests.unit.generate_rig import RETRY, Rig, Scripted, open_rig, outcomes, taken_over
from tests.unit.responses_streams import created, delta, ended, message, spoken
from workers.following import UNKNOWN, Previous, keep_items, preferring, resolving
from workers.providers.base import ProviderFailure

LOST = ProviderFailure(RETRY)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as rig:
        yield rig


def told(*events: Any) -> list[Frame]:
    return [made_frame(event) for event in events]


async def begun(rig: Rig, name: str = "r1", **request: Any) -> Claim:
    body = msgspec.json.encode({"model": "m", "input": "hi", **request})
    return await running(rig.store, name, dialect="responses", body=body, keep=True)


async def name_of(rig: Rig, claim: Claim, key: str | None = None) -> str:
    """The id that the claimed job's response is known by, or that of a job with this key."""
    return (await rig.store.response_ids.ready()).of(key or claim.job.key)


ANSWER = told(created(), *spoken(0, "Hi"), ended(output=[message(0, "Hi")]))


async def test_a_response_is_written_and_folded(rig: Rig) -> None:
    claim = await begun(rig)
    await rig.run(claim, one=Scripted([ANSWER]))
    assert (await rig.end(claim)).state is JobState.COMPLETED
    found = (await frames(rig.store, claim.job.key)).values()
    assert fold(found)["output"] == [message(0, "Hi")]


async def test_it_goes_on_from_where_the_one_before_was_answered(rig: Rig) -> None:
    speaking(rig)
    first = await begun(rig)
    await rig.run(first, one=Scripted([LOST]), two=Scripted([ANSWER]))
    name = await name_of(rig, first)
    second = await begun(rig, "r2", previous_response_id=name)
    one, two = Scripted(), Scripted([ANSWER])
    await rig.run(second, one=one, two=two)
    assert (await rig.end(second)).state is JobState.COMPLETED
    assert (one.calls, [call.previous for call in two.calls]) == ([], ["chatcmpl-1"])
    assert two.calls[0].request["previous_response_id"] == name
    assert two.calls[0].key == second.job.key


def speaking(rig: Rig, foreign: bool | None = None) -> None:
    """Both providers speak the dialect."""
    replace, settings = msgspec.structs.replace, rig.settings
    providers = {
        name: replace(provider, dialect="responses", foreign_ids=foreign)
        for name, provider in settings.providers.items()
    }
    rig.settings = replace(settings, providers=providers)


async def test_who_has_the_one_before_is_asked_first(rig: Rig) -> None:
    policy = policy_for(rig.settings, "m")
    one, two = policy.targets
    assert preferring(policy, Previous("two", "x")).targets == (two, one)
    assert preferring(policy, Previous("third", "x")).targets == (one, two)


REFERS = {"input": [{"type": "item_reference", "id": "msg_1"}]}
OURS = {"input": [{"type": "item_reference", "id": f"msg_{'x' * 40}-1_0"}]}
BEFORE: list[tuple[dict[str, Any], bool, Previous | None, bool | None]] = [
    # What is asked, whether of one that speaks the dialect, the response before; and whether
    # that is written out (None: nothing is).
    ({"input": "hi"}, True, None, None),
    ({"input": "hi"}, False, None, None),
    ({"previous_response_id": "resp_" + "x" * 40}, True, Previous("one", "theirs"), None),
    ({"previous_response_id": "resp_" + "x" * 40}, True, Previous("two", "theirs"), True),
    ({"previous_response_id": "resp_" + "x" * 40}, False, Previous("one", "theirs"), True),
    ({"previous_response_id": "resp_" + "x" * 40}, True, Previous("one", ""), True),
    (REFERS, True, None, None),
    (REFERS, False, None, False),
    (OURS, True, None, False),
    (OURS, False, None, False),
]


@pytest.mark.parametrize(("request_", "native", "previous", "follows"), BEFORE)
async def test_what_is_written_out(
    rig: Rig,
    request_: dict[str, Any],
    native: bool,
    previous: Previous | None,
    follows: bool | None,
) -> None:
    if native:
        speaking(rig)
    claim = await begun(rig)
    found = resolving(rig.settings, claim.job, request_, Target("one", "a"), previous)
    assert (found.follows if found is not None else None) is follows
    if native:  # of several accounts nobody may name what is not known to be his
        speaking(rig, foreign=False)
        found = resolving(rig.settings, claim.job, REFERS, Target("one", "a"), None)
        assert found is not None
        assert not found.foreign


async def test_a_provider_s_items_are_known_by_their_ids(rig: Rig) -> None:
    claim = await begun(rig)
    ending = told(ended(output=[message(0, "Hi")]))[0]
    await keep_items(rig.store, claim.job, ending)
    key = item_key(rig.store.keys, "acme", message(0, "Hi")["id"])
    assert await rig.store.client.get(key) == claim.job.key.encode()
    other = item_key(rig.store.keys, "other", message(0, "Hi")["id"])
    assert await rig.store.client.get(other) is None


@pytest.mark.parametrize("fault", ["missing", "guessed", "deleted", "failed", "of another account"])
async def test_a_response_before_that_is_not_there(rig: Rig, fault: str) -> None:
    account = "other" if fault == "of another account" else "acme"
    body = msgspec.json.encode({"model": "m"})
    first = await running(rig.store, "r1", account=account, dialect="responses", body=body)
    failure = ProviderFailure(msgspec.structs.replace(RETRY, remedy="final"))
    await rig.run(first, one=Scripted([failure] if fault == "failed" else [ANSWER]))
    if fault == "deleted":
        await rig.store.jobs.delete(first.job.key)
    name = await name_of(rig, first)
    if fault == "guessed":
        name = name[:-1] + ("A" if name[-1] != "A" else "B")
    if fault == "missing":
        name = await name_of(rig, first, "0" * 20)
    second = await begun(rig, "r2", previous_response_id=name)
    await rig.run(second, one=Scripted())
    assert (await rig.end(second)).error == UNKNOWN


async def test_an_id_from_elsewhere_is_the_providers_to_know(rig: Rig) -> None:
    name = "resp_" + "0a" * 24
    claim = await begun(rig, previous_response_id=name)
    one = Scripted([ANSWER])
    await rig.run(claim, one=one)
    assert one.calls[0].previous is None
    assert one.calls[0].request["previous_response_id"] == name


async def test_what_a_provider_keeps_is_asked_only_where_callers_may_name_it(rig: Rig) -> None:
    """The door let it in for the second target's sake; the first is not called."""
    replace, settings = msgspec.structs.replace, rig.settings
    providers = {
        name: replace(provider, dialect="responses", foreign_ids=name == "two")
        for name, provider in settings.providers.items()
    }
    rig.settings = replace(settings, providers=providers)
    claim = await begun(rig, conversation="conv_1")
    one, two = Scripted(), Scripted([ANSWER])
    await rig.run(claim, one=one, two=two)
    assert (await rig.end(claim)).state is JobState.COMPLETED
    assert (len(one.calls), len(two.calls)) == (0, 1)
    job = await rig.job(claim)
    assert job.attempts[0].error is not None
    assert job.attempts[0].error.code == "foreign_id"
    assert not rig.breakers.shut([Target("one", "a")])
    assert ("one/a", False) not in rig.breakers._counts


async def test_a_caller_knows_a_response_by_its_own_id(rig: Rig) -> None:
    claim = await begun(rig)
    one = Scripted([ANSWER])
    await rig.run(claim, one=one)
    assert one.calls[0].response_id == await name_of(rig, claim)


async def test_the_providers_id_is_on_record_from_the_first_frame_on(rig: Rig) -> None:
    claim = await begun(rig)
    again = await taken_over(rig, claim, told(created()))
    assert again.job.attempts[0].provider_id == "chatcmpl-1"
    await rig.run(again, one=Scripted([ANSWER]))
    job = await rig.job(claim)
    assert outcomes(job) == [(1, "one", "lost"), (2, "one", "completed")]


async def test_a_worker_lost_in_mid_answer_is_replayed(rig: Rig) -> None:
    rig.configure(on_loss="replay")
    claim = await begun(rig)
    again = await taken_over(rig, claim, told(created(), *spoken(0, "Hi")[:3]))
    await rig.run(again, one=Scripted([ANSWER]))
    assert (await rig.end(claim)).state is JobState.COMPLETED
    kinds = [
        msgspec.json.decode(data)["type"]
        for kind, data in await rig.told(claim)
        if kind == "DIALECT"
    ]
    assert kinds == [
        msgspec.json.decode(frame.body.partition(b"data: ")[2])["type"] for frame in ANSWER
    ]


async def test_one_lost_between_its_end_and_its_terminal_is_complete(rig: Rig) -> None:
    claim = await begun(rig)
    again = await taken_over(rig, claim, ANSWER)
    one = Scripted()
    await rig.run(again, one=one)
    assert (await rig.end(claim)).state is JobState.COMPLETED
    assert one.calls == []


async def test_the_providers_last_word_on_its_failure_is_passed_on(rig: Rig) -> None:
    claim = await begun(rig)
    one = Scripted([told(created(), *spoken(0, "Hi")[:3]), LOST])
    (one.parting,) = told(ended("failed", error={"code": "server_error", "message": "m"}))
    await rig.run(claim, one=one)
    terminal = await rig.end(claim)
    assert (terminal.told, terminal.error) == (True, RETRY)
    *_, last, _ = (await frames(rig.store, claim.job.key)).values()
    assert last == one.parting
    assert (await rig.job(claim)).attempts[0].usage


async def test_it_is_not_where_another_attempt_answers(rig: Rig) -> None:
    claim = await begun(rig)
    one, two = Scripted([told(created()), LOST]), Scripted([ANSWER])
    (one.parting,) = told(ended("failed"))
    await rig.run(claim, one=one, two=two)
    terminal = await rig.end(claim)
    assert (terminal.state, terminal.told) == (JobState.COMPLETED, False)
    assert b"response.failed" not in b"".join(
        frame.body for frame in (await frames(rig.store, claim.job.key)).values()
    )


async def test_nor_of_an_attempt_that_was_joined(rig: Rig) -> None:
    rig.configure({"two": True}, attempts=2)
    claim = await begun(rig)
    one = Scripted([told(created(), *spoken(0, "Hi")[:3]), LOST])
    two = Scripted([told(created(), *spoken(0, " you")[:3]), LOST])
    (two.parting,) = told(ended("failed"))
    await rig.run(claim, one=one, two=two)
    terminal = await rig.end(claim)
    assert (terminal.told, terminal.error) == (False, RETRY)
    found = list((await frames(rig.store, claim.job.key)).values())
    assert two.parting not in found
    assert Transcript.of(found).text() == "Hi you"


async def test_nor_where_nothing_was_delivered_and_a_status_tells(rig: Rig) -> None:
    claim = await begun(rig)
    one = Scripted([[], LOST])
    (one.parting,) = told(ended("failed"))
    await rig.run(claim, one=one, two=Scripted([LOST], [LOST]))
    assert not (await rig.end(claim)).told
    assert all(f.kind != Kind.DIALECT for f in (await frames(rig.store, claim.job.key)).values())


async def test_a_tool_call_can_be_held(rig: Rig) -> None:
    rig.configure(hold_tool_calls=True)
    claim = await begun(rig)
    item = {"id": "fc", "type": "function_call", "name": "f", "call_id": "c", "arguments": ""}
    call = {"type": "response.output_item.added", "output_index": 0, "item": item}
    lost = told(created(), call, delta("{", 0, "function_call_arguments", None))
    await rig.run(claim, one=Scripted([lost, LOST]), two=Scripted([ANSWER]))
    found = list((await frames(rig.store, claim.job.key)).values())
    assert fold(found)["output"] == [message(0, "Hi")]
    assert not any(b"function_call" in frame.body for frame in found)
