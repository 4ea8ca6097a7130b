"""Request bodies: what is read, and what is refused."""

import tracemalloc
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message

from broker.api.body import read_json
from broker.api.problems import LATE
from broker.dialects.body import decode_object
from broker.errors import BadRequest, SlowRequest, TooLarge, UnsupportedMediaType

JSON = "application/json"


def request(
    parts: Sequence[bytes], kind: str | None = JSON, length: str | None = None, *, cut: bool = False
) -> Request:
    """A request whose body arrives in parts; ``cut`` ends the connection after them."""
    headers = []
    if kind is not None:
        headers.append((b"content-type", kind.encode()))
    if length is not None:
        headers.append((b"content-length", length.encode("latin1")))
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts
    ]
    messages.append({"type": "http.disconnect"} if cut else {"type": "http.request", "body": b""})

    async def receive() -> Message:
        return messages.pop(0)

    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


@pytest.mark.parametrize("kind", [JSON, "Application/JSON", "application/json; charset=utf-8"])
async def test_a_body_in_parts(kind: str) -> None:
    assert await read_json(request([b'{"a"', b":", b"1}"], kind), 100) == b'{"a":1}'


@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
async def test_what_is_not_declared_as_json(kind: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        await read_json(request([b"{}"], kind), 100)


async def test_the_limit_is_exact() -> None:
    assert await read_json(request([b"x" * 5, b"y" * 5], length="10"), 10) == b"x" * 5 + b"y" * 5
    with pytest.raises(TooLarge):
        await read_json(request([b"x" * 5, b"y" * 6]), 10)


async def test_a_body_in_crumbs_takes_no_more_memory_than_another() -> None:
    size = 400_000
    crumb: Message = {"type": "http.request", "body": b"xy", "more_body": True}
    left = size // 2

    async def receive() -> Message:
        nonlocal left
        left -= 1
        return crumb if left else {"type": "http.request", "body": b"xy"}

    headers = [(b"content-type", JSON.encode())]
    crumbs = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    tracemalloc.start()
    try:
        assert len(await read_json(crumbs, size)) == size
        assert tracemalloc.get_traced_memory()[1] < 4 * size
    finally:
        tracemalloc.stop()


async def test_a_body_that_is_late_and_one_whose_client_left() -> None:
    cut = request([b"{"], cut=True)
    with pytest.raises(BadRequest):
        await read_json(cut, 10)
    late = request([b"{"], cut=True)
    late.scope[LATE] = True
    with pytest.raises(SlowRequest):
        await read_json(late, 10)


@pytest.mark.parametrize("length", ["11", "9" * 30, "9" * 5000])
async def test_a_declared_length_is_refused_before_it_arrives(length: str) -> None:
    unread = request([b"x"] * 3, length=length)
    with pytest.raises(TooLarge):
        await read_json(unread, 10)


@pytest.mark.parametrize("length", ["-1", "x", "²", ""])
async def test_a_length_that_is_none_is_passed_over(length: str) -> None:
    assert await read_json(request([b"{}"], length=length), 10) == b"{}"


async def test_a_declared_length_does_not_lift_the_limit() -> None:
    with pytest.raises(TooLarge):
        await read_json(request([b"x" * 11], length="2"), 10)


async def test_a_connection_that_ends_within_the_body() -> None:
    with pytest.raises(BadRequest, match="within the body"):
        await read_json(request([b"{"], cut=True), 10)


def test_an_object() -> None:
    assert decode_object(b' {"a": [1, "\\u00e9"]} ') == {"a": [1, "é"]}


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b"true"])
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="must be a JSON object"):
        decode_object(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":1,}',
        b'{"a":NaN}',
        b'{"a":"\xff"}',
        b"{}{}",
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(BadRequest, match="not JSON"):
        decode_object(body)
