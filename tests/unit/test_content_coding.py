"""Bodies that come compressed: what they stand for, in bounded steps, and never a part of it."""

import contextlib
import gzip
import sys
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.api.content_coding import PIECE, undoing
from broker.errors import BadRequest, UnknownEncoding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip of two members": (
        "x-gzip",
        lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:]),
    ),
    "deflate": ("deflate", zlib.compress),
    "deflate without a header": ("Deflate", lambda data: zlib.compress(data, wbits=-15)),
    "zstd": ("ZSTD", zstd.compress),
    "zstd of two frames": ("zstd", lambda data: zstd.compress(data[:5]) + zstd.compress(data[5:])),
}


def undone(name: str, data: bytes, step: int) -> bytes:
    undo = undoing(name)
    assert undo is not None
    found = bytearray()
    for place in range(0, len(data), step):
        for piece in undo.feed(data[place : place + step]):
            assert 0 < len(piece) <= PIECE
            found += piece
    if not undo.whole:
        raise EOFError
    return bytes(found)


@pytest.mark.parametrize("coding", CODINGS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=3000), times=st.integers(1, 300), step=st.integers(1, 5000))
def test_it_is_what_it_stands_for(coding: str, data: bytes, times: int, step: int) -> None:
    name, compress = CODINGS[coding]
    plain = data * times
    assert undone(name, compress(plain), step) == plain


@pytest.mark.parametrize("coding", CODINGS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=1, max_size=300), lost=st.integers(1, 300), step=st.integers(1, 99))
def test_what_is_torn_is_never_whole(coding: str, data: bytes, lost: int, step: int) -> None:
    name, compress = CODINGS[coding]
    torn = compress(data)[:-lost]
    alone = {"gzip of two members": "gzip", "zstd of two frames": "zstd"}.get(coding)
    if alone is not None and len(torn) == len(CODINGS[alone][1](data[:5])):
        return  # all of the first one, and nothing of the second
    with pytest.raises((EOFError, BadRequest)):
        undone(name, torn, step)


@pytest.mark.parametrize("coding", CODINGS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), place=st.integers(0, 10**6), step=st.integers(1, 99))
def test_rubbish_is_the_callers(coding: str, data: bytes, place: int, step: int) -> None:
    """Whatever came of it: what it stood for, or the caller's error; no other exception."""
    name, compress = CODINGS[coding]
    spoilt = bytearray(compress(data))
    spoilt[place % len(spoilt)] ^= 1 + place % 255
    with_end = [bytes(spoilt), compress(data) + b"\x00rubbish"]
    for odd in with_end:
        with contextlib.suppress(EOFError, BadRequest):
            undone(name, odd, step)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_comes_in_pieces(coding: str) -> None:
    """Whoever counts can stop: a few kilobytes are not made a hundred megabytes at once."""
    name, compress = CODINGS[coding]
    bomb = compress(bytes(100_000_000))
    assert len(bomb) < 200_000
    undo = undoing(name)
    assert undo is not None
    taken = 0
    for piece in undo.feed(bomb):
        assert len(piece) <= PIECE
        taken += len(piece)
        if taken > 1_000_000:
            return
    pytest.fail("it was no bomb")


@pytest.mark.parametrize("header", [None, "", "identity", " Identity , identity"])
def test_no_coding(header: str | None) -> None:
    assert undoing(header) is None


@pytest.mark.parametrize("header", ["br", "gzip, zstd", "compress", "é" * 500])
def test_an_unknown_one_is_named(header: str) -> None:
    with pytest.raises(UnknownEncoding) as refused:
        undoing(header)
    assert header[:40].lower() in refused.value.message
    assert len(refused.value.message) < 300
