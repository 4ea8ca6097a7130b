"""Percentiles by nearest rank: always a value that was measured, never one in between.

A percentile needs a sample that reaches it: of fewer than 100 values the 99th is the largest,
and says no more than that.
"""

from collections.abc import Sequence
from math import ceil


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of all values do not exceed.

    Raises:
        ValueError: there are no values, or ``percent`` is not above 0 and at most 100.
    """
    if not values:
        raise ValueError("a percentile of nothing")
    if not 0 < percent <= 100:
        raise ValueError(f"there is no percentile {percent}")
    return sorted(values)[ceil(percent / 100 * len(values)) - 1]


def median(values: Sequence[float]) -> float:
    """The 50th percentile; of an even number of values the lower of the two in the middle."""
    return percentile(values, 50)
