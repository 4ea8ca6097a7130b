"""The short way out, on the server as it is: this fails when a release moves what it stands on."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from unittest.mock import patch

import hypercorn.protocol
import pytest
from hypercorn.asyncio import run as hypercorn_run
from hypercorn.asyncio import serve
from sse_starlette import EventSourceResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from broker.api.connection import Served, install
from broker.api.crowd import Crowd
from broker.api.outlet import Outlet, connection_of
from broker.api.unread import Unread
from broker.settings import Server

_SERVER = Server()
Steps = Callable[[Outlet | None, Send], Any]


def outlet_of(scope: Scope) -> Outlet | None:
    """The outlet of a response that has begun, if it has one."""
    outlet = connection_of(scope)
    return outlet if outlet is not None and outlet.open else None


def begun(headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": headers}


def body(text: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text, "more_body": more}


def serving(
    steps: Steps, headers: list[tuple[bytes, bytes]] | None = None
) -> AbstractAsyncContextManager[int]:
    """A server whose every answer takes these steps; its port."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            assert outlet_of(scope) is None  # not before the answer has begun
            await send(begun(headers or []))
            await steps(outlet_of(scope), send)
            await send(body(b"", more=False))

    return serving_app(app)


@asynccontextmanager
async def serving_app(app: ASGIApp, server: Server = _SERVER) -> AsyncIterator[int]:
    """A server of this application, over our connections; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.set_inheritable(True)
    config = Served(server, Crowd(1 << 20, lambda reason: None), lambda reason: None)
    config.bind = [f"fd://{listener.fileno()}"]
    config.accesslog = config.errorlog = None
    stop = asyncio.Event()
    wrapped: Any = Unread(app)
    with (
        patch.dict(vars(hypercorn_run)),
        patch.dict(vars(hypercorn.protocol)),
    ):
        install()  # for this while
        running = asyncio.create_task(serve(wrapped, config, shutdown_trigger=stop.wait))
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            await running
            listener.detach()


async def ask(port: int, request: bytes) -> bytes:
    """All that the server sends."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        received = await reader.read()
        writer.close()
        return received


CLOSING = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("request_body", [b"", b"content-length: 2\r\n\r\n{}"])
async def test_both_ways_make_one_body(request_body: bytes) -> None:
    """In order, each chunk a chunk; also behind a request with a body, which is wrapped."""

    async def steps(outlet: Outlet | None, send: Send) -> None:
        assert outlet is not None
        await send(body(b"one "))
        assert outlet.write(b"two ")
        assert outlet.write(b"x" * 20 + b" ")
        await send(body(b"four"))

    request = CLOSING if not request_body else CLOSING.replace(b"\r\n\r\n", b"\r\n" + request_body)
    async with serving(steps) as port:
        received = await ask(port, request)
    _, _, content = received.partition(b"\r\n\r\n")
    told = b"4\r\none \r\n4\r\ntwo \r\n15\r\n%b \r\n4\r\nfour\r\n0\r\n\r\n" % (b"x" * 20)
    assert content == told


@pytest.mark.parametrize(
    ("request_line", "headers"),
    [(b"GET / HTTP/1.0\r\n\r\n", []), (CLOSING, [(b"content-length", b"4")])],
)
async def test_there_is_none_where_a_body_is_not_in_chunks(
    request_line: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    async def steps(outlet: Outlet | None, send: Send) -> None:
        assert outlet is None
        await send(body(b"text"))

    async with serving(steps, headers) as port:
        assert (await ask(port, request_line)).endswith(b"\r\n\r\ntext")


async def test_a_full_connection_takes_the_long_way() -> None:
    """A client that reads nothing fills it; what is refused is not sent."""
    refused, gone = asyncio.Event(), asyncio.Event()

    async def steps(outlet: Outlet | None, send: Send) -> None:
        assert outlet is not None
        for _ in range(10_000):
            if not outlet.write(b"x" * 65536):
                break
        else:
            raise AssertionError("a client that reads nothing took it all")
        assert not outlet.write(b"y")
        refused.set()
        await gone.wait()
        assert not outlet.write(b"y")

    async with serving(steps) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(10):
            await refused.wait()
        writer.transport.abort()
        gone.set()


@pytest.mark.parametrize("how", ["abort", "eof"])
async def test_a_client_s_leaving_is_told(how: str) -> None:
    left = asyncio.Event()

    async def steps(outlet: Outlet | None, send: Send) -> None:
        assert outlet is not None
        assert outlet.watch(left.set)
        await send(body(b"one"))
        async with asyncio.timeout(10):
            await left.wait()
        left.clear()
        outlet.watch(left.set)  # it is known of old by now
        assert left.is_set()

    async with serving(steps) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"3\r\none\r\n")
        if how == "abort":
            writer.transport.abort()
        else:
            writer.write_eof()
        async with asyncio.timeout(10):
            await left.wait()
        writer.close()


async def test_leaving_is_not_watched_where_the_server_is_stuck() -> None:
    """With a body that nobody receives, of more pieces than it queues."""
    refused = asyncio.Event()

    async def steps(outlet: Outlet | None, send: Send) -> None:
        assert outlet is not None
        assert not outlet.watch(refused.set)
        refused.set()

    request = CLOSING.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    async with serving(steps) as port:
        assert b"200" in await ask(port, request + b"1\r\nx\r\n" * 20 + b"0\r\n\r\n")
    assert refused.is_set()


