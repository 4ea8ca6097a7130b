"""Connections to the broker: one answer at a time on each, pushed to whoever takes it."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import cast

import httptools

from streamhold_client.faults import Faults
from streamhold_client.proxy.settings import Broker

_CONNECT = 10.0  # seconds
_IDLE = 100  # connections kept
_HELD = 64 * 1024  # bytes of a body that are taken before anybody wants them
_MOST_HEAD = 256 * 1024  # bytes of an answer's head


class Lost(ConnectionError):
    """The connection ended before the answer did."""


class Unsent(Lost):
    """There was no connection."""


class Silent(TimeoutError):
    """Nothing came for too long."""


class Broken(Exception):
    """The stream can't be gone on with."""


FAULTS = Faults((Lost,), (Unsent,), (Silent,), (Lost, Silent), Broken)

Headers = list[tuple[bytes, bytes]]


class Answer:
    """An answer whose head has come. Its body is pushed to a sink, or read."""

    def __init__(self, connection: "Connection", status: int, headers: Headers) -> None:
        self.status_code = status
        self.raw_headers = headers
        self._connection = connection
        self._open = True

    @cached_property
    def headers(self) -> dict[str, str]:
        """By lower-case name; the first of each."""
        named: dict[str, str] = {}
        for name, value in self.raw_headers:
            named.setdefault(name.decode("latin1").lower(), value.decode("latin1"))
        return named

    async def flow(self, sink: Callable[[bytes], None]) -> None:
        """Push all of the body; what the sink raises comes out here.

        Raises:
            Lost, Silent: it ended before its end.
        """
        await self._connection.flow(sink)

    async def read(self) -> bytes:
        """The whole body. Raises as ``flow`` does."""
        pieces: list[bytes] = []
        await self.flow(pieces.append)
        return b"".join(pieces)

    def watch(self, silence: float | None) -> None:
        """Count the connection as lost once it is silent for so long; None is never."""
        self._connection.watch(silence)

    def pause(self) -> None:
        """Take nothing more, until ``resume``."""
        if self._open:
            self._connection.pause()

    def resume(self) -> None:
        if self._open:
            self._connection.resume()

    def close(self) -> None:
        """Done with it; a body that has not come to its end is cut off."""
        if self._open:
            self._open = False
            self._connection.release()


