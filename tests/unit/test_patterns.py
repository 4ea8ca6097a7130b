"""Patterns: which route serves a name, and what becomes of its targets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import UnknownModel
from broker.routing import Target, policy_for, targets_for
from broker.settings import Provider, Route, RouteTarget, Settings, Timeouts
from broker.settings.patterns import best, filled, patterns_of

NAMES = ("one", "two", "anthropic", "google")
PROVIDERS = {
    name: Provider(
        base_url="http://x", dialect="gemini" if name == "google" else "chat", first_token=9.0
    )
    for name in NAMES
}


def settings(**routes: tuple[str | RouteTarget, ...]) -> Settings:
    return Settings(providers=PROVIDERS, routes={k: Route(targets=v) for k, v in routes.items()})


def served(built: Settings, model: str) -> list[str]:
    return [str(target) for target in targets_for(built, model)]


@pytest.mark.parametrize(
    ("pattern", "target", "model", "expected"),
    [
        ("claude-*", "anthropic/*", "claude-opus-5-5", "anthropic/claude-opus-5-5"),
        ("claude-*", "one/anthropic.claude-*-v1:0", "claude-x", "one/anthropic.claude-x-v1:0"),
        ("claude-*", "one/fixed", "claude-x", "one/fixed"),
        ("*", "one/*", "gpt-4o", "one/gpt-4o"),
        ("*", "one/*", "meta-llama/Llama-3", "one/meta-llama/Llama-3"),
        ("team/*", "one/*", "team/gpt-4o", "one/gpt-4o"),
        ("team/gpt-*", "one/*", "team/gpt-4o", "one/gpt-4o"),
        ("team/gpt-*", "one/own-*", "team/gpt-4o", "one/own-4o"),
        ("team/*", "one/*", "team/a/b", "one/a/b"),
        ("*-fast", "one/*", "gpt-fast", "one/gpt-fast"),
        ("*-fast", "one/x-*", "gpt-fast", "one/x-gpt"),
        ("gpt-*-mini", "one/*", "gpt-4o-mini", "one/gpt-4o-mini"),
        ("one/*", "two/*", "one/m", "two/m"),  # a provider's own names are rerouted by their place
        ("one/g*", "two/*", "one/gpt", "two/gpt"),
    ],
)
def test_the_star_carries_the_name_over(
    pattern: str, target: str, model: str, expected: str
) -> None:
    assert served(settings(**{pattern: (target,)}), model) == [expected]


@pytest.mark.parametrize(
    ("pattern", "model"),
    [
        ("claude-*", "claude-"),  # a star is one character or more
        ("claude-*", "Claude-x"),
        ("claude-*", "x-claude-x"),
        ("a*a", "a"),
        ("ab*ba", "aba"),  # the ends don't overlap
        ("claude-*", "claude-*"),  # no name, but the pattern itself
    ],
)
def test_what_it_does_not_match_is_unknown(pattern: str, model: str) -> None:
    with pytest.raises(UnknownModel):
        targets_for(settings(**{pattern: ("one/*",)}), model)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", "exact"),
        ("gpt-4o-mini", "gpt-4*"),
        ("gpt-5", "gpt-*"),
        ("gpt-5-mini", "*-mini"),  # more text than gpt-*
        ("gpt-4x-x", "*4x-x"),  # as much as gpt-4*, and the longer end: its beginning decides
        ("other", "*"),
        ("one/other", "direct"),  # the catch-all leaves providers' own addresses alone
        ("one/gpt-4o-mini", "direct"),
        ("two/x", "two/*"),
    ],
)
def test_the_most_specific_wins(model: str, expected: str) -> None:
    routes = {"gpt-4o": ("one/exact",), "two/*": ("one/two-star",)}
    for name in ("gpt-*", "gpt-4*", "*-mini", "*", "*4x-x"):
        routes[name] = (f"one/is {name.replace('*', '+')}",)
    found = served(settings(**routes), model)
    if expected == "*4x-x":
        expected = "gpt-4*"
    marks = {"exact": "one/exact", "direct": model, "two/*": "one/two-star"}
    assert found == [marks.get(expected, f"one/is {expected.replace('*', '+')}")]


@given(st.lists(st.text("ab*/", max_size=5), max_size=6, unique=True), st.text("ab/", max_size=6))
def test_the_choice_does_not_depend_on_the_order(names: list[str], model: str) -> None:
    names = [name for name in names if name.count("*") == 1]
    found = best(patterns_of(names), model, ())
    assert best(patterns_of(reversed(names)), model, ()) == found
    matching = [each for each in patterns_of(names) if each.match(model) is not None]
    assert (found is None) == (not matching)
    if found is not None:
        star = found.match(model)
        assert star
        assert found.name.replace("*", star) == model
        assert all(len(each.name) <= len(found.name) for each in matching)
        assert filled("one/+*", found, model) == f"one/+{star}"


def test_a_route_s_settings_hold_for_what_its_pattern_serves() -> None:
    built = settings(
        **{"m-*": (RouteTarget(target="one/*", first_token=3.0, prefill=True), "two/*")}
    )
    assert built.timeouts_for("m-1", "one", "m-1").first_token == 3.0
    assert built.timeouts_for("m-1", "two", "m-1").first_token == 9.0
    assert built.timeouts_for("one/m-1", "one", "m-1") == Timeouts(first_token=9.0)
    policy = policy_for(built, "m-1")
    assert policy.targets == (Target("one", "m-1"), Target("two", "m-1"))
    assert policy.prefilling == {Target("one", "m-1")}


def test_a_name_leads_out_of_no_address() -> None:
    built = settings(**{"g-*": ("google/*", "one/*"), "h-*": ("google/x-*",)})
    assert served(built, "g-1") == ["google/g-1", "one/g-1"]
    assert served(built, "g-../../files") == ["one/g-../../files"]  # where it is no address
    with pytest.raises(UnknownModel):
        targets_for(built, "h-1/../..")
    with pytest.raises(UnknownModel):
        targets_for(built, "h-1?key=x")


def test_two_targets_that_come_to_one_are_one() -> None:
    built = settings(**{"m-*": ("one/*", "one/m-*")})
    assert served(built, "m-1") == ["one/m-1"]


def test_who_chose_a_target() -> None:
    """A route, and whether it names the model in full."""
    routes = {"m": Route(targets=("p/a", "q/b")), "c-*": Route(targets=("p/*", "q/c-5"))}
    built = Settings(routes=routes, providers={"p": Provider(), "q": Provider()})
    assert built.chosen("m", "p", "a") == (True, True)
    assert built.chosen("c-9", "p", "c-9") == (True, False)
    assert built.chosen("c-9", "q", "c-5") == (True, True)
    assert built.chosen("p/a", "p", "a") == (False, False)
