"""What a caller's options and open breakers make of a route's policy."""

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadRequest
from broker.model import Attempt, Failure, Options
from broker.routing import (
    CIRCUIT_OPEN,
    LOST_MID_STREAM,
    RETRIED,
    End,
    Policy,
    Run,
    Shut,
    Standing,
    Target,
    after_loss,
    next_step,
    policy_for,
)
from broker.settings import Provider, Route, Settings, Worker

A, B, C = Target("one", "a"), Target("two", "b"), Target("three", "c")
ALL = (A, B, C)
NAMES = tuple(map(str, ALL))
RETRY = Failure("provider_error", "It fell over.", remedy="retry")
NEXT = Failure("provider_auth", "Bad key.", remedy="next")
PASSING = Failure("provider_error", "It fell over.", remedy="retry", retryable=True)
SLOW = msgspec.structs.replace(PASSING, retry_after=77.0)
TEXT = Standing(silent=False, prefillable=True)


def settings_of(route: Route) -> Settings:
    providers = {target.provider: Provider(base_url="http://x", prefill=True) for target in ALL}
    return Settings(providers=providers, routes={"m": route}, worker=Worker(attempts=3))


def narrowed(options: Options, **route: Any) -> Policy:
    return policy_for(settings_of(Route(targets=NAMES, **route)), "m", options)


def tried(target: Target, error: Failure | None = None, outcome: str | None = None) -> Attempt:
    return Attempt(1, *target, started=0.0, error=error, outcome=outcome)


# ── Options ────────────────────────────────────────────────────────────────────────────

maybe = st.none() | st.integers(0, 9)
routes = st.builds(
    Route,
    targets=st.permutations(NAMES).flatmap(
        lambda names: st.integers(1, 3).map(lambda count: tuple(names[:count]))
    ),
    retries=maybe,
    attempts=st.none() | st.integers(1, 9),
    deadline=st.none() | st.floats(0.1, 100.0),
    on_loss=st.sampled_from([None, "continue", "replay", "terminate"]),
)
options = st.builds(
    Options,
    targets=st.none() | st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(tuple),
    retries=maybe,
    attempts=st.none() | st.integers(1, 9),
    deadline=st.none() | st.floats(0.1, 100.0),
)


@given(routes, options)
def test_a_caller_never_widens_a_route(route: Route, wanted: Options) -> None:
    settings = settings_of(route)
    whole = policy_for(settings, "m")
    if not set(wanted.targets or ()) <= set(route.names):
        with pytest.raises(BadRequest) as caught:
            policy_for(settings, "m", wanted)
        assert caught.value.param == "targets"
        return
    narrow = policy_for(settings, "m", wanted)
    assert set(narrow.targets) <= set(whole.targets)
    assert len(set(narrow.targets)) == len(narrow.targets) >= 1
    assert narrow.prefilling <= whole.prefilling
    assert 1 <= narrow.allowed <= whole.allowed
    assert narrow.allowed <= (wanted.attempts or narrow.allowed)
    assert narrow.retries <= whole.retries
    for limit in (whole.deadline, wanted.deadline):
        assert limit is None or (narrow.deadline is not None and narrow.deadline <= limit)
    unchanged = ("on_loss", "backoff", "hold_tool_calls")
    assert all(getattr(narrow, name) == getattr(whole, name) for name in unchanged)


@given(routes)
def test_nothing_wanted_changes_nothing(route: Route) -> None:
    settings = settings_of(route)
    everything = Options(route.names, 100, 100, 1e6, "batch", "cancel", 5.0)
    assert policy_for(settings, "m", Options()) == policy_for(settings, "m")
    plain = policy_for(settings, "m")
    wide = policy_for(settings, "m", everything)
    assert wide._replace(deadline=None) == plain._replace(deadline=None)
    assert wide.deadline == (route.deadline or 1e6)


