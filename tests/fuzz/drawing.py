"""Examples of a strategy by number and seed: the same ones for the same seed."""

import random
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

T = TypeVar("T")


def draw(strategy: st.SearchStrategy[T], count: int, number: int) -> list[T]:
    """At most ``count`` examples, fewer where there are no more, none where there can be none."""
    drawn: list[T] = []

    @seed(number)
    @settings(
        max_examples=max(1, count),
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def take(example: T) -> None:
        drawn.append(example)

    try:
        take()
    except Unsatisfiable:
        return []
    return drawn[:count]


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Whole numbers in proportion to the weights, whose sum is the total."""
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    parts[-1] += total - sum(parts)
    return parts


def mix(parts: Sequence[Sequence[T]], number: int) -> list[T]:
    """All of the parts, shuffled."""
    mixed = [item for part in parts for item in part]
    random.Random(number).shuffle(mixed)
    return mixed
