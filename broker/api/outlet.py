"""The short way out: a chunk of a streaming answer, straight onto its connection.

An ASGI ``send`` passes through every middleware, hypercorn's two protocols and h11, none of
which has anything to say about a chunk in the middle of a body; together they cost as much as
all else that an API process does for a token. So a response that has begun, in chunks, over
HTTP/1.1, may write them itself. Its head, its last chunk and whatever meets a full connection
go the long way, whose drain is what slows a sender down; both ways write in the same turn of
the loop, so that nothing overtakes.

It stands on hypercorn's inside, which may change with any release. Where that does not look as
it should there is no outlet, and every chunk goes the long way: slower, and as right.
"""

from typing import Any

import h11
from h11._writers import ChunkedWriter
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from starlette.types import Scope, Send

_NAME = "outlet"  # in a scope


class Outlet:
    """The connection of one response."""

    def __init__(self, connection: h11.Connection, server: Any) -> None:
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
        transport = self._transport
        if transport.is_closing() or transport.get_write_buffer_size() or self._lock.locked():
            return False
        transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True


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
        scope[_NAME] = Outlet(protocol.connection, server)


def outlet_of(scope: Scope) -> Outlet | None:
    """The outlet of a response that has begun, if it has one."""
    outlet: Outlet | None = scope.get(_NAME)
    return outlet if outlet is not None and outlet.open else None
