"""One pipelined connection to the store for the two hot paths: appends and live messages.

redis-py costs 40-80 µs of CPU a command, which is more than all else that a token costs.
Here a command is packed and its reply parsed by hiredis, with one future between them, and
what arrives is handed on in the same turn of the loop. Everything that is not hot goes
through redis-py.

Commands are answered in order. When the connection is lost, each command still unanswered
fails with StoreAway: the caller knows whether it may be sent again (every script here may).
A connection over which nothing at all is heard for ``timeout`` seconds, while an answer is due,
is taken for lost, since a stopped server keeps its sockets open. One that is merely behind, or
whose own process is, is left alone: to cut it would have every reader catch up, when there is
least time for it.

    execute ──pack──▶ transport          data_received ──hiredis──▶ future of the oldest
                                                       └─ push ("message", channel, data)

A wire with subscriptions speaks RESP3, in which other commands may go over the same connection.
Since the server takes a connection's commands in their order, what is sent behind a SUBSCRIBE
is done when the subscription stands, and what is sent behind a blocking pop when that is over:
one round trip for both. ``begin`` holds the one back until ``execute`` sends the other, behind
it and in one write.
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import hiredis
from redis.asyncio.connection import parse_url

from broker.errors import StoreAway
from broker.store import refusals
from broker.store.scripts import ReplyError, translate

Push = Callable[[bytes, bytes], None]
Ends = Callable[[], None]

_ACKNOWLEDGED = (b"subscribe", b"unsubscribe")  # pushed as well, but in their command's turn
_TURN = 0.02  # seconds; a turn of the loop lies between
_RUN_ID = re.compile(rb"^run_id:([0-9a-f]+)", re.MULTILINE)


class _Protocol(asyncio.Protocol):
    """Bytes in, replies to the oldest waiter, published messages to ``push``."""

    def __init__(
        self,
        push: Push | None,
        pushed: Callable[[], None] | None,
        ended: Callable[["_Protocol"], None],
    ) -> None:
        self.loop = asyncio.get_running_loop()  # asked of the system each time by Python 3.11
        self.waiting: deque[asyncio.Future[Any]] = deque()
        self.reads = 0
        self.transport: asyncio.Transport | None = None
        self.server = ""  # the run id of the server at its other end, if that says
        self._held = b""  # packed, and not written yet
        self._reader = hiredis.Reader()
        self._push = push
        self._pushed = pushed
        self._ended = ended

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def hold(self, command: bytes) -> None:
        """Write this with the next command, or when this turn of the loop is over."""
        if not self._held:
            self.loop.call_soon(self.write, b"")
        self._held += command

    def write(self, command: bytes) -> None:
        """Write this, after what is held."""
        held, self._held = self._held, b""
        if self.transport is not None and (held or command):
            self.transport.write(held + command if held else command)

    def data_received(self, data: bytes) -> None:
        self.reads += 1
        self._reader.feed(data)
        pushed = False
        while (reply := self._reader.gets()) is not False:
            if type(reply) is hiredis.PushNotification and reply[0] not in _ACKNOWLEDGED:
                if self._push is not None and reply[0] == b"message":
                    self._push(reply[1], reply[2])
                    pushed = True
                continue
            if not self.waiting:
                continue
            future = self.waiting.popleft()
            if future.done():
                continue
            if isinstance(reply, hiredis.ReplyError):
                future.set_exception(ReplyError(str(reply)))
            else:
                future.set_result(reply)
        if pushed and self._pushed is not None:
            self._pushed()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        while self.waiting:
            future = self.waiting.popleft()
            if not future.done():
                future.set_exception(StoreAway("The connection was lost."))
        self._ended(self)


class _Alarm:
    """Cuts a connection over which nothing is heard for so many seconds, until ``cancel``."""

    __slots__ = ("_handle", "_late", "_protocol", "_reads", "_seconds")

    def __init__(self, protocol: _Protocol, seconds: float) -> None:
        self._protocol = protocol
        self._seconds = seconds
        self._reads = protocol.reads
        self._late = False
        self._handle = protocol.loop.call_later(seconds, self._ring)

    def cancel(self) -> None:
        self._handle.cancel()

    def _ring(self) -> None:
        protocol = self._protocol
        if protocol.reads != self._reads:
            self._reads, self._late = protocol.reads, False
            self._handle = protocol.loop.call_later(self._seconds, self._ring)
        elif not self._late:  # it may be this loop that is late: let it read what is there
            self._late = True
            self._handle = protocol.loop.call_later(_TURN, self._ring)
        elif protocol.transport is not None:
            protocol.transport.abort()


class Wire:
    """A connection that is made when it is needed, and again after it was lost.

    ``push`` gets (channel, data) of every published message, and ``pushed`` is called after
    those that came together. ``lost`` is called when an established connection ends:
    subscriptions are gone then.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        timeout: float,
        push: Push | None = None,
        pushed: Ends | None = None,
        lost: Ends | None = None,
    ) -> None:
        self._options = parse_url(url)
        self._name = name
        self._timeout = timeout
        self._push = push
        self._pushed = pushed
        self._lost = lost
        self._protocol: _Protocol | None = None
        self._connecting = asyncio.Lock()
        self._closed = False
        self._servers: set[str] = set()  # run ids of all that it has been connected to

    @property
    def usable(self) -> bool:
        """Whether there is a connection, so that what is sent is sent at once."""
        return self._protocol is not None and self._protocol.usable

    async def server(self) -> str:
        """Which server takes the command that is sent next, without another turn of the loop.

        It is the run id, which each start of a server has its own of, behind a ``~`` if there was
        another before; empty where it is not known.

        Raises:
            StoreAway: there is no connection to be had.
        """
        protocol = self._protocol
        if protocol is None or not protocol.usable:
            protocol = await self.connect()
        return f"~{protocol.server}" if len(self._servers) > 1 else protocol.server

    async def execute(self, *args: str | bytes | int) -> Any:
        """The reply to one command. Name one channel a SUBSCRIBE: each is answered by itself.

        With a connection it is sent before anything else runs.

        Raises:
            StoreAway: there is no connection to be had, or it was lost before the reply.
            ReplyError: the server answered with an error.
        """
        protocol = self._protocol
        if protocol is None or not protocol.usable:
            protocol = await self.connect()
        return await self._send(protocol, args)

    def post(self, *args: str | bytes | int) -> None:
        """Send a command whose reply nobody waits for, if there is a connection."""
        with suppress(StoreAway):
            self.begin(*args).cancel()

    def begin(self, *args: str | bytes | int) -> asyncio.Future[Any]:
        """Send one command; its reply comes in the future, as from ``execute``.

        It leaves with the next command that is sent in this turn of the loop, or when that is
        over: a write of its own would wake the server twice.

        Nothing is said if it never comes: for that await something that is sent behind it.

        Raises:
            StoreAway: there is no connection.
        """
        protocol = self._protocol
        if protocol is None:
            raise StoreAway("There is no connection.")
        return self._write(protocol, args, held=True)

    async def connect(self) -> _Protocol:
        """The live connection, made if there is none, in ``timeout`` seconds at most.

        The wait for another caller's try is part of them: with the store away a hundred
        callers must not queue up for one timeout each.
        """
        try:
            async with asyncio.timeout(self._timeout), self._connecting:
                if self._protocol is not None and self._protocol.usable:
                    return self._protocol
                return await self._establish()
        except (OSError, TimeoutError, ReplyError) as error:
            if isinstance(error, ReplyError):
                raise translate(error, "connect") from error
            raise StoreAway(f"Connecting failed: {type(error).__name__}.") from error

    async def _establish(self) -> _Protocol:
        protocol = _Protocol(self._push, self._pushed, self._on_end)
        try:
            self._check_open()
            await self._open(protocol)
            await self._greet(protocol)
            self._check_open()
            self._protocol = protocol
        finally:  # a caller that was cancelled leaves no connection behind either
            if self._protocol is not protocol and protocol.transport is not None:
                protocol.transport.abort()
        return protocol

    async def close(self) -> None:
        """End the connection; nothing can be sent any more."""
        self._closed = True
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.close()

    def drop(self) -> None:
        """Cut the connection; the next command makes another."""
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.abort()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreAway("The connection is closed.")

    async def _send(self, protocol: _Protocol, args: tuple[str | bytes | int, ...]) -> Any:
        future = self._write(protocol, args)
        alarm = _Alarm(protocol, self._timeout)
        try:
            return await future
        finally:
            alarm.cancel()

    def _write(
        self, protocol: _Protocol, args: tuple[str | bytes | int, ...], *, held: bool = False
    ) -> asyncio.Future[Any]:
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise StoreAway("The connection was lost.")
        command = hiredis.pack_command(cast(Any, args))  # may raise: nothing is waited for yet
        future: asyncio.Future[Any] = protocol.loop.create_future()
        protocol.waiting.append(future)
        if held:
            protocol.hold(command)
        else:
            protocol.write(command)
        return future

    def _on_end(self, protocol: _Protocol) -> None:
        if self._protocol is protocol:
            self._protocol = None
            if self._lost is not None and not self._closed:
                self._lost()

    async def _open(self, protocol: _Protocol) -> None:
        loop = asyncio.get_running_loop()
        options = self._options
        if "path" in options:
            await loop.create_unix_connection(lambda: protocol, options["path"])
            return
        secure = (
            _tls(options)
            if "ssl" in options.get("connection_class", type).__name__.lower()
            else None
        )
        await loop.create_connection(
            lambda: protocol,
            options.get("host", "localhost"),
            options.get("port", 6379),
            ssl=secure,
        )

    async def _greet(self, protocol: _Protocol) -> None:
        password, user = self._options.get("password"), self._options.get("username")
        if password:
            await self._send(protocol, ("AUTH", *([user] if user else []), password))
        if self._push is not None:
            await self._send(protocol, ("HELLO", 3))
        await self._send(protocol, ("CLIENT", "SETNAME", self._name))
        if self._options.get("db"):
            await self._send(protocol, ("SELECT", self._options["db"]))
        try:
            info = await self._send(protocol, ("INFO", "server"))
        except ReplyError as error:
            if refusals.kind_of(str(error)) == "away":
                raise
            return  # a managed store may not let us ask
        if (found := _RUN_ID.search(info)) is not None:
            protocol.server = found[1].decode()
            self._servers.add(protocol.server)


def _tls(options: Any) -> ssl.SSLContext:
    """The TLS context that a ``rediss://`` address asks for, by redis-py's own option names."""
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif options.get("ssl_check_hostname") is False:
        context.check_hostname = False
    if options.get("ssl_certfile"):
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    return context
