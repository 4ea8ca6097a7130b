"""A TCP proxy between two parts, which can fail in the ways that networks do.

Faults are commands from outside: the proxy knows no schedule and no chance. Cut connections
end at both sides at once; a stalled link takes bytes and passes none on, until it flows again.
"""

import asyncio
import os
import socket
import struct
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from pathlib import Path

_READ = 64 * 1024  # bytes
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset and drops what was unsent

Address = tuple[str, int] | Path  # a path is a unix socket's


class Link:
    """One proxied address. ``upstream`` may change: the part behind it was started again."""

    def __init__(self, name: str, upstream: Address | None = None) -> None:
        self.name = name
        self.upstream = upstream
        self.refusing = False
        self.carried = 0  # connections in all
        self.port = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._pairs: list[tuple[StreamWriter, StreamWriter]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> "Link":
        """Listen on a free loopback port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def open(self) -> int:
        """Connections of now."""
        return len(self._pairs)

    def cut(self, *, reset: bool = False) -> int:
        """End every connection; how many there were."""
        count = len(self._pairs)
        for pair in self._pairs:
            _end(pair, reset=reset)
        return count

    def cut_one(self, place: int) -> int:
        """End one connection, picked by any number; how many were ended."""
        if self._pairs:
            _end(self._pairs[place % len(self._pairs)])
        return min(1, len(self._pairs))

    def stall(self) -> None:
        """Pass nothing on, in both directions, on old and new connections alike."""
        self._flowing.clear()

    def heal(self) -> None:
        """Let everything through again."""
        self.refusing = False
        self._flowing.set()

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        self.heal()
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            if self.refusing:
                return
            far_reader, far_writer = await self._connect()
        except OSError:
            return
        else:
            pair = (writer, far_writer)
            self._pairs.append(pair)
            self.carried += 1
            try:
                with suppress(OSError):
                    await self._pump_both(reader, far_writer, far_reader, writer)
            finally:
                self._pairs.remove(pair)
                _end(pair)
        finally:
            writer.transport.abort()

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        if self.upstream is None:
            raise ConnectionRefusedError
        if isinstance(self.upstream, Path):
            return await asyncio.open_unix_connection(self.upstream)
        return await asyncio.open_connection(*self.upstream)

    async def _pump_both(
        self, reader: StreamReader, far_writer: StreamWriter, far: StreamReader, near: StreamWriter
    ) -> None:
        """Until both directions have ended, or one has failed."""
        there = asyncio.ensure_future(self._pump(reader, far_writer))
        back = asyncio.ensure_future(self._pump(far, near))
        try:
            await asyncio.gather(there, back)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.wait((there, back))

    async def _pump(self, source: StreamReader, sink: StreamWriter) -> None:
        while data := await source.read(_READ):
            await self._flowing.wait()
            if sink.transport.is_closing():
                return
            sink.write(data)
            await sink.drain()
        await self._flowing.wait()
        if not sink.transport.is_closing():
            sink.write_eof()


def _end(pair: tuple[StreamWriter, StreamWriter], *, reset: bool = False) -> None:
    for writer in pair:
        if reset and not writer.transport.is_closing():
            _linger(writer)
        writer.transport.abort()


def _linger(writer: StreamWriter) -> None:
    """Make the close a reset. The option is the socket's own, whichever descriptor sets it."""
    sock = writer.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with socket.socket(fileno=os.dup(sock.fileno())) as twin:
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
