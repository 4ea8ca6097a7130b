"""Takers: who takes nothing is cut, whatever the answer was; who takes a little is not."""

import asyncio
import gc
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from broker.api.takers import Takers

PATIENCE = 60.0


class Connection(asyncio.Transport):
    """A connection with so much still to be taken."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.size

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return SimpleNamespace(fileno=lambda: -1)  # no system says what it still has

    def abort(self) -> None:
        self.aborted = True
        self.size = 0


def looked_at(connection: Connection, *looks: tuple[float, int]) -> list[bool]:
    """Whether it was cut after each look, at a time, with so much to be taken."""
    takers = Takers(PATIENCE)
    takers.add(connection)
    found = []
    for now, size in looks:
        connection.size = size
        takers.look(connection, now)
        found.append(connection.aborted)
        assert takers.has_cut(connection) is connection.aborted
    return found


def test_who_takes_nothing_is_cut() -> None:
    looks = ((0.0, 10), (30.0, 10), (59.9, 10), (60.0, 10))
    assert looked_at(Connection(10), *looks) == [False, False, False, True]


def test_who_takes_a_little_is_not() -> None:
    looks = ((0.0, 10), (59.0, 9), (118.0, 8), (177.0, 8), (178.0, 8))
    assert looked_at(Connection(10), *looks) == [False, False, False, False, True]


def test_who_has_taken_all_owes_nothing() -> None:
    looks = ((0.0, 10), (59.0, 0), (100.0, 10), (159.0, 10))
    assert looked_at(Connection(10), *looks) == [False] * 4


def test_a_connection_that_is_gone_is_forgotten() -> None:
    takers = Takers(PATIENCE)
    connection = Connection(10)
    takers.add(connection)
    takers.look(connection, 0.0)
    del connection
    gc.collect()
    assert (len(takers._all), len(takers._owed)) == (0, 0)
    assert not takers.has_cut(None)


@pytest.mark.parametrize("closing", [False, True])
async def test_a_real_client_that_takes_nothing_meets_a_reset(closing: bool) -> None:
    """Also where the server has closed the connection, and only its buffer is left."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[asyncio.Transport] = loop.create_future()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(transport)  # type: ignore[arg-type]

    server = await loop.create_server(Server, "127.0.0.1", 0)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await loop.sock_connect(client, server.sockets[0].getsockname())
    transport = await made
    takers = Takers(PATIENCE)
    takers.add(transport)
    transport.write(b"x" * 20_000_000)
    if closing:
        transport.close()
    takers.look(transport, 0.0)
    for step in range(1, 4):  # it takes a little, now and then
        size = transport.get_write_buffer_size()
        while transport.get_write_buffer_size() == size:
            assert await loop.sock_recv(client, 65536)
        takers.look(transport, step * PATIENCE)
    assert not takers.has_cut(transport)
    for step in range(4, 7):  # the first may still see that the system has moved some
        takers.look(transport, step * PATIENCE)
    assert takers.has_cut(transport)

    async def rest() -> None:
        while await loop.sock_recv(client, 65536):
            pass

    with pytest.raises(ConnectionError):
        await rest()
    client.close()
    server.close()
