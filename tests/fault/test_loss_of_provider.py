"""A provider lost in mid-stream, in every way, with anything half said, under every policy."""

import asyncio
from typing import Literal, NamedTuple

import pytest

from broker.model import JobState
from rig.answers import Witness, begins, has_half, result_of, uncut, witness_all
from rig.cluster import WAIT, Cluster
from tests.fault.conftest import Make

PROVIDERS = """
[timeouts]
idle = 1.0
[providers.pre]
base_url = "SIM_URL"
prefill = true
[providers.flagged]
base_url = "SIM_URL"
prefill = "partial"
[providers.whole]
base_url = "SIM_URL"
prefill = true
streams = false
"""
ROUTE = '[routes."%s"]\ntargets = [%s]\nbackoff = 0.01\n%s\n'

FAULTS = {
    "dropafter": "provider_cut",
    "eofafter": "provider_cut",
    "garbleafter": "provider_garbled",
    "errorafter": "provider_stream_error",
    "hangafter": "provider_timeout",
}


class Speech(NamedTuple):
    """What is being said, and after how many chunks it is lost."""

    model: str
    lost: int
    hold: bool = False


SPEECHES = {
    "role": Speech("tokens=30", 0),
    "text": Speech("tokens=30", 12),
    "odd": Speech("tokens=30,escape", 4),  # half a character among it, in some of the cases
    "last": Speech("tokens=30", 30),  # only its finish is missing
    "thought": Speech("reasoning=20,tokens=10", 12),
    "answer": Speech("reasoning=20,tokens=20", 31),  # in the text, the thought is complete
    "name": Speech("tools=1,tokens=20", 1),
    "call": Speech("tools=1,tokens=20", 12),
    "second": Speech("parallel=2,tokens=6", 12),  # the first call is complete
    "held": Speech("tools=1,tokens=20", 12, hold=True),
    "pondered": Speech("reasoning=5,tools=1,tokens=20", 15, hold=True),
}

Policy = Literal["continue", "replay", "terminate", "unset", "unset-alone"]

# Whether the answer comes whole, and the mode of the attempt that made it so.
CONTINUED = {
    "role": "replay",
    "text": "continue",
    "odd": "continue",
    "last": "continue",
    "answer": "continue",
    "held": "replay",
}
WHOLE: dict[Policy, dict[str, str]] = {
    "continue": CONTINUED,
    "unset": CONTINUED,
    "unset-alone": {"role": "replay", "held": "replay"},
    "replay": dict.fromkeys(SPEECHES, "replay"),
    "terminate": {"role": "replay", "held": "replay"},  # no word of theirs was delivered
}


def _model(speech: Speech, fault: str, times: int = 1) -> str:
    return f"{speech.model},interval=5ms,prefill,{fault}={speech.lost},failfirst={times}"


def _route(name: str, policy: Policy, speech: Speech, fault: str) -> str:
    target = _model(speech, fault)
    alone = policy in ("replay", "unset-alone")
    targets = [f"sim/{target}"] if alone else [f"sim/{target}", f"pre/{target}"]
    lines = "" if policy.startswith("unset") else f'on_loss = "{policy}"\n'
    lines += "hold_tool_calls = true\n" if speech.hold else ""
    return ROUTE % (name, ", ".join(f'"{each}"' for each in targets), lines)


@pytest.mark.parametrize("policy", WHOLE)
async def test_loss_in_mid_stream(make_cluster: Make, policy: Policy) -> None:
    cases = {f"{said}-{fault}": (said, fault) for said in SPEECHES for fault in FAULTS}
    routes = [_route(n, policy, SPEECHES[said], fault) for n, (said, fault) in cases.items()]
    cluster = await make_cluster(apis=1, workers=1, config=PROVIDERS + "".join(routes))
    witnesses = await witness_all(cluster, {name: name for name in cases})
    await asyncio.gather(*(_check(witnesses[name], policy, *case) for name, case in cases.items()))


async def _check(witness: Witness, policy: Policy, said: str, fault: str) -> None:
    speech = SPEECHES[said]
    terminal = await witness.finish()
    expected = uncut(_model(speech, fault), witness.prompt)
    attempts = (await witness.cluster.job(witness.prompt)).attempts
    assert attempts[0].error is not None
    assert (attempts[0].outcome, attempts[0].error.type) == ("failed", FAULTS[fault])
    mode = WHOLE[policy].get(said)
    if mode == "continue" and has_half(_model(speech, fault), witness.prompt, speech.lost):
        mode = None  # what was delivered can't be sent to anyone
    if mode is None:
        assert terminal.error is not None
        assert (terminal.state, terminal.error.type) == (JobState.FAILED, FAULTS[fault])
        assert terminal.error.retryable
        assert witness.modes == ["fresh"]
        assert (witness.said == expected) is (said == "last")
        assert begins(witness.said, expected)
        assert not (speech.hold and "tool_calls" in witness.said)
    else:
        assert terminal.state is JobState.COMPLETED, (witness.prompt, terminal.error)
        assert witness.modes == ["fresh", mode]
        assert attempts[1].outcome == "completed"
        assert witness.said == expected, witness.prompt
        assert await result_of(witness.cluster, witness.prompt) == expected
    assert (attempts[0].usage or {}).get("estimated") is True, witness.prompt


