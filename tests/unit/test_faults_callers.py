"""How long a caller heard nothing."""

import pytest

from bench.faults.callers import longest_gap


@pytest.mark.parametrize(
    ("times", "gap"),
    [
        ([], 0.0),
        ([1.0, 2.0], 0.0),  # all before
        ([9.0, 12.0, 12.5], 2.0),  # counted from the moment on, not from the event before it
        ([9.0, 10.5, 14.0, 14.5], 3.5),
    ],
)
def test_the_longest_gap_after_a_moment(times: list[float], gap: float) -> None:
    assert longest_gap(times, 10.0) == gap
