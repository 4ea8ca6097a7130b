"""Ratios of paired measurements: the median, its interval, and whether it keeps a bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import NamedTuple

from bench.percentiles import percentile

LEAST_PAIRS = 10
NARROW = 0.02  # how far an interval may reach from the median, to either side
SLACK = 0.03  # how far the median may lie above a bound that the interval's lower end keeps
_RESAMPLES = 4000


class Pair(NamedTuple):
    """One measurement of each build. Both are above 0."""

    this: float
    other: float

    @property
    def ratio(self) -> float:
        return self.this / self.other


@dataclass(frozen=True)
class Ratio:
    """The median of the pairs' ratios, and its 95 % bootstrap interval."""

    median: float
    low: float
    high: float
    pairs: int

    @property
    def sure(self) -> bool:
        """Whether there are enough pairs, and the interval is narrow."""
        reach = max(self.high - self.median, self.median - self.low)
        return self.pairs >= LEAST_PAIRS and round(reach, 6) <= NARROW

    def within(self, bound: float) -> bool | None:
        """Whether the bound holds; None if there are too few pairs to tell.

        It holds when the interval's lower end is within it, so that noise alone breaks nothing, and
        the median is not far above it, so that a wide interval excuses nothing.
        """
        if self.pairs < LEAST_PAIRS:
            return None
        return self.low <= bound and self.median <= bound + SLACK


def ratio_of(pairs: Sequence[Pair]) -> Ratio:
    """What these pairs say; the same pairs always say the same.

    Raises:
        ValueError: there are none.
    """
    ratios = [pair.ratio for pair in pairs]
    if not ratios:
        raise ValueError("a ratio of nothing")
    random = Random(len(ratios))
    medians = [median(random.choices(ratios, k=len(ratios))) for _ in range(_RESAMPLES)]
    return Ratio(median(ratios), percentile(medians, 2.5), percentile(medians, 97.5), len(ratios))
