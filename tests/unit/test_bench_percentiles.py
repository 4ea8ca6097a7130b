"""Percentiles by nearest rank."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.percentiles import median, percentile

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200)


def test_of_a_hundred_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert percentile(values, 99) == 99
    assert percentile(values, 100) == 100
    assert percentile(values, 1) == 1
    assert median(values) == 50


def test_of_few_values_the_99th_is_the_largest() -> None:
    assert percentile([3.0, 9.0, 5.0], 99) == 9


@pytest.mark.parametrize("percent", [0, -1, 101])
def test_there_are_none_outside_of_a_hundred(percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile([1.0], percent)


def test_there_is_none_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        median([])


@given(VALUES, st.integers(1, 100))
def test_enough_values_do_not_exceed_it_and_fewer_would_not_do(
    values: list[float], percent: int
) -> None:
    found = percentile(values, percent)
    wanted = percent * len(values)
    assert found in values
    assert 100 * sum(value <= found for value in values) >= wanted
    assert 100 * sum(value < found for value in values) < wanted
