"""Goals: absolute ones, and those that count in a peer's values."""

import pytest

from bench.figures import LITELLM, STREAMHOLD, Figure, Goal, Report, at_least, at_most
from bench.table import goals


def report(*figures: Figure) -> Report:
    return Report(at="", machine={}, plan={}, figures=list(figures))


@pytest.mark.parametrize(
    ("goal", "value", "reached"),
    [
        (at_most(1.5), 1.5, True),
        (at_most(1.5), 1.51, False),
        (at_least(30), 30.0, True),
        (at_least(30), 29.9, False),
        (at_most(0.1, LITELLM), 1.0, True),
        (at_most(0.1, LITELLM), 1.1, False),
        (at_least(8, LITELLM), 80.0, True),
        (at_least(8, LITELLM), 79.0, False),
        (at_most(1.0, "not there"), 1.0, None),
    ],
)
def test_reached(goal: Goal, value: float, reached: bool | None) -> None:
    assert goal.reached({STREAMHOLD: value, LITELLM: 10.0}) is reached


def test_a_goal_is_streamhold_s_alone() -> None:
    assert at_most(1).reached({LITELLM: 0.5}) is None


def test_a_report_reaches_its_goals_unless_one_is_missed() -> None:
    missed = Figure("cpu.total", "", {STREAMHOLD: 2.0}, goals=(at_most(3), at_most(1)))
    other = Figure("cpu.total", "", {STREAMHOLD: 2.0}, goals=(at_most(3), at_most(1, LITELLM)))
    assert not report(missed).reached
    assert report(other).reached


def test_a_value_is_found_by_name_load_and_subject() -> None:
    figures = (
        Figure("growth.api", "", {STREAMHOLD: 40.0}, x=100),
        Figure("growth.api", "", {STREAMHOLD: 50.0, LITELLM: 9.0}, x=1000),
    )
    assert report(*figures).value("growth.api", x=1000) == 50.0
    assert report(*figures).value("growth.api", LITELLM, x=1000) == 9.0
    with pytest.raises(KeyError, match=r"growth\.api at 5000"):
        report(*figures).value("growth.api", x=5000)


def test_the_table_of_goals() -> None:
    values = {STREAMHOLD: 2.0, LITELLM: 10.0}
    added = Figure("first_token.added", "ms", values, goals=(at_most(1.5), at_most(0.3, LITELLM)))
    calls = Figure("calls.rate", "1/s", values, goals=(at_least(8, "other"),), x=100)
    assert goals([added, calls]).text().splitlines() == [
        "goal                                is  wanted  unit",
        "first token: added                   2   ≤ 1.5  ms    not reached",
        "first token: added ≤ 0.3 × litellm   2     ≤ 3  ms    reached",
        "calls: rate at 100 ≥ 8 × other       2       ·  1/s   not measured",
    ]
