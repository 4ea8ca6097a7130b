"""A request's headers: read as starlette reads them."""

import pytest
from starlette.requests import Request

from broker.api.headers import header

RAW = [(b"host", b"x"), (b"etag", b"\xe9"), (b"twice", b"one"), (b"twice", b"two"), (b"empty", b"")]


@pytest.mark.parametrize("name", ["host", "etag", "twice", "empty", "none"])
def test_a_header_is_what_starlette_says(name: str) -> None:
    request = Request({"type": "http", "headers": RAW})
    assert header(request, name.encode()) == request.headers.get(name)
