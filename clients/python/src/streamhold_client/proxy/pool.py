"""The connections to the broker: made, kept for the next request, and kept alive."""

import asyncio
import random
import socket
import ssl
from contextlib import suppress

from streamhold_client.proxy.losses import Lost, Unsent
from streamhold_client.proxy.settings import Broker
from streamhold_client.proxy.upstream import Answer, Connection

_CONNECT = 10.0  # seconds
_IDLE = 100  # connections kept
_PROBE = 0.2  # seconds between two looks whether a broker that refused a connection is back
_SPREAD = 0.001  # seconds a call, over which those that waited for it come again


class Pool:
    """Makes connections, and keeps those whose answers came to their end."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._idle: list[Connection] = []
        self._tls = ssl.create_default_context() if broker.tls else None
        self._waiting = 0
        self._prober: asyncio.Task[None] | None = None

    async def ask(
        self,
        head: bytes,
        body: bytes = b"",
        *,
        is_head: bool = False,
        fresh: bool = False,
        silence: float | None = None,
    ) -> Answer:
        """The head of the answer.

        Args:
            head: the request's.
            body: the request's.
            is_head: the method is HEAD.
            fresh: the connection must not have been used before.
            silence: seconds without a byte after which it counts as lost.

        Raises:
            Lost, Silent: it has none; Unsent, if no server can have seen the request.
        """
        while not fresh and self._idle:
            connection = self._idle.pop()
            if not connection.usable:
                continue
            try:
                return await _asked(connection, head, body, is_head, silence)
            except Lost:
                continue  # the server closed it meanwhile; nothing of an answer came
        return await _asked(await self._connect(), head, body, is_head, silence)

    async def _connect(self) -> Connection:
        broker, loop = self._broker, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT):
                transport, connection = await loop.create_connection(
                    lambda: Connection(self._keep), broker.host, broker.port, ssl=self._tls
                )
        except TimeoutError:
            raise Unsent("no connection in time") from None
        except (OSError, ssl.SSLError) as error:
            raise Unsent(_why(error)) from None
        keep_alive(transport.get_extra_info("socket"))
        return connection

    def _keep(self, connection: Connection) -> None:
        if len(self._idle) < _IDLE:
            self._idle.append(connection)
        else:
            connection.abort()

    async def back(self, longest: float) -> None:
        """Wait for a broker that refused a connection, at most so many seconds.

        One connection is tried for all calls that wait, so that they need not wait for pauses
        that have grown; they come again one after the other.
        """
        self._waiting += 1
        try:
            if self._prober is None:
                self._prober = asyncio.get_running_loop().create_task(self._probe())
            done, _ = await asyncio.wait((self._prober,), timeout=longest)
            if done:
                await asyncio.sleep(random.random() * _SPREAD * self._waiting)
        finally:
            self._waiting -= 1

    async def _probe(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(_PROBE)
                with suppress(Unsent):
                    self._keep(await self._connect())
                    return
        finally:
            self._prober = None

    def close(self) -> None:
        if self._prober is not None:
            self._prober.cancel()
        for connection in self._idle:
            connection.abort()
        self._idle.clear()


def keep_alive(sock: socket.socket) -> None:
    """Have the system notice within half a minute that the other machine is gone.

    A whole answer is silent until the model is done: nothing else tells a lost network then.
    """
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 15),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 30_000),  # milliseconds
    ):
        option = getattr(socket, name, None)
        if option is not None:
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, option, value)


async def _asked(
    connection: Connection, head: bytes, body: bytes, is_head: bool, silence: float | None
) -> Answer:
    try:
        return await connection.ask(head, body, is_head=is_head, silence=silence)
    except BaseException:
        connection.release()
        raise


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