@pytest.mark.parametrize(
    ("wanted", "route", "expected"),
    [
        ({"targets": (str(B), str(A))}, {}, {"targets": (B, A), "allowed": 3}),
        ({"targets": (str(B), str(B))}, {}, {"targets": (B,)}),
        ({"targets": (str(B),)}, {"retries": 2}, {"allowed": 3, "retries": 2}),
        ({"retries": 0}, {}, {"allowed": 3, "retries": 0}),
        ({"retries": 0}, {"attempts": 9}, {"allowed": 3}),
        ({"retries": 1}, {"retries": 3}, {"allowed": 6, "retries": 1}),
        ({"targets": (str(A),), "retries": 0}, {}, {"allowed": 1}),
        ({"attempts": 1}, {"retries": 3}, {"allowed": 1}),
        ({"attempts": 9}, {"attempts": 2}, {"allowed": 2}),
        ({"deadline": 5.0}, {"deadline": 9.0}, {"deadline": 5.0}),
        ({"deadline": 9.0}, {"deadline": 5.0}, {"deadline": 5.0}),
        ({"deadline": 9.0}, {}, {"deadline": 9.0}),
    ],
)
def test_narrowing(wanted: Any, route: Any, expected: Any) -> None:
    policy = narrowed(msgspec.convert(wanted, Options), **route)
    assert {name: getattr(policy, name) for name in expected} == expected


def test_a_provider_addressed_directly_has_its_own_name_only() -> None:
    settings = settings_of(Route(targets=NAMES))
    assert policy_for(settings, "one/x", Options(targets=("one/x",))).targets == (("one", "x"),)
    with pytest.raises(BadRequest):
        policy_for(settings, "one/x", Options(targets=("one/a",)))


# ── Breakers ───────────────────────────────────────────────────────────────────────────


def policy(*targets: Target, **more: Any) -> Policy:
    return Policy(targets or ALL, frozenset(), None, 5, 0.0)._replace(**more)


@pytest.mark.parametrize(
    ("shut", "history", "expected"),
    [
        ({A: 5.0}, [], B),
        ({A: 5.0, B: 3.0}, [], C),
        ({C: 5.0}, [], A),
        ({B: 5.0}, [tried(A, RETRY)], C),
        ({B: 5.0, C: 5.0}, [tried(A, RETRY)], A),
        ({B: 5.0}, [tried(A, NEXT)], C),
        # A lost or drained worker speaks for its target, but not against an open breaker.
        ({B: 5.0}, [tried(A, outcome="lost")], A),
        ({A: 5.0}, [tried(A, outcome="lost")], B),
        ({A: 5.0}, [tried(A, outcome="handed_over")], B),
    ],
)
def test_shut_targets_are_passed_over(
    shut: dict[Target, float], history: list[Attempt], expected: Target
) -> None:
    step = next_step(policy(), history, shut)
    assert isinstance(step, Run)
    assert step.target == expected


def test_a_lost_answer_goes_on_elsewhere_while_its_target_is_shut() -> None:
    rules = policy(prefilling=frozenset((A, B)))
    step = after_loss(rules, [tried(A, outcome="lost")], TEXT, {A: 5.0})
    assert step == Run(B, 0.0, "continue")
    rules = policy(prefilling=frozenset((A,)))  # the only one that can
    step = after_loss(rules, [tried(A, outcome="lost")], TEXT, {A: 5.0})
    assert step == Shut(5.0, LOST_MID_STREAM)


def test_a_replay_waits_for_the_same_target() -> None:
    step = after_loss(policy(on_loss="replay"), [tried(A, RETRY)], TEXT, {A: 5.0, B: 1.0})
    assert step == Shut(5.0, RETRY)


def test_a_lost_beginning_waits_with_its_own_failure() -> None:
    silent = TEXT._replace(silent=True)
    assert after_loss(policy(A), [tried(A, RETRY)], silent, {A: 5.0}) == Shut(5.0, RETRY)


