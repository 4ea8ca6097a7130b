"""One HTTP/1.1 response, read from any split of its bytes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.response import Response, ResponseError

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = (
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\nA;x=1\r\n, \r\n world\r\n1\r\n!\r\n0\r\n\r\n"
)
SIZED = HEAD + b"Content-Length: 5\r\n\r\nhello"


def read(data: bytes, cuts: list[int]) -> tuple[Response, bytes]:
    response = Response()
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    body = b"".join(response.feed(data[start:end]) for start, end in pairwise(places))
    return response, body


@given(st.lists(st.integers(0, 10_000)))
def test_chunks_over_any_split(cuts: list[int]) -> None:
    response, body = read(CHUNKED, cuts)
    assert (response.done, response.status, body) == (True, 200, b"hello, \r\n world!")
    assert response.headers[b"content-type"] == b"text/event-stream"


@given(st.lists(st.integers(0, 10_000)))
def test_a_length_over_any_split(cuts: list[int]) -> None:
    response, body = read(SIZED, cuts)
    assert (response.done, body) == (True, b"hello")


def test_an_empty_body() -> None:
    response, body = read(HEAD + b"\r\n", [])
    assert (response.done, body) == (True, b"")


@pytest.mark.parametrize("whole", [CHUNKED, SIZED])
def test_a_cut_one_is_not_done(whole: bytes) -> None:
    for end in range(len(whole)):
        assert not read(whole[:end], [])[0].done


@pytest.mark.parametrize("whole", [CHUNKED, SIZED])
def test_what_follows_is_given_back(whole: bytes) -> None:
    assert read(whole + b"HTTP/1.1 ", [])[0].rest == b"HTTP/1.1 "


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_it_can_not_read(data: bytes) -> None:
    with pytest.raises(ResponseError):
        Response().feed(data)