class Connection(asyncio.Protocol):
    """One connection. ``usable`` tells whether it waits for a request."""

    def __init__(self, give_back: Callable[["Connection"], None]) -> None:
        self.usable = False
        self._give_back = give_back
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._begin()

    def _begin(self) -> None:
        # callbacks are looked up once, so the parser must be made after the state
        self._headers: Headers = []
        self._answer: asyncio.Future[Answer] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._sink: Callable[[bytes], None] | None = None
        self._pieces: list[bytes] = []
        self._held = 0
        self._head = 0  # bytes of it so far
        self._headed = self._complete = self._heard = False
        self._bodiless = self._until_close = self._keeps = False
        self._loss: Exception | None = None
        self._wants_pause = False
        self._parser = httptools.HttpResponseParser(self)

    # ── For the exchange ─────────────────────────────────────────────────────────────────

    async def ask(
        self, head: bytes, body: bytes, *, is_head: bool, silence: float | None
    ) -> Answer:
        """Send a request; its answer's head. Raises Lost, Silent."""
        assert self._transport is not None
        self._begin()
        self.usable = False
        self._bodiless = is_head
        self._answer = self._loop.create_future()
        if body:
            self._transport.writelines((head, body))
        else:
            self._transport.write(head)
        self.watch(silence)
        return await self._answer

    async def flow(self, sink: Callable[[bytes], None]) -> None:
        """Push the body until its end."""
        self._sink = sink
        self._flush()
        if self._held == 0 and not self._wants_pause:
            self._resume_reading()
        if self._loss is not None:
            raise self._loss
        if self._complete:
            return
        self._ended = self._loop.create_future()
        await self._ended

    def watch(self, silence: float | None) -> None:
        """Fail the answer when nothing has come for so long, unless nothing is being taken."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._heard = False
        if silence is not None:
            self._watch = self._loop.call_later(silence, self._look, silence)

    def _look(self, silence: float) -> None:
        if self._heard or self._wants_pause:
            self.watch(silence)
        else:
            self._fail(Silent("nothing came"))
            self.abort()

    def pause(self) -> None:
        self._wants_pause = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        self._wants_pause = False
        self._resume_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def release(self) -> None:
        """Keep it for another request if its answer is whole; else cut it off."""
        self.watch(None)
        transport, self._sink, self._ended = self._transport, None, None
        keeps = self._complete and self._loss is None and not self._until_close
        if (
            keeps
            and transport is not None
            and not transport.is_closing()
            and not self._bodiless
            and self._keeps
        ):
            self.usable = True
            self.resume()
            self._give_back(self)
        else:
            self.abort()

    def abort(self) -> None:
        """End it at once."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    # ── From the loop ────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.usable = True
        sock = transport.get_extra_info("socket")
        if sock is not None:
            keep_alive(sock)

    def data_received(self, data: bytes) -> None:
        unasked = self.usable or self._complete
        if unasked:
            self.usable = False
            self.abort()
            return
        self._heard = True
        if not self._headed:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(Lost("the server changed the protocol unasked"))
        except httptools.HttpParserError as error:
            self._fail(Lost(f"not HTTP: {type(error).__name__}"))
        if not self._headed and self._head > _MOST_HEAD:
            self._fail(Lost("the answer's head has no end"))
        if self._sink is not None:
            self._flush()
        elif self._held > _HELD and self._transport is not None:
            self._transport.pause_reading()
        if self._complete:
            self._settle(None)
        elif self._loss is not None:
            self.abort()

    def eof_received(self) -> None:
        """The transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        self._transport = None
        self.watch(None)
        if self._headed and self._until_close and exc is None and self._loss is None:
            self._complete = True
            self._settle(None)
        elif not self._complete:
            self._fail(Lost(str(exc) if exc else "the connection ended"))

    def _fail(self, error: Exception) -> None:
        if self._loss is None and not self._complete:
            self._loss = error
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self._settle(error)

    def _settle(self, error: Exception | None) -> None:
        ended = self._ended
        if ended is None or ended.done():
            return
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)

    def _flush(self) -> None:
        pieces, sink = self._pieces, self._sink
        if not pieces or sink is None:
            return
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._held = 0
        try:
            sink(data)
        except Exception as error:  # noqa: BLE001 - it is the exchange's, which awaits the end
            self._loss, self._sink = error, None
            self._settle(error)

    # ── From the parser ──────────────────────────────────────────────────────────────────

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            return
        self._headed = True
        named = {name.lower(): value for name, value in self._headers}
        bodiless = self._bodiless or status in (204, 304)
        framed = b"content-length" in named or b"transfer-encoding" in named
        self._until_close = not bodiless and not framed
        self._keeps = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(self, status, self._headers))
        if self._bodiless:
            self._complete = True

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)
        self._held += len(data)

    def on_message_complete(self) -> None:
        if self._headed:
            self._complete = True
        else:
            self._headers = []  # of a 1xx


class Pool:
    """Makes connections, and keeps those whose answers came to their end."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._idle: list[Connection] = []
        self._tls = ssl.create_default_context() if broker.tls else None

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
                _, connection = await loop.create_connection(
                    lambda: Connection(self._keep), broker.host, broker.port, ssl=self._tls
                )
        except TimeoutError:
            raise Unsent("no connection in time") from None
        except (OSError, ssl.SSLError) as error:
            raise Unsent(_why(error)) from None
        return connection

    def _keep(self, connection: Connection) -> None:
        if len(self._idle) < _IDLE:
            self._idle.append(connection)
        else:
            connection.abort()

    def close(self) -> None:
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