async def _one(make_cluster: Make, targets: list[str], lines: str) -> tuple[Cluster, Witness]:
    """A call of a route of its own."""
    named = ", ".join(f'"{target}"' for target in targets)
    cluster = await make_cluster(
        apis=1, workers=1, config=PROVIDERS + ROUTE % ("route", named, lines)
    )
    return cluster, (await witness_all(cluster, {"one": "route"}))["one"]


@pytest.mark.parametrize("policy", ["continue", "replay"])
async def test_lost_twice(make_cluster: Make, policy: str) -> None:
    """Each attempt goes on from all that those before it said."""
    model = _model(SPEECHES["text"], "dropafter", times=2)
    _, witness = await _one(make_cluster, [f"flagged/{model}"], f'on_loss = "{policy}"')
    assert (await witness.finish()).state is JobState.COMPLETED
    assert witness.modes == ["fresh", policy, policy]
    assert witness.said == uncut(model, "one")


async def test_lost_more_often_than_it_may_be_tried(make_cluster: Make) -> None:
    model = _model(SPEECHES["text"], "dropafter", times=9).replace("=12", "=5")
    lines = 'on_loss = "continue"\nattempts = 4'
    _, witness = await _one(make_cluster, [f"pre/{model}"], lines)
    terminal = await witness.finish()
    assert terminal.error is not None
    assert (terminal.state, terminal.error.type) == (JobState.FAILED, "provider_cut")
    assert witness.modes == ["fresh", *["continue"] * 3]
    words = uncut(model, "one")["content"].split(" ")
    assert witness.said == {"content": " ".join(words[:21])}  # the first is empty


@pytest.mark.parametrize("said", ["text", "call", "thought"])
async def test_a_replay_that_says_something_else(make_cluster: Make, said: str) -> None:
    speech = SPEECHES[said]
    model = _model(speech._replace(model=f"{speech.model},vary"), "dropafter")
    cluster, witness = await _one(make_cluster, [f"sim/{model}"], 'on_loss = "replay"')
    terminal = await witness.finish()
    assert terminal.error is not None
    assert (terminal.state, terminal.error.type) == (JobState.FAILED, "replay_diverged")
    first = uncut(model, "one")  # what the first call began to say
    assert witness.said != first
    assert begins(witness.said, first)
    assert witness.modes == ["fresh", "replay"]
    attempts = (await cluster.job("one")).attempts
    assert [attempt.outcome for attempt in attempts] == ["failed", "failed"]


async def test_going_on_with_a_target_that_does_not_stream(make_cluster: Make) -> None:
    model = _model(SPEECHES["text"], "dropafter")
    _, witness = await _one(make_cluster, [f"sim/{model}", f"whole/{model}"], "")
    terminal = await witness.finish()
    assert terminal.state is JobState.COMPLETED
    assert witness.said == uncut(model, "one")
    assert witness.chunks[-1]["usage"] == terminal.usage


async def test_providers_that_never_tell_what_they_cost(make_cluster: Make) -> None:
    model = _model(SPEECHES["text"], "dropafter") + ",nousage"
    _, witness = await _one(make_cluster, [f"sim/{model}", f"pre/{model}"], "")
    terminal = await witness.finish()
    assert witness.said == uncut(model, "one")
    assert (terminal.usage or {}).get("estimated") is True


async def test_lost_while_the_store_is_away(make_cluster: Make) -> None:
    """Where the answer stands can't be read then: the worker waits, it does not give up."""
    model = _model(SPEECHES["text"], "hangafter")
    cluster, witness = await _one(make_cluster, [f"sim/{model}", f"pre/{model}"], "")
    await witness.native.reached(lambda r: len(r.events) == 14, WAIT)  # attempt, role, 12 chunks
    cluster.server.kill()
    await asyncio.to_thread(cluster.workers[0].wait_for, '"attempt.failed"')
    cluster.server.start()
    await witness.chat.finish(WAIT)
    await witness.native.finish(WAIT)
    assert witness.said == uncut(model, "one")
    assert witness.modes == ["fresh", "continue"]
