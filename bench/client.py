"""The client: keep-alive connections over plain sockets, one exchange at a time on each."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import cast

from bench.exchange import Cut, Exchange, Tally
from bench.response import ResponseError
from bench.stamps import Stamps

LONGEST = 180.0  # seconds that one exchange may take


class Refused(Exception):
    """The answer's status is not 200 or 202; the message has its body."""


class Connection(asyncio.Protocol):
    """One connection to ``host:port``; opened by ``connect``, usable while it is."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None

    @classmethod
    async def connect(cls, host: str, port: int, source: str = "") -> "Connection":
        """An open one; ``source`` is the address to come from, where one has too few ports."""
        own = (source, 0) if source else None
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, host, port, local_addr=own)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        try:
            exchange.feed(data, perf_counter())
        except ResponseError as error:
            exchange.fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._exchange is not None:
            self._exchange.fail(Cut("the connection was cut"))

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def begin(
        self,
        request: bytes,
        tally: Tally | None = None,
        on_tokens: Callable[[int, int, float], None] | None = None,
        stamps: Stamps | None = None,
    ) -> Exchange:
        """Send a request; its response arrives in the exchange.

        Raises:
            Cut: the connection has ended.
        """
        if self._transport is None:
            raise Cut("the connection has ended")
        self._exchange = exchange = Exchange(perf_counter(), tally, on_tokens, stamps)
        self._transport.write(request)
        return exchange

    async def call(
        self, request: bytes, tally: Tally | None = None, stamps: Stamps | None = None
    ) -> Exchange:
        """Send a request and wait for the end of its response."""
        return await self.finish(self.begin(request, tally, stamps=stamps))

    async def finish(self, exchange: Exchange) -> Exchange:
        """Wait for the end of a response.

        Raises:
            Cut, Refused, ResponseError, TimeoutError.
        """
        async with asyncio.timeout(LONGEST):
            await exchange.done
        if exchange.response.status not in (200, 202):
            raise Refused(f"{exchange.response.status}: {exchange.opening!r}")
        if exchange.response.headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return exchange

    def close(self) -> None:
        """End it; what its exchange still lacks is not waited for."""
        self._exchange = None
        if self._transport is not None:
            self._transport.close()


class Pool:
    """Open connections to one address, lent out one exchange at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._idle: list[Connection] = []

    async def take(self) -> Connection:
        """An open connection, made if none is idle. Give it back."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return await Connection.connect(self._host, self._port)

    def give(self, connection: Connection) -> None:
        if connection.usable:
            self._idle.append(connection)

    async def call(
        self, request: bytes, tally: Tally | None = None, stamps: Stamps | None = None
    ) -> Exchange:
        """One exchange on any connection. Raises as ``Connection.finish`` does."""
        connection = await self.take()
        with _closed_on_error(connection):
            exchange = await connection.call(request, tally, stamps)
        self.give(connection)
        return exchange

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()


@contextmanager
def _closed_on_error(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise
