"""What is tried next, as a table."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import UnknownModel
from broker.model import Attempt, Failure
from broker.routing import (
    LOST,
    LOST_MID_STREAM,
    End,
    Policy,
    Run,
    Shut,
    Standing,
    Target,
    after_loss,
    next_step,
    policy_for,
    targets_for,
)
from broker.settings import Provider, Route, RouteTarget, Settings

A, B, C = Target("one", "a"), Target("two", "b"), Target("three", "c")
RETRY = Failure("provider_error", "It fell over.", remedy="retry")
LATER = Failure("rate_limited", "Too many.", remedy="retry", retry_after=3.0)
MUCH_LATER = Failure("rate_limited", "Too many.", remedy="retry", retry_after=3600.0)
NEXT = Failure("provider_auth", "Bad key.", remedy="next")
UNASKED = Failure("invalid_request", "No.", remedy="next", code="unexpressible")
FINAL = Failure("invalid_request", "Bad request.", remedy="final")
KEPT = Failure("provider_cut", "It had ended.", code="kept_connection")


def tries(*ended: tuple[Target, Failure | None]) -> list[Attempt]:
    return [
        Attempt(number, target.provider, target.model, 0.0, error=error)
        for number, (target, error) in enumerate(ended, 1)
    ]


def policy(
    *targets: Target,
    prefilling: tuple[Target, ...] = (),
    on_loss: Any = None,
    allowed: int = 3,
    backoff: float = 0.2,
    **more: Any,
) -> Policy:
    return Policy(targets, frozenset(prefilling), on_loss, allowed, backoff, **more)


@pytest.mark.parametrize(
    ("targets", "history", "expected"),
    [
        pytest.param([A, B], tries(), Run(A, 0.0), id="the first target begins"),
        pytest.param([A, B], tries((A, RETRY)), Run(B, 0.0), id="the next one takes over"),
        pytest.param([A, B], tries((A, LATER)), Run(B, 0.0), id="without A's wait"),
        pytest.param([A, B], tries((A, NEXT)), Run(B, 0.0), id="a bad key is A's alone"),
        pytest.param([A, B], tries((A, None)), Run(A, 0.0), id="a lost worker is not A's fault"),
        pytest.param([A, B], tries((C, None)), Run(A, 0.0), id="the route has changed"),
        pytest.param([A, B], tries((A, NEXT), (B, RETRY)), Run(B, 0.0), id="A is out"),
        pytest.param([A, B], tries((A, NEXT), (B, NEXT)), End(NEXT), id="so are all"),
        pytest.param([A, B], tries((A, RETRY), (B, RETRY)), Run(A, 0.0), id="round to the head"),
        pytest.param([A, B, C], tries((A, RETRY), (B, NEXT)), Run(C, 0.0), id="in order"),
        pytest.param([A, B], tries((A, FINAL)), End(FINAL), id="the call itself is at fault"),
        pytest.param([A], tries((A, NEXT)), End(NEXT), id="there is no next"),
        pytest.param([A, B], tries((A, NEXT), (B, UNASKED)), End(NEXT), id="B was never asked"),
        pytest.param([A], tries((A, UNASKED)), End(UNASKED), id="nobody was"),
        pytest.param([A], tries((A, None)), Run(A, 0.0), id="a lost worker: again, at once"),
        pytest.param([A], tries((A, LATER)), Run(A, 3.0), id="the provider says when"),
        pytest.param([A], tries((A, MUCH_LATER)), Run(A, 10.0), id="but no longer than this"),
        pytest.param([A], tries((A, RETRY), (A, RETRY), (A, RETRY)), End(RETRY), id="enough"),
        pytest.param([A], tries((A, None), (A, None), (A, None)), End(LOST), id="lost each time"),
        pytest.param([A, B], tries((A, KEPT)), Run(A, 0.0), id="over a new connection"),
        pytest.param([A, B], tries((A, RETRY), (B, KEPT)), Run(B, 0.0), id="B too"),
        pytest.param([A, B], tries((A, KEPT), (A, RETRY)), Run(B, 0.0), id="and then as ever"),
        pytest.param([A, B], tries((A, KEPT), (A, KEPT)), Run(B, 0.0), id="once in a row"),
        pytest.param(
            [A], tries((A, RETRY), (A, RETRY), (A, KEPT)), Run(A, 0.0), id="without the wait"
        ),
        pytest.param(
            [A], tries((A, KEPT), (A, RETRY), (A, RETRY), (A, RETRY)), End(RETRY), id="uncounted"
        ),
    ],
)
def test_next_step(targets: list[Target], history: list[Attempt], expected: Run | End) -> None:
    assert next_step(policy(*targets, backoff=0.0), history) == expected


SILENT, TEXT, OTHER = Standing(True, False), Standing(False, True), Standing(False, False)


@pytest.mark.parametrize(
    ("options", "history", "standing", "expected"),
    [
        # By default: going on where a target can, else the end.
        ({}, tries((A, RETRY)), TEXT, End(RETRY)),
        ({}, tries((A, None)), TEXT, End(LOST_MID_STREAM)),
        ({"prefilling": (B,)}, tries((A, RETRY)), TEXT, Run(B, 0.0, "continue")),
        ({"prefilling": (C,)}, tries((A, RETRY)), TEXT, Run(C, 0.0, "continue")),
        ({"prefilling": (A, B)}, tries((C, RETRY)), TEXT, Run(A, 0.0, "continue")),
        ({"prefilling": (B,)}, tries((A, RETRY)), OTHER, End(RETRY)),
        ({"prefilling": (A,)}, tries((A, LATER)), TEXT, Run(A, 3.0, "continue")),
        ({"prefilling": (A,)}, tries((A, None)), TEXT, Run(A, 0.0, "continue")),
        ({"prefilling": (A,)}, tries((A, NEXT)), TEXT, End(NEXT)),
        ({"prefilling": (B,)}, tries((A, FINAL)), TEXT, End(FINAL)),
        ({"prefilling": (B,)}, tries((A, RETRY), (B, UNASKED)), TEXT, End(RETRY)),
        ({"prefilling": (B,)}, tries((A, None), (B, UNASKED)), TEXT, End(LOST_MID_STREAM)),
        ({"prefilling": (B,)}, tries((A, RETRY), (B, RETRY), (B, RETRY)), TEXT, End(RETRY)),
        ({"prefilling": (B,)}, tries((Target("gone", "x"), None)), TEXT, Run(B, 0.0, "continue")),
        # The same target again, on request only.
        ({"on_loss": "replay"}, tries((A, LATER)), TEXT, Run(A, 3.0, "replay")),
        ({"on_loss": "replay"}, tries((A, None)), OTHER, Run(A, 0.0, "replay")),
        ({"on_loss": "replay"}, tries((A, NEXT)), OTHER, End(NEXT)),
        ({"on_loss": "replay"}, tries((Target("gone", "x"), None)), TEXT, End(LOST_MID_STREAM)),
        # The end, but not before the first word.
        ({"on_loss": "terminate", "prefilling": (B,)}, tries((A, RETRY)), TEXT, End(RETRY)),
        ({"on_loss": "terminate"}, tries((A, RETRY)), SILENT, Run(B, 0.0, "replay")),
        ({"on_loss": "replay"}, tries((A, RETRY)), SILENT, Run(B, 0.0, "replay")),
        ({}, tries((A, None)), SILENT, Run(A, 0.0, "replay")),
        # A target is preferred while its worker is to blame, or it has retries.
        ({"prefilling": (A, B)}, tries((B, None)), TEXT, Run(B, 0.0, "continue")),
        ({"prefilling": (A, C)}, tries((B, None)), TEXT, Run(C, 0.0, "continue")),
        ({"prefilling": (A, B)}, tries((A, LATER)), TEXT, Run(B, 0.0, "continue")),
        ({"prefilling": (A, B), "retries": 1}, tries((A, LATER)), TEXT, Run(A, 3.0, "continue")),
        ({"prefilling": (B,), "retries": 1}, tries((A, LATER)), TEXT, Run(B, 0.0, "continue")),
        ({"prefilling": (A, B)}, tries((A, NEXT), (B, NEXT)), TEXT, End(NEXT)),
        ({}, tries((A, FINAL)), SILENT, End(FINAL)),
        # One over a kept connection that had ended is none.
        ({"prefilling": (B,)}, tries((A, RETRY), (B, KEPT)), TEXT, Run(B, 0.0, "continue")),
        ({"on_loss": "replay"}, tries((A, None), (A, KEPT)), TEXT, Run(A, 0.0, "replay")),
        ({"allowed": 2}, tries((A, RETRY), (B, KEPT)), SILENT, Run(B, 0.0, "replay")),
        ({"allowed": 1}, tries((A, None)), SILENT, End(LOST_MID_STREAM)),
    ],
)
def test_after_a_loss(
    options: dict[str, Any], history: list[Attempt], standing: Standing, expected: Run | End
) -> None:
    assert after_loss(policy(A, B, C, **options), history, standing) == expected


def test_one_try_of_each_target_is_one_that_was_asked() -> None:
    """However few the caller or the route allow."""
    rules = policy(A, B, allowed=1, once=True)
    assert next_step(rules, tries((A, KEPT))) == Run(A, 0.0)
    assert next_step(rules, tries((A, KEPT), (A, RETRY))) == End(RETRY)


@pytest.mark.parametrize(("before", "base"), [(1, 0.2), (2, 0.4), (3, 0.8), (9, 10.0)])
def test_the_same_target_waits_longer_each_time(before: int, base: float) -> None:
    decision = next_step(policy(A, allowed=20), tries(*[(A, RETRY)] * before))
    assert isinstance(decision, Run)
    assert min(base * 0.5, 10.0) <= decision.delay <= min(base * 1.5, 10.0)


# ── Whole jobs ─────────────────────────────────────────────────────────────────────────

LOST_WORKER, DRAINED = "lost", "handed_over"
ends = st.lists(st.sampled_from([RETRY, LATER, NEXT, FINAL, LOST_WORKER, DRAINED]), max_size=30)
policies = st.builds(
    lambda count, **options: policy(*(A, B, C)[:count], **options),
    st.integers(1, 3),
    retries=st.integers(0, 3),
    allowed=st.integers(1, 9),
)


def play(rules: Policy, ended: Iterable[Failure | str]) -> tuple[list[Attempt], list[Run | End]]:
    """Let a job's attempts end like this, one after the other: all of them, and each decision."""
    history: list[Attempt] = []
    steps: list[Run | End] = [unshut(next_step(rules, history))]
    for end in ended:
        if isinstance(steps[-1], End):
            break
        failure, outcome = (None, end) if isinstance(end, str) else (end, "failed")
        target = steps[-1].target
        history.append(
            Attempt(len(history) + 1, *target, started=0.0, outcome=outcome, error=failure)
        )
        steps.append(unshut(next_step(rules, history)))
    return history, steps


