"""What is tried next, as a table."""

import pytest

from broker.errors import UnknownModel
from broker.model import Attempt, Failure
from broker.routing import LOST, LOST_MID_STREAM, End, Run, Target, next_step, targets_for
from broker.settings import Provider, Route, Settings

A, B, C = Target("one", "a"), Target("two", "b"), Target("three", "c")
RETRY = Failure("provider_error", "It fell over.", remedy="retry")
LATER = Failure("rate_limited", "Too many.", remedy="retry", retry_after=3.0)
MUCH_LATER = Failure("rate_limited", "Too many.", remedy="retry", retry_after=3600.0)
NEXT = Failure("provider_auth", "Bad key.", remedy="next")
FINAL = Failure("invalid_request", "Bad request.", remedy="final")


def tries(*ended: tuple[Target, Failure | None]) -> list[Attempt]:
    return [
        Attempt(number, target.provider, target.model, 0.0, error=error)
        for number, (target, error) in enumerate(ended, 1)
    ]


def step(
    targets: list[Target],
    history: list[Attempt],
    *,
    delivered: bool = False,
    allowed: int = 3,
    backoff: float = 0.2,
) -> Run | End:
    return next_step(targets, history, delivered=delivered, allowed=allowed, backoff=backoff)


@pytest.mark.parametrize(
    ("targets", "history", "expected"),
    [
        pytest.param([A, B], tries(), Run(A, 0.0), id="the first target begins"),
        pytest.param([A, B], tries((A, RETRY)), Run(B, 0.0), id="the next one takes over"),
        pytest.param([A, B], tries((A, LATER)), Run(B, 0.0), id="without A's wait"),
        pytest.param([A, B], tries((A, NEXT)), Run(B, 0.0), id="a bad key is A's alone"),
        pytest.param([A, B], tries((A, None)), Run(B, 0.0), id="a lost worker moves on too"),
        pytest.param([A, B], tries((A, RETRY), (B, RETRY)), Run(A, 0.0), id="round to the head"),
        pytest.param([A, B, C], tries((A, RETRY), (B, NEXT)), Run(C, 0.0), id="in order"),
        pytest.param([A, B], tries((A, FINAL)), End(FINAL), id="the call itself is at fault"),
        pytest.param([A], tries((A, NEXT)), End(NEXT), id="there is no next"),
        pytest.param([A], tries((A, None)), Run(A, 0.0), id="a lost worker: again, at once"),
        pytest.param([A], tries((A, LATER)), Run(A, 3.0), id="the provider says when"),
        pytest.param([A], tries((A, MUCH_LATER)), Run(A, 10.0), id="but no longer than this"),
        pytest.param([A], tries((A, RETRY), (A, RETRY), (A, RETRY)), End(RETRY), id="enough"),
        pytest.param([A], tries((A, None), (A, None), (A, None)), End(LOST), id="lost each time"),
    ],
)
def test_next_step(targets: list[Target], history: list[Attempt], expected: Run | End) -> None:
    assert step(targets, history) == expected


@pytest.mark.parametrize(
    ("history", "failure"),
    [
        (tries((A, RETRY)), RETRY),
        (tries((A, NEXT)), NEXT),
        (tries((A, RETRY), (B, None)), LOST_MID_STREAM),
        (tries(), LOST_MID_STREAM),
    ],
)
def test_what_was_delivered_is_never_begun_again(history: list[Attempt], failure: Failure) -> None:
    assert step([A, B], history, delivered=True) == End(failure)


@pytest.mark.parametrize(("before", "base"), [(1, 0.2), (2, 0.4), (3, 0.8), (9, 10.0)])
def test_the_same_target_waits_longer_each_time(before: int, base: float) -> None:
    decision = step([A], tries(*[(A, RETRY)] * before), allowed=20)
    assert isinstance(decision, Run)
    assert min(base * 0.5, 10.0) <= decision.delay <= min(base * 1.5, 10.0)


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
