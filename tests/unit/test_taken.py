"""Taken: an answer counts as taken once the client's system has acknowledged its last byte."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from broker.api.taken import Taken

PATIENCE = 5.0
SIZE = 20_000_000  # bytes, more than the system's buffers take


class Pair:
    """A connection: the server's transport, and the client's socket, which nobody reads."""

    def __init__(self, transport: asyncio.Transport, client: socket.socket) -> None:
        self.transport = transport
        self.client = client

    async def taken(self, *, more: int = 0, patience: float = PATIENCE) -> "asyncio.Future[bool]":
        known: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        Taken(self.transport, known.set_result, more=more, patience=patience)
        return known

    async def drain(self, size: int) -> None:
        loop = asyncio.get_running_loop()
        while size > 0:
            size -= len(await loop.sock_recv(self.client, 1 << 20))

    def reset(self) -> None:
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.Transport] = loop.create_future()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            made.set_result(transport)

    server = await loop.create_server(Protocol, "127.0.0.1", 0)
    client = socket.create_connection(server.sockets[0].getsockname())
    client.setblocking(False)
    transport = await made
    yield Pair(transport, client)
    transport.abort()
    client.close()
    server.close()
    await server.wait_closed()


async def test_what_was_acknowledged_is_taken(pair: Pair) -> None:
    pair.transport.write(b"x" * 1000)
    assert await (await pair.taken())


async def test_what_waits_for_the_client_is_not_yet(pair: Pair) -> None:
    pair.transport.write(b"x" * SIZE)
    known = await pair.taken()
    await asyncio.sleep(0.1)
    assert not known.done()
    await pair.drain(SIZE)
    assert await known


async def test_a_client_that_resets_has_not_taken_it(pair: Pair) -> None:
    pair.transport.write(b"x" * SIZE)
    known = await pair.taken()
    await asyncio.sleep(0.05)
    pair.reset()
    assert not await known


async def test_what_is_still_to_be_written_counts(pair: Pair) -> None:
    known = await pair.taken(more=100)
    await asyncio.sleep(0.05)
    assert not known.done()
    pair.transport.write(b"x" * 100)
    assert await known


async def test_a_server_that_closes_behind_it_has_it_taken(pair: Pair) -> None:
    """``Connection: close``: the connection is looked at when the server has let go of it."""
    pair.transport.write(b"x" * 1000)
    known = await pair.taken()
    pair.transport.close()
    assert await known
    assert await asyncio.get_running_loop().sock_recv(pair.client, 10_000) == b"x" * 1000


async def test_a_client_that_takes_nothing_is_not_waited_for_for_ever(pair: Pair) -> None:
    pair.transport.write(b"x" * SIZE)
    assert not await (await pair.taken(patience=0.1))


async def test_a_connection_that_is_closing_takes_nothing(pair: Pair) -> None:
    pair.transport.abort()
    assert not await (await pair.taken())


async def test_where_no_connection_is_shown_nothing_speaks_against_it() -> None:
    known: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    Taken(None, known.set_result, more=0, patience=PATIENCE)
    assert await known


async def test_where_the_system_says_nothing_it_is_taken() -> None:
    def none(_: str, default: Any = None) -> Any:
        return SimpleNamespace(fileno=lambda: -1)

    silent: Any = SimpleNamespace(
        is_closing=lambda: False, get_write_buffer_size=lambda: 0, get_extra_info=none
    )
    known: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    Taken(silent, known.set_result, more=0, patience=PATIENCE)
    assert await known
