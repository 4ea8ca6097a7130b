"""The short way out: a chunk of a streaming answer, straight onto its connection.

An ASGI ``send`` passes through every middleware, hypercorn's two protocols and h11, none of
which has anything to say about a chunk in the middle of a body; together they cost as much as
all else that an API process does for a token. So a response that has begun, in chunks, over
HTTP/1.1, may write them itself. Its last chunk and whatever meets a full connection
go the long way, whose drain is what slows a sender down; both ways write in the same turn of
the loop, so that nothing overtakes.

A head that waits for the first chunk is made ready meanwhile, and goes out with it in one write,
in the turn in which that comes in. It goes the long way as well, once the response's task has its
turn, so that everything on it knows of it, but to nowhere.

A response that goes on for long may take its connection from the server altogether, which
then lets go of all that it holds for it (``broker.api.line``): the server is told that the
client has left, and its writer loses the transport.

It stands on hypercorn's inside, which may change with any release. Where that does not look as
it should there is no outlet, and every chunk goes the long way: slower, and as right. Where
only the connection can't be had (the client has sent its next call ahead, say), it stays with
the server.
"""

import asyncio
import re
from typing import Any, cast

import h11
from h11._writers import ChunkedWriter
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from starlette.types import Message, Scope, Send

from broker.api.line import AT_ONCE, Left, Line, chunk

_NAME = "outlet"  # in a scope
_CARRIER = "carrier"  # in a scope: the connection of an answer that another protocol carries
_BODILESS = (204, 304)  # statuses
_FRAMING = frozenset((b"connection", b"content-length", b"transfer-encoding", b"host"))
_STAYS = (b"connection", b"keep-alive")  # the one of them that says what is so anyway
# A header as plain as all of ours are. h11 takes some more.
_FIELD = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+: [!-~](?:[ -~]*[!-~])?")


