"""A hostile run's plan and strikes follow from the seed, and keep to their bounds."""

import itertools
import json
import random

import pytest

from tests.neighbours.attacks.bodies import SHAPES
from tests.neighbours.attacks.calls import LIMIT
from tests.neighbours.attacks.kinds import KINDS, named, strikes_of
from tests.neighbours.attacks.strike import Ask, Body, Piece, Raw, Wait, describe, head
from tests.neighbours.course import render as configuration
from tests.neighbours.plan import make_plan, render

_DRAWN = 40  # strikes of each kind
_SECONDS = 60.0  # that a step may take at most


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert make_plan(7, 2.0) == make_plan(7, 2.0)
    assert make_plan(7, 2.0) != make_plan(8, 2.0)


@pytest.mark.parametrize("seed", range(5))
def test_one_to_three_attacks_run_at_any_time_and_all_kinds_in_five_minutes(seed: int) -> None:
    plan = make_plan(seed, 5.0)
    for tenth in range(int(plan.seconds * 10) - 1):
        at = tenth / 10 + 0.053  # never the very moment at which one begins
        on = [a for a in plan.assaults if a.at <= at < a.at + a.seconds]
        assert 1 <= len(on) <= 3, at
    assert {assault.kind for assault in plan.assaults} == set(KINDS)
    assert 1 <= len(plan.kills) <= 2
    assert all(assault.at + assault.seconds <= plan.seconds + 0.01 for assault in plan.assaults)
    assert len(render(plan).splitlines()) == len(plan.assaults) + len(plan.kills)


def test_a_run_of_one_kind_has_that_kind_alone_and_kills_nobody() -> None:
    plan = make_plan(1, 5.0, named(["breaker"]))
    assert {assault.kind for assault in plan.assaults} == {"breaker"}
    assert not plan.kills


def test_a_family_names_its_kinds() -> None:
    assert set(named(["body", "breaker"])) == {k for k in KINDS if k.startswith("b")}
    with pytest.raises(KeyError):
        named(["bod"])


@pytest.mark.parametrize("kind", KINDS)
def test_strikes_follow_from_the_seed_and_are_bounded(kind: str) -> None:
    strikes = list(itertools.islice(strikes_of(kind, 3, 5), _DRAWN))
    assert strikes == list(itertools.islice(strikes_of(kind, 3, 5), _DRAWN))
    assert len(set(map(repr, strikes))) > 1
    for strike in strikes:
        assert describe(strike)
        for step in strike:
            if isinstance(step, Wait):
                assert step.seconds <= _SECONDS
            elif isinstance(step, Raw):
                size = sum(map(len, step.parts))
                assert size < 1 << 20
                assert step.hold + step.pause * len(step.parts) <= _SECONDS
            else:
                assert step.seconds <= _SECONDS
                assert step.body is None or step.body.size <= LIMIT + 200_000


def test_a_body_is_as_large_as_it_says_and_is_made_in_small_blocks() -> None:
    body = Body((Piece(b"[", 3), Piece(b'"%08d",', 100_000, True), Piece(b"x" * 10, 100_000)))
    assert len(bytes(body)) == body.size
    assert max(map(len, body.blocks())) < 300_000
    assert bytes(body).startswith(b'[[["00000000","00000001",')


@pytest.mark.parametrize("shape", SHAPES)
def test_most_bodies_are_json_and_end_in_a_small_message(shape: str) -> None:
    sound = 0
    for strike in itertools.islice(strikes_of(f"body-{shape}", 1, 1), _DRAWN):
        (ask,) = strike
        assert isinstance(ask, Ask)
        assert ask.body is not None
        if ask.body.size > 3_000_000:
            continue
        try:
            value = json.loads(bytes(ask.body))
        except (RecursionError, ValueError):
            continue  # too deep, or a number too long for Python's reader
        call = value.get("request", value)
        said = call["input"] if "input" in call else call["messages"]
        assert said[-1]["content"] == "attack"
        sound += 1
    assert sound


@pytest.mark.parametrize("dialect", ["chat", "responses"])
def test_arguments_are_json_within_json(dialect: str) -> None:
    for seed in range(6):
        _, bulk = SHAPES["arguments"](random.Random(seed), dialect, 2_000)
        messages = json.loads(b"[%b{}]" % bytes(Body(bulk)))
        call = messages[1]["tool_calls"][0]["function"] if dialect == "chat" else messages[1]
        assert json.loads(call["arguments"])["a"][-1] == 0


def test_some_bodies_are_over_the_limit_and_many_just_below() -> None:
    sizes = [
        ask.body.size
        for ((ask,), _) in zip(strikes_of("body-keys", 1, 1), range(200), strict=False)
        if isinstance(ask, Ask) and ask.body is not None
    ]
    assert any(size > LIMIT for size in sizes)
    assert sum(LIMIT - 3_000_000 < size <= LIMIT for size in sizes) > len(sizes) / 4


def test_a_head_frames_its_body_in_one_way() -> None:
    ask = Ask(b"POST", b"/x", body=Body((Piece(b"12"),)))
    assert b"content-length: 2\r\n" in head(ask)
    chunked = head(ask._replace(sending="chunked", account=-1))
    assert b"transfer-encoding: chunked\r\n" in chunked
    assert b"content-length" not in chunked
    assert b"authorization" not in chunked


def test_the_configuration_keeps_the_innocents_providers_apart() -> None:
    text = configuration("{sim}", "http://steady/v1")
    assert text.count('base_url = "{sim}"') == 3
    assert text.count('base_url = "{sim}beta"') == 1
    assert text.count('base_url = "http://steady/v1"') == 6
    assert text.count('base_url = "http://steady/v1beta"') == 2
    assert text.count("[accounts.") == 4
