"""The times that tokens carry, read from any split of a body."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stamps import Stamps

TIMES = [1_000_000, 1_500_000, 1_500_000, 2_000_001]  # µs
BODY = b"".join(b'data: {"delta":{"content":"%016d"}}\n\n' % time for time in TIMES)


@given(st.lists(st.integers(0, len(BODY))))
def test_any_split_has_every_time_once(cuts: list[int]) -> None:
    stamps = Stamps()
    for start, end in pairwise([0, *sorted(cuts), len(BODY)]):
        stamps.feed(BODY[start:end], 3.0)
    assert stamps.delays == pytest.approx([2.0, 1.5, 1.5, 0.999999])


def test_other_contents_are_no_times() -> None:
    stamps = Stamps()
    stamps.feed(b'{"content":""} {"content":" 16 digits?"} {"content":"123"}', 3.0)
    assert stamps.delays == []
