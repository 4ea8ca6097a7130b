"""The table and the figures' verdicts."""

import pytest

from bench.figures import DIRECT, STREAMHOLD, Figure, Report
from bench.table import number, render, table

KEPT = Figure("first_token.added_median", "ms", {STREAMHOLD: 2.0}, limit=5.0)
BROKEN = Figure("cpu.total", "µs/token", {STREAMHOLD: 201.0, DIRECT: 20.0}, limit=200.0)
FREE = Figure("cpu.client", "µs/token", {"peer": 12.345, DIRECT: 9.0}, note="a note")


def test_verdicts() -> None:
    assert (KEPT.passed, BROKEN.passed, FREE.passed) == (True, False, None)


def test_a_limit_is_no_other_subject_s() -> None:
    assert Figure("cpu.total", "", {DIRECT: 900.0}, limit=200.0).passed is None


def test_a_report_passes_unless_a_limit_is_broken() -> None:
    def report(*figures: Figure) -> Report:
        return Report(at="", machine={}, plan={}, figures=list(figures))

    assert report(KEPT, FREE).passed
    assert not report(KEPT, BROKEN).passed


def test_the_table() -> None:
    assert render([KEPT, BROKEN, FREE]).splitlines() == [
        "                direct  streamhold  peer  ÷ direct  ÷ peer  unit      limit",
        "first token",
        "  added median       ·           2     ·         ·       ·  ms        ≤ 5    pass",
        "cpu",
        "  total             20         201     ·      10.1       ·  µs/token  ≤ 200  FAIL",
        "  client             9           ·  12.3         ·       ·  µs/token               a note",
    ]


def test_columns_that_nothing_needs_are_left_out() -> None:
    figure = Figure("growth.total", "µs", {STREAMHOLD: 3.0}, x=5000)
    assert render([figure]).splitlines() == [
        "                  streamhold  unit",
        "growth",
        "  total at 5,000           3  µs",
    ]


def test_as_markdown() -> None:
    assert table([BROKEN]).markdown().splitlines() == [
        "### cpu",
        "",
        "|  | direct | streamhold | ÷ direct | unit | limit |  |  |",
        "| --- | --: | --: | --: | --- | --- | --- | --- |",
        "| total | 20 | 201 | 10.1 | µs/token | ≤ 200 | FAIL |  |",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.12345, "0.123"),
        (12.345, "12.3"),
        (123.456, "123"),
        (999.6, "1,000"),
        (12345.6, "12,346"),
        (-7.0, "-7"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text
