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
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import hiredis
from redis.asyncio.connection import parse_url

from broker.errors import StoreAway
from broker.store import greeting, refusals
from broker.store.scripts import ReplyError, translate
from broker.store.wire_protocol import Alarm, Home, Push, WireProtocol

Ends = Callable[[], None]


class Wire:
    """A connection that is made when it is needed, and again after it was lost.

    ``push`` gets (channel, data) of every published message, and ``pushed`` is called after
    those that came together. ``lost`` is called when an established connection ends:
    subscriptions are gone then. ``home`` drops it when the store is on another server.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        timeout: float,
        home: Home | None = None,
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
        self._protocol: WireProtocol | None = None
        self._connecting = asyncio.Lock()
        self._closed = False
        self._servers: set[str] = set()  # run ids of all that it has been connected to
        self._home = home
        if home is not None:
            home.add(self)

    @property
    def usable(self) -> bool:
        """Whether there is a connection, so that what is sent is sent at once."""
        return self._protocol is not None and self._protocol.usable

    @property
    def at(self) -> str:
        """The run id of the server at the other end; empty if that does not say."""
        return self._protocol.server if self._protocol is not None else ""

    @property
    def peer(self) -> str:
        """The address at the other end, without its port; empty without a connection over IP."""
        transport = self._protocol.transport if self._protocol is not None else None
        name = transport.get_extra_info("peername") if transport is not None else None
        return str(name[0]) if isinstance(name, tuple) else ""

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

    async def connect(self) -> WireProtocol:
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

    async def _establish(self) -> WireProtocol:
        protocol = WireProtocol(self._push, self._pushed, self._on_end, self._home)
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

    async def _send(self, protocol: WireProtocol, args: tuple[str | bytes | int, ...]) -> Any:
        future = self._write(protocol, args)
        alarm = Alarm(protocol, self._timeout)
        try:
            return await future
        finally:
            alarm.cancel()

    def _write(
        self, protocol: WireProtocol, args: tuple[str | bytes | int, ...], *, held: bool = False
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

    def _on_end(self, protocol: WireProtocol) -> None:
        if self._protocol is protocol:
            self._protocol = None
            if self._lost is not None and not self._closed:
                self._lost()

    async def _open(self, protocol: WireProtocol) -> None:
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

    async def _greet(self, protocol: WireProtocol) -> None:
        password, user = self._options.get("password"), self._options.get("username")
        if password:
            await self._send(protocol, ("AUTH", *([user] if user else []), password))
        if self._push is not None:
            await self._send(protocol, ("HELLO", 3))
        await self._send(protocol, ("CLIENT", "SETNAME", self._name))
        if self._options.get("db"):
            await self._send(protocol, ("SELECT", self._options["db"]))
        asked = [self._send(protocol, ("INFO", section)) for section in greeting.SECTIONS]
        sections: list[bytes] = []
        for reply in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(reply, bytes):
                sections.append(reply)
            elif not isinstance(reply, ReplyError) or refusals.kind_of(str(reply)) == "away":
                raise reply  # any other refusal is a managed store's, which may not let us ask
        said = greeting.read(sections)
        if said.refusal:
            raise ReplyError(said.refusal)
        if said.run_id:
            protocol.server = said.run_id
            self._servers.add(said.run_id)
        if self._home is not None:
            self._home.met(said.run_id)


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