class Outlet:
    """The connection of one response."""

    __slots__ = ("_connection", "_left", "_lock", "_protocol", "_server", "transport")

    def __init__(self, protocol: H11Protocol, server: Any) -> None:
        self._connection = cast(h11.Connection, protocol.connection)
        self._protocol = protocol
        self._server = server
        self._lock = server.send_lock
        self.transport = server.writer.transport
        self._left: Left | None = None

    @property
    def protocol(self) -> H11Protocol:
        """The server's, of the connection."""
        return self._protocol

    @property
    def unread(self) -> bool:
        """Whether some of the request's body has still to come in."""
        return self._connection.their_state is h11.SEND_BODY

    @property
    def asked_first(self) -> bool:
        """Whether the client sends its body only when it hears 100 Continue."""
        return self._connection.they_are_waiting_for_100_continue

    async def go_on(self) -> None:
        """Send 100 Continue."""
        head = self._protocol.config.response_headers("h11")
        await self._protocol._send_h11_event(
            h11.InformationalResponse(status_code=100, headers=head)
        )

    @property
    def open(self) -> bool:
        """Whether the response has begun, in chunks."""
        connection = self._connection
        return connection.our_state is h11.SEND_BODY and type(connection._writer) is ChunkedWriter

    def write(self, data: bytes) -> bool:
        """Send a chunk, which is not empty; false if it must go the long way."""
        return self._pass(chunk(data))

    def head(self, message: Message) -> bytes:
        """The bytes of a response's head as the server is going to send it; empty if unsure."""
        protocol = self._protocol
        if not self._plain:
            return b""
        status = message["status"]
        if status < 200 or status in _BODILESS:
            return b""
        lines = [b"HTTP/1.1 %d " % status]
        for given, value in (*message["headers"], *protocol.config.response_headers("h11")):
            name, line = given.lower(), b"%s: %s" % (given, value)
            if (name in _FRAMING and (name, value) != _STAYS) or not _FIELD.fullmatch(line):
                return b""
            lines.append(line)
        lines.append(b"Transfer-Encoding: chunked\r\n\r\n")
        return b"\r\n".join(lines)

    def begin(self, head: bytes, data: bytes) -> bool:
        """Send a response's head, made ready before, and its first chunk.

        False if both must go the long way. Else call ``begun`` before anything else.
        """
        return bool(head) and self._plain and self._pass(head + chunk(data))

    async def begun(self, send: Send, message: Message) -> None:
        """Tell the long way, which is ``send``, of a head that was sent by the short one.

        Its headers are left out: each stage would check them again, for nobody.
        """
        protocol = self._protocol
        way = protocol.send
        protocol.send = _nowhere
        try:
            await send({**message, "headers": []})
        finally:
            protocol.send = way

    @property
    def _plain(self) -> bool:
        """Whether a response may begin whose head says nothing about the connection."""
        protocol, connection = self._protocol, self._connection
        return (
            connection.our_state is h11.SEND_RESPONSE
            and connection.their_http_version == b"1.1"
            and connection._cstate.keep_alive
            and protocol.keep_alive_requests < protocol.config.keep_alive_max_requests
        )

    def _pass(self, data: bytes) -> bool:
        transport = self.transport
        if (
            transport.is_closing()
            or transport.get_write_buffer_size()
            or self._lock.locked()
            or len(data) > AT_ONCE
        ):
            return False
        transport.write(data)
        return True

    def watch(self, left: Left) -> bool:
        """Call ``left`` when the client leaves, or the server ends the exchange.

        It takes the place of receiving: what is left of a request's body is dropped. False if
        the server is not reading now: it may be stuck with more of the body than its queue to
        the application holds, and then only receiving sets it free.
        """
        stream = self._protocol.stream
        if isinstance(stream, HTTPStream) and not stream.closed:
            if self._server.reader._waiter is None:
                return False
            stream.app_put = self._put
        self._left = left
        if stream is None or stream.closed:
            self.tell()
        return True

    def unwatch(self) -> None:
        """Call nobody."""
        self._left = None

    def tell(self) -> None:
        """The client has left."""
        left, self._left = self._left, None
        if left is not None:
            left()

    def abort(self) -> None:
        """Close the connection, whatever the client has still to take."""
        self.transport.abort()

    def take(self, left: Left) -> Line | None:
        """Take the connection from the server for the rest of the response, if it can be had.

        The application may return then without a last chunk; the server takes no notice.
        """
        connection, server = self._connection, self._server
        stream, old = self._protocol.stream, self.transport.get_protocol()
        reads = isinstance(old, asyncio.StreamReaderProtocol) and server.reader._waiter is not None
        if (
            not (reads and self.open and isinstance(stream, HTTPStream))
            or connection.their_state not in (h11.DONE, h11.MUST_CLOSE)
            or connection.trailing_data != (b"", False)
            or self.transport.is_closing()
            or self.transport.get_write_buffer_size()
            or self._lock.locked()
        ):
            return None
        last = connection.send(h11.EndOfMessage()) or b""
        again = old._client_connected_cb if connection.our_state is h11.DONE else None
        line = Line(self.transport, last, again, left)
        stream.closed = True
        # What refers to each other would wait for the collector, which seldom comes.
        self._protocol.stream = None
        server.protocol = _Nobody()
        server.writer._transport = _GONE
        old.connection_lost(None)
        self.unwatch()
        return line

    async def _put(self, message: Any) -> None:
        if message["type"] == "http.disconnect":
            self.tell()


class _Nobody:
    """In place of the protocol, for a server that has lost its connection."""

    async def handle(self, event: object) -> None:
        """Of no interest."""


class _Gone(asyncio.Transport):
    """In place of the transport: it is closed."""

    def is_closing(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Done."""

    def close(self) -> None:
        """Done."""

    def abort(self) -> None:
        """Done."""


_GONE = _Gone()


async def _nowhere(event: object) -> None:
    return None


def install(scope: Scope, send: Send) -> None:
    """Note the connection that a server's ``send`` leads to, if it is one of the known kind."""
    stream = getattr(send, "__self__", None)
    protocol = getattr(getattr(stream, "send", None), "__self__", None)
    server = getattr(getattr(protocol, "send", None), "__self__", None)
    if (
        isinstance(stream, HTTPStream)
        and isinstance(protocol, H11Protocol)
        and isinstance(protocol.connection, h11.Connection)
        and isinstance(server, TCPServer)
    ):
        scope[_NAME] = Outlet(protocol, server)


def connection_of(scope: Scope) -> Outlet | None:
    """The connection of a response, begun or not, if it is one of the known kind."""
    outlet: Outlet | None = scope.get(_NAME)
    return outlet


def carried_by(transport: asyncio.Transport) -> dict[str, asyncio.Transport]:
    """What a scope says of a response that goes out over a connection as part of another protocol.

    Nothing is written to it by a short way; whether its client took the end is seen by it.
    """
    return {_CARRIER: transport}


def transport_of(scope: Scope) -> asyncio.Transport | None:
    """The connection by which a response goes out, if it is known."""
    connection = connection_of(scope)
    if connection is not None:
        return cast(asyncio.Transport, connection.transport)
    carrier: asyncio.Transport | None = scope.get(_CARRIER)
    return carrier
