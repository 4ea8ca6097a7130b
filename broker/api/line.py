"""A connection that was taken from the server, for the rest of one stream.

The server keeps for each connection under an answer two tasks with all that they stand in,
a queue, a parser, a buffered reader and everything of the request: 30 KB, for a stream whose
next line may be minutes away. A line keeps the transport, and what ends the answer. When the
stream has ended, the server gets the connection back as if it had just been made, with what
the client has sent meanwhile: so clients use their connections again as ever.

How it ends:
    end      the last chunk goes out, and the server goes on with the connection, or it is
             closed if that is what the client or HTTP asks for
    close    there is no last chunk: the client must not take it for the end
    left     the client has closed its side, or all of it; ``left`` is called, at once
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

Left = Callable[[], None]
Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]

PIECE = 64 * 1024  # bytes of an answer that are given to a connection at once
AT_ONCE = 2 * PIECE  # bytes of a chunk that need no waiting for
_MOST_EARLY = 64 * 1024  # bytes that a client may send ahead of its next call's turn
_LINGER = 10.0  # seconds for a client to take what was sent before its connection was cut


def pieces(data: bytes) -> Iterator[bytes]:
    """An answer's bytes, cut so that what waits for a slow client stays small."""
    for place in range(0, len(data), PIECE):
        yield data[place : place + PIECE]


def chunk(data: bytes) -> bytes:
    """A chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Returned(asyncio.StreamReader):
    """By this the server knows a connection that it has had before."""


class Line(asyncio.Protocol):
    """``last`` ends the body; ``connected`` makes the server take the connection again."""

    __slots__ = ("_connected", "_early", "_last", "_left", "_paused", "transport")

    def __init__(
        self, transport: asyncio.Transport, last: bytes, connected: Connected | None, left: Left
    ) -> None:
        self.transport = transport
        self._last = last
        self._connected = connected
        self._left: Left | None = left
        self._early = b""
        self._paused: asyncio.Future[None] | None = None
        transport.set_protocol(self)

    def write(self, data: bytes) -> bool:
        """Send a chunk, which is not empty; false if it must be by ``send``.

        That is if it is large, or the client has still to take some.
        """
        transport = self.transport
        if transport.is_closing() or transport.get_write_buffer_size() or len(data) > AT_ONCE:
            return False
        transport.write(chunk(data))
        return True

    async def send(self, data: bytes) -> None:
        """Send a chunk, which is not empty, and wait for a client that is too far behind.

        Nothing, if the connection is closing: ``left`` says so, or whoever cut it off.
        """
        if self.transport.is_closing():
            return
        self.transport.write(chunk(data))
        await self._drain()

    async def end(self) -> None:
        """Send the end, and give the connection back."""
        transport = self.transport
        if transport.is_closing():
            return
        transport.write(self._last)
        await self._drain()
        if transport.is_closing():
            return
        if self._connected is None:
            self._cut()
            return
        loop = asyncio.get_running_loop()
        reader = Returned(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, self._connected, loop=loop)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self._early:
            transport.resume_reading()
            protocol.data_received(self._early)

    def close(self, ending: str) -> None:
        """Let go of the connection; it is cut off unless ``end`` was reached."""
        self._left = None
        if ending in ("left", "stalled"):
            self.transport.abort()
        elif ending != "terminal":
            self._cut()

    def _cut(self) -> None:
        self.transport.close()
        if self.transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(_LINGER, self.transport.abort)

    async def _drain(self) -> None:
        if self._paused is not None:
            await self._paused

    def data_received(self, data: bytes) -> None:
        """Keep what belongs to the next call."""
        self._early += data
        if len(self._early) > _MOST_EARLY:
            self.transport.pause_reading()

    def eof_received(self) -> None:
        """The client has closed its side; as the server has it, it has left."""
        self._gone()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._paused = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        paused, self._paused = self._paused, None
        if paused is not None and not paused.done():
            paused.set_result(None)

    def _gone(self) -> None:
        left, self._left = self._left, None
        if left is not None:
            left()