def unshut(step: Run | End | Shut) -> Run | End:
    """A decision where no breaker is open."""
    assert not isinstance(step, Shut)
    return step


@given(policies, ends)
def test_what_holds_for_every_job(rules: Policy, ended: list[Failure | str]) -> None:
    history, steps = play(rules, ended)
    counted = [each for each in history if each.outcome != DRAINED]
    assert len(counted) <= rules.allowed
    for number, (attempt, step) in enumerate(zip(history, steps[1:], strict=True), 1):
        before, error = Target(attempt.provider, attempt.model), attempt.error
        left = sum(each.outcome != DRAINED for each in history[:number]) < rules.allowed
        out = {each.provider for each in history[:number] if each.error is NEXT}
        if isinstance(step, End):
            assert attempt.outcome != DRAINED
            assert not left or error is FINAL or len(out) == len(rules.targets)
            continue
        assert left
        assert error is not FINAL
        assert step.target.provider not in out
        assert step.mode == "fresh"
        if error is None:
            assert step == Run(before, 0.0)
        assert (step.delay > 0) == (step.target == before and error is not None)


@given(st.integers(2, 3), st.integers(0, 3), st.integers(1, 12))
def test_each_target_has_its_retries_and_then_the_next(
    count: int, retries: int, allowed: int
) -> None:
    rules = policy(*(A, B, C)[:count], retries=retries, allowed=allowed)
    history, steps = play(rules, [RETRY] * 20)
    share = 1 + retries
    expected = [rules.targets[number // share % count] for number in range(allowed)]
    assert [Target(each.provider, each.model) for each in history] == expected
    assert steps[-1] == End(RETRY)


@given(policies, ends, st.data())
def test_a_handed_over_attempt_changes_nothing(
    rules: Policy, ended: list[Failure | str], data: st.DataObject
) -> None:
    """Drains put in anywhere leave the order in which targets fail as it is."""
    there = [end for end in ended if end != DRAINED]
    more = [each for end in there for each in (*[DRAINED] * data.draw(st.integers(0, 2)), end)]
    plain, steps = play(rules, there)
    drained, more_steps = play(rules, more)
    failed = [(each.provider, each.error) for each in drained if each.outcome != DRAINED]
    assert failed == [(each.provider, each.error) for each in plain]
    assert isinstance(more_steps[-1], End) == isinstance(steps[-1], End)


SETTINGS = Settings(
    providers={"one": Provider(base_url="http://one/v1"), "two": Provider(base_url="http://two")},
    routes={"m": Route(targets=("one/a", "two/org/b")), "one/m": Route(targets=("two/c",))},
)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("m", (Target("one", "a"), Target("two", "org/b"))),
        ("one/x", (Target("one", "x"),)),
        ("two/org/x", (Target("two", "org/x"),)),
        ("one/m", (Target("two", "c"),)),  # a route before a provider
    ],
)
def test_the_targets_of_a_model(model: str, expected: tuple[Target, ...]) -> None:
    assert targets_for(SETTINGS, model) == expected
    assert str(expected[0]) == f"{expected[0].provider}/{expected[0].model}"