@pytest.mark.parametrize(
    ("shut", "history", "wait", "failure"),
    [
        ({A: 5.0, B: 3.0, C: 4.0}, [], 3.0, CIRCUIT_OPEN),
        ({A: 5.0, B: 0.0, C: 4.0}, [], 0.0, CIRCUIT_OPEN),  # another call is its trial
        ({A: 5.0, B: 3.0, C: 4.0}, [tried(B, NEXT)], 4.0, NEXT),  # but A and C may do
        ({A: 5.0, B: 3.0, C: 4.0}, [tried(A, PASSING)], 3.0, PASSING),
        ({A: 5.0, B: 3.0, C: 4.0}, [tried(A, SLOW)], 3.0, SLOW),  # which says itself for how long
        ({A: 1.0, B: 5.0, C: 5.0}, [tried(A, outcome="handed_over")], 1.0, CIRCUIT_OPEN),
    ],
)
def test_with_all_shut_nobody_is_called(
    shut: dict[Target, float], history: list[Attempt], wait: float, failure: Failure
) -> None:
    wait_of = failure.retry_after or wait
    failure = msgspec.structs.replace(failure, retryable=True, retry_after=wait_of)
    assert next_step(policy(), history, shut) == Shut(wait, failure)


# ── Callers that try again by themselves ───────────────────────────────────────────────


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], A),
        ([tried(A, RETRY)], B),
        ([tried(A, RETRY), tried(B, RETRY)], C),
        ([tried(A, RETRY), tried(B, RETRY), tried(C, RETRY)], None),
        ([tried(A, outcome="lost")], A),  # its worker died: the caller knows nothing of it
        ([tried(A, outcome="handed_over")], A),
        ([tried(A, RETRY), tried(B, outcome="lost")], B),
    ],
)
def test_each_target_fails_once_for_them(history: list[Attempt], expected: Target | None) -> None:
    rules = policy(retries=3, once=True)
    step = next_step(rules, history)
    assert isinstance(step, End) if expected is None else step == Run(expected, 0.0)


def test_what_was_begun_is_gone_on_with_for_them_too() -> None:
    rules = policy(A, prefilling=frozenset((A,)), once=True)
    assert after_loss(rules, [tried(A, RETRY)], TEXT) == Run(A, 0.0, "continue")
    silent = after_loss(rules, [tried(A, RETRY)], TEXT._replace(silent=True))
    assert silent == Run(A, 0.0, "replay")


def test_the_policy_for_them_is_kept_apart() -> None:
    settings = settings_of(Route(targets=NAMES))
    plain, once = policy_for(settings, "m"), policy_for(settings, "m", RETRIED)
    assert once == plain._replace(once=True)
    assert policy_for(settings, "m", RETRIED) is once
    assert policy_for(settings, "m", Options(caller_retries=False)) == plain


shuts = st.dictionaries(st.sampled_from(ALL), st.floats(0.0, 30.0))
ends = st.lists(
    st.tuples(st.sampled_from(ALL), st.sampled_from([RETRY, NEXT, "lost", "handed_over"])),
    max_size=6,
)


@given(shuts, ends)
def test_breakers_hide_no_way_and_open_none(shut: dict[Target, float], ended: list[Any]) -> None:
    """A job is made to wait if all ways are shut, and only then; no shut one is ever taken."""
    history = [
        tried(target, None, end) if isinstance(end, str) else tried(target, end, "failed")
        for target, end in ended
    ]
    rules = policy()
    plain, step = next_step(rules, history), next_step(rules, history, shut)
    assert isinstance(step, End) == isinstance(plain, End)
    out = {Target(each.provider, each.model) for each in history if each.error is NEXT}
    left = [target for target in ALL if target not in out]
    if isinstance(step, Run):
        assert step.target in left
        assert step.target not in shut
    elif isinstance(step, Shut):
        assert step.wait == min(shut[target] for target in left)


def test_handed_over_and_lost_attempts_count_as_they_should() -> None:
    rules = policy(A, allowed=2)
    drained = [tried(A, outcome="handed_over")] * 20
    assert isinstance(next_step(rules, drained), Run)
    assert isinstance(after_loss(rules, drained, TEXT._replace(silent=True)), Run)
    for order in set(itertools.permutations(["lost", "lost", "handed_over"])):
        history = [tried(A, outcome=outcome) for outcome in order]
        assert isinstance(next_step(rules, history), End)
    unknown = Attempt(1, "", "", 0.0, outcome="lost")  # a claim that told nothing
    assert next_step(rules, [unknown]) == Run(A, 0.0)
    assert isinstance(next_step(rules, [unknown] * 2), End)