async def test_a_body_that_still_comes_is_dropped() -> None:
    done = asyncio.Event()

    async def steps(outlet: Outlet | None, send: Send) -> None:
        assert outlet is not None
        assert outlet.watch(done.set)
        await send(body(b"one"))
        async with asyncio.timeout(10):
            await done.wait()

    request = b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(steps) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await reader.readuntil(b"3\r\none\r\n")
        writer.write(b"1\r\nx\r\n" * 20)
        writer.write_eof()
        async with asyncio.timeout(10):
            await done.wait()
        writer.close()


HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"X-Mixed-Case", b"a, b"),
    (b"Connection", b"keep-alive"),
]
KEPT = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def without_date(answer: bytes) -> bytes:
    return re.sub(rb"(?i)date: [^\r]*\r\n", b"", answer)


async def asked_twice(begins: bool, request: bytes = KEPT) -> bytes:
    """What a connection gets for two requests, the first chunk sent by either way."""
    ways: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        start, outlet = begun(HEADERS), connection_of(scope)
        assert outlet is not None
        head = outlet.head(start) if begins else b""
        ways.append(outlet.begin(head, b"one"))
        if ways[-1]:
            await outlet.begun(send, start)
        else:
            await send(start)
            await send(body(b"one"))
        later = outlet_of(scope)
        assert later is not None
        assert later.write(b"two")
        await send(body(b"three"))
        await send(body(b"", more=False))

    async with serving_app(app) as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        received = b""
        for end in (b"0\r\n\r\n", b""):
            writer.write(
                request if end else request.replace(b"x\r\n", b"x\r\nConnection: close\r\n")
            )
            received += await (reader.readuntil(end) if end else reader.read())
        writer.close()
    assert ways == [begins, False], "a connection that ends is told so in the head"
    return without_date(received)


async def test_a_head_made_ready_is_what_the_server_would_have_sent() -> None:
    """And the server goes on behind it as if it had: the same chunks, the next request."""
    ready, long = await asked_twice(True), await asked_twice(False)
    assert ready == long
    assert ready.count(b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n") == 2


async def test_no_head_is_made_ready_for_a_body_that_is_not_in_chunks() -> None:
    heads: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        outlet = connection_of(scope)
        assert outlet is not None
        sized = begun([(b"content-length", b"4")])
        heads.extend((outlet.head(begun([])), outlet.head(sized)))
        await send(sized)
        await send(body(b"text", more=False))

    async with serving_app(app) as port:
        assert (await ask(port, b"GET / HTTP/1.0\r\n\r\n")).endswith(b"\r\n\r\ntext")
        assert (await ask(port, CLOSING)).endswith(b"\r\n\r\ntext")
    assert heads == [b""] * 4


ODD: list[tuple[int, list[tuple[bytes, bytes]]]] = [
    *((status, []) for status in (204, 304)),
    (200, [(b"connection", b"close")]),
    (200, [(b"Transfer-Encoding", b"chunked")]),
    (200, [(b"x", b"a\r\nb: c")]),
    (200, [(b"x", "\u00e9".encode())]),
    (200, [(b"x", b" a")]),
    (200, [(b"x y", b"a")]),
    (200, [(b"", b"a")]),
]


@pytest.mark.parametrize(("status", "headers"), ODD)
async def test_no_head_is_made_ready_of_what_is_the_server_s_to_judge(
    status: int, headers: list[tuple[bytes, bytes]]
) -> None:
    heads: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        outlet = connection_of(scope)
        assert outlet is not None
        heads.append(outlet.head({**begun(headers), "status": status}))
        heads.append(outlet.head(begun(HEADERS)))
        await send(begun([]))
        await send(body(b"", more=False))

    async with serving_app(app) as port:
        await ask(port, KEPT.replace(b"x\r\n", b"x\r\nX: y\r\n") + CLOSING)
    assert heads[0] == b""
    assert heads[1].startswith(b"HTTP/1.1 200 \r\n")


@pytest.mark.parametrize("leaves", [False, True])
async def test_the_server_is_told_later_of_what_the_short_way_began(leaves: bool) -> None:
    """A turn lies between; also where the client has left by then, it is the head that it knows."""
    met: list[str] = []
    done = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        start, outlet = begun(HEADERS), connection_of(scope)
        assert outlet is not None
        assert outlet.begin(outlet.head(start), b"one")
        while leaves and (await receive())["type"] != "http.disconnect":
            pass
        await outlet.begun(send, start)
        await send(body(b"two"))  # else: a body without a head, which the server does not take
        await send(body(b"", more=False))
        met.append("end")
        done.set()

    async with serving_app(app) as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(KEPT)
        received = await reader.readuntil(b"3\r\none\r\n")
        if not leaves:
            received += await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        await done.wait()
    assert met == ["end"]
    assert received.endswith(b"one\r\n" if leaves else b"one\r\n3\r\ntwo\r\n0\r\n\r\n")


async def test_a_stream_s_own_head_is_made_ready() -> None:
    heads: list[bytes] = []

    async def nothing() -> AsyncIterator[bytes]:
        return
        yield

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        outlet = connection_of(scope)
        assert outlet is not None
        response = EventSourceResponse(nothing(), headers={"x-request-id": "a"})
        heads.append(outlet.head({**begun(response.raw_headers), "status": 200}))
        await send(begun([]))
        await send(body(b"", more=False))

    async with serving_app(app) as port:
        await ask(port, KEPT + CLOSING)
    assert b"\r\nx-request-id: a\r\n" in heads[0]