@pytest.mark.parametrize("model", ["x", "", "/", "one", "one/", "three/x"])
def test_an_unknown_model_is_refused(model: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        targets_for(SETTINGS, model)
    assert caught.value.param == "model"


def test_the_policy_of_a_route_and_of_a_provider() -> None:
    settings = Settings(
        providers={
            "one": Provider(base_url="http://one/v1", prefill="prefix"),
            "two": Provider(base_url="http://two"),
        },
        routes={
            "m": Route(
                targets=("one/a", "two/b"), on_loss="replay", attempts=5, backoff=0.0, deadline=9.0
            ),
            "plain": Route(targets=("two/b",)),
            "own": Route(
                targets=(
                    RouteTarget(target="one/a", prefill=False),
                    RouteTarget(target="two/b", prefill=True),
                ),
                retries=2,
                hold_tool_calls=True,
            ),
            "few": Route(targets=("two/b",), retries=2, attempts=2),
        },
    )
    assert policy_for(settings, "m") == policy(
        A, B, prefilling=(A,), on_loss="replay", allowed=5, backoff=0.0, deadline=9.0
    )
    assert policy_for(settings, "plain") == policy(B)
    assert policy_for(settings, "own") == policy(
        A, B, prefilling=(B,), allowed=6, retries=2, hold_tool_calls=True
    )
    assert policy_for(settings, "few").allowed == 2
    assert policy_for(settings, "one/a") == policy(A, prefilling=(A,))
    with pytest.raises(UnknownModel):
        policy_for(settings, "x")
