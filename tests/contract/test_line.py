"""Connections taken from the server and given back: on the server as it is, over real sockets."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Send

from broker.api.line import Line
from broker.api.outlet import Outlet
from rig.cluster import until
from tests.contract.test_outlet import CLOSING, body, serving

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Taker:
    """An application whose every answer takes its connection, and leaves the rest to a test."""

    def __init__(self, before: Callable[[], Awaitable[object]] | None = None) -> None:
        self.lines: asyncio.Queue[Line | None] = asyncio.Queue()
        self.left = asyncio.Event()
        self.servers: list[weakref.ref[Any]] = []
        self._before = before

    async def __call__(self, outlet: Outlet | None, send: Send) -> None:
        assert outlet is not None
        await send(body(b"one"))
        if self._before is not None:
            await self._before()
        self.servers += [weakref.ref(outlet._server), weakref.ref(outlet._protocol)]
        line = outlet.take(self.left.set)
        self.lines.put_nowait(line)

    async def line(self) -> Line:
        async with asyncio.timeout(10):
            line = await self.lines.get()
        assert line is not None
        return line


@asynccontextmanager
async def asking(taker: Taker, request: bytes = GET) -> AsyncIterator[Client]:
    """A client that has asked, and been answered so far."""
    async with serving(taker) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            async with asyncio.timeout(10):
                await reader.readuntil(b"3\r\none\r\n")
            yield reader, writer
        finally:
            writer.transport.abort()


async def heard(reader: asyncio.StreamReader, wanted: bytes) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readuntil(wanted)


async def test_a_line_goes_on_and_its_connection_is_used_again() -> None:
    taker = Taker()
    async with asking(taker) as (reader, writer):
        for _ in range(3):
            line = await taker.line()
            assert line.write(b"two")
            await line.send(b"three")
            await line.end()
            line.close("terminal")
            assert await heard(reader, b"0\r\n\r\n") == b"3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"
            writer.write(GET)
            await heard(reader, b"3\r\none\r\n")
        (await taker.line()).close("left")
    assert not taker.left.is_set()


async def test_the_server_keeps_nothing_of_it() -> None:
    """Not even for the collector: it seldom comes."""
    taker = Taker()
    gc.collect()
    gc.disable()
    try:
        async with asking(taker):
            line = await taker.line()
            await until(lambda: not any(server() for server in taker.servers), 10)
            line.close("left")
    finally:
        gc.enable()


async def test_a_connection_that_is_to_be_closed_is_closed() -> None:
    taker = Taker()
    async with asking(taker, CLOSING) as (reader, _):
        line = await taker.line()
        await line.end()
        async with asyncio.timeout(10):
            assert await reader.read() == b"0\r\n\r\n"
        line.close("terminal")


async def test_the_next_call_may_come_early() -> None:
    """More of it than is kept, too."""
    taker = Taker()
    async with asking(taker) as (reader, writer):
        line = await taker.line()
        length = 300_000
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length)
        writer.write(b"x" * length)
        await until(lambda: not line.transport.is_reading(), 10)
        assert len(line._early) < length
        await line.end()
        line.close("terminal")
        assert (await heard(reader, b"3\r\none\r\n")).startswith(b"0\r\n\r\nHTTP/1.1 200 \r\n")
    assert not taker.left.is_set()


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(GET + GET, id="the next call is there"),
        pytest.param(GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\n"), id="a body"),
    ],
)
async def test_a_connection_with_something_on_it_stays_with_the_server(more: bytes) -> None:
    taker = Taker()
    async with asking(taker, more):
        async with asyncio.timeout(10):
            assert await taker.lines.get() is None


@pytest.mark.parametrize("how", ["abort", "eof"])
async def test_a_client_s_leaving_is_told_once(how: str) -> None:
    taker = Taker()
    async with asking(taker) as (reader, writer):
        line = await taker.line()
        if how == "abort":
            writer.transport.abort()
        else:
            writer.write_eof()
        async with asyncio.timeout(10):
            await taker.left.wait()
        line.close("left")
        if how == "eof":
            async with asyncio.timeout(10):
                assert await reader.read() == b""


@pytest.mark.parametrize("ending", ["aborted", "handed_back"])
async def test_what_is_cut_has_no_end(ending: str) -> None:
    taker = Taker()
    async with asking(taker) as (reader, _):
        line = await taker.line()
        await line.send(b"last")
        line.close(ending)
        async with asyncio.timeout(10):
            assert await reader.read() == b"4\r\nlast\r\n"
    assert not taker.left.is_set()


async def test_a_slow_client_slows_the_sender_down() -> None:
    taker = Taker()
    async with asking(taker) as (reader, _):
        line = await taker.line()
        count = 0
        while line.write(b"x" * 65536):
            count += 1
            assert count < 10_000, "a client that reads nothing took it all"
        sent = asyncio.ensure_future(line.send(b"y" * 65536))
        await asyncio.sleep(0)
        assert not sent.done()
        assert not line.write(b"z")
        rest = asyncio.ensure_future(reader.readexactly((count + 1) * (65536 + 9)))
        await sent
        await line.end()
        async with asyncio.timeout(10):
            received = await rest
        assert received.count(b"x") == count * 65536
        assert received.endswith(b"y\r\n")
        assert await heard(reader, b"\r\n\r\n") == b"0\r\n\r\n"
        line.close("terminal")


async def test_a_sender_is_let_go_when_its_client_leaves() -> None:
    taker = Taker()
    async with asking(taker) as (_, writer):
        line = await taker.line()
        while line.write(b"x" * 65536):
            pass
        sent = asyncio.ensure_future(line.send(b"y" * 65536))
        await asyncio.sleep(0)
        assert not sent.done()
        writer.transport.abort()
        async with asyncio.timeout(10):
            await sent
            await line.end()
            await taker.left.wait()
        line.close("left")


async def test_a_server_that_stops_does_not_wait_for_a_line() -> None:
    taker = Taker()
    async with asyncio.timeout(2):  # it would give its own connections three
        async with serving(taker) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GET)
            line = await taker.line()
    await line.send(b"two")
    await heard(reader, b"3\r\ntwo\r\n")
    line.close("aborted")
    assert await reader.read() == b""
    writer.close()


async def test_nothing_is_sent_on_a_connection_that_was_cut() -> None:
    """As one that takes nothing is: its sender may be about to send more."""
    taker = Taker()
    async with asking(taker):
        line = await taker.line()
        line.transport.abort()
        async with asyncio.timeout(10):
            await taker.left.wait()
            await line.send(b"more")
            await line.end()
        line.close("stalled")
