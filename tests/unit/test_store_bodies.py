"""Request bodies as they are stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.store.bodies import pack, unpack


@given(body=st.binary(max_size=200), limit=st.integers(0, 200))
def test_a_body_comes_back_as_it_was(body: bytes, limit: int) -> None:
    assert unpack(pack(body, limit)) == body


@pytest.mark.parametrize(("size", "mark"), [(0, b"j"), (100, b"j"), (101, b"z")])
def test_only_what_is_above_the_limit_is_compressed(size: int, mark: bytes) -> None:
    assert pack(b"a" * size, 100)[:1] == mark


def test_compression_pays() -> None:
    assert len(pack(b'{"role":"user"},' * 1000, 4096)) < 1000
