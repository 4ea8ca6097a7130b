"""Which bodies are large: by bytes, and by the values that they hold at most."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.offload.size import MOST_BYTES, MOST_PARTS, is_large, parts_in

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=30,
)


def values_in(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(values_in, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(values_in, value))
    return 1


@given(VALUES)
def test_there_are_never_more_values_than_parts(value: Any) -> None:
    assert values_in(value) <= 1 + 2 * parts_in(msgspec.json.encode(value))


@pytest.mark.parametrize("number", ["1e300", "-5E-324", "1.7976931348623157e+308"])
def test_numbers_that_take_long_count_for_many(number: str) -> None:
    body = "[" + ",".join([number] * 200) + "]"
    assert is_large(body.encode())
    assert not is_large(body.replace("e", "").replace("E", "").encode())


def test_what_is_large() -> None:
    assert not is_large(b'"' + b"x" * (MOST_BYTES - 2) + b'"')
    assert is_large(b'"' + b"x" * MOST_BYTES + b'"')
    assert not is_large(b"[" + b"0," * (MOST_PARTS - 1) + b"0]")
    assert is_large(b"[" + b"0," * MOST_PARTS + b"0]")
