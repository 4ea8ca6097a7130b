"""The short way out: a chunk of a streaming answer, straight onto its connection.

An ASGI ``send`` passes through every middleware, hypercorn's two protocols and h11, none of
which has anything to say about a chunk in the middle of a body; together they cost as much as
all else that an API process does for a token. So a response that has begun, in chunks, over
HTTP/1.1, may write them itself. Its last chunk and whatever meets a full connection
go the long way, whose drain is what slows a sender down; both ways write in the same turn of
the loop, so that nothing overtakes.

A head that waits for the first chunk is made ready meanwhile, and goes out with it in one write.
It goes the long way as well, so that everything on it knows of it, but to nowhere.

It stands on hypercorn's inside, which may change with any release. Where that does not look as
it should there is no outlet, and every chunk goes the long way: slower, and as right.
"""

from typing import Any

import h11
from h11._writers import ChunkedWriter
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from starlette.types import Message, Scope, Send

_NAME = "outlet"  # in a scope


class Outlet:
    """The connection of one response."""

    def __init__(self, protocol: H11Protocol, server: Any) -> None:
        connection = protocol.connection
        assert isinstance(connection, h11.Connection)
        self._protocol: Any = protocol
        self._connection = connection
        self._lock = server.send_lock
        self._transport = server.writer.transport

    @property
    def open(self) -> bool:
        """Whether the response has begun, in chunks."""
        connection = self._connection
        return connection.our_state is h11.SEND_BODY and type(connection._writer) is ChunkedWriter

    def write(self, data: bytes) -> bool:
        """Send a chunk, which is not empty; false if it must go the long way."""
        return self._put(b"%x\r\n%b\r\n" % (len(data), data))

    def head(self, message: Message) -> bytes:
        """The bytes of a response's head as the server is going to send it; empty if unsure."""
        protocol = self._protocol
        if not self._plain:
            return b""
        rehearsal = h11.Connection(h11.SERVER)
        rehearsal.receive_data(b"GET / HTTP/1.1\r\nhost: -\r\n\r\n")
        rehearsal.next_event()
        headers = [*message["headers"], *protocol.config.response_headers("h11")]
        response = h11.Response(status_code=message["status"], headers=headers)
        head: bytes = rehearsal.send(response) or b""
        return head if type(rehearsal._writer) is ChunkedWriter else b""

    async def begin(self, send: Send, message: Message, head: bytes, data: bytes) -> bool:
        """Send a response's head, made ready before, and its first chunk.

        False if both must go the long way. ``send`` is that way, and is told of the head.
        """
        if not head or not self._plain:
            return False
        if not self._put(b"%b%x\r\n%b\r\n" % (head, len(data), data)):
            return False
        protocol = self._protocol
        way = protocol.send
        protocol.send = _nowhere
        try:
            await send(message)
        finally:
            protocol.send = way
        return True

    @property
    def _plain(self) -> bool:
        """Whether a response may begin, of which nothing about the connection is to be said."""
        protocol, connection = self._protocol, self._connection
        return (
            connection.our_state is h11.SEND_RESPONSE
            and connection.their_http_version == b"1.1"
            and connection._cstate.keep_alive
            and protocol.keep_alive_requests < protocol.config.keep_alive_max_requests
        )

    def _put(self, data: bytes) -> bool:
        transport = self._transport
        if transport.is_closing() or transport.get_write_buffer_size() or self._lock.locked():
            return False
        transport.write(data)
        return True


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


def outlet_before(scope: Scope) -> Outlet | None:
    """The outlet of a response that is to begin, if it may have one."""
    outlet: Outlet | None = scope.get(_NAME)
    return outlet


def outlet_of(scope: Scope) -> Outlet | None:
    """The outlet of a response that has begun, if it has one."""
    outlet: Outlet | None = scope.get(_NAME)
    return outlet if outlet is not None and outlet.open else None
