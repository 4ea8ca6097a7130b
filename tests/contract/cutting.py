"""A proxy with faults: it refuses calls, loses answers, and cuts streams within an event.

Cut by count and not by a reader's progress: where the connection ends, to the byte, is the
same in every run, whatever the reader has buffered.
"""

import asyncio
import re
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.listening import Listener

_PING = b": ping\n"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset and drops what was unsent


class CuttingProxy(Listener):
    """Cuts each connection after so many events and half of the next bytes, ``cuts`` times.

    With ``resets`` every second cut is a reset. Before that ``faults`` are met, one a
    connection: a status that is answered in the server's place, or 0: the call arrives and its
    answer is lost.
    """

    def __init__(
        self, upstream: str, after: int, cuts: int, faults: Sequence[int], *, resets: bool
    ) -> None:
        super().__init__(self._carry)
        self.point(upstream)
        self._resets = resets
        self._after = after
        self._cuts = cuts
        self._faults = list(faults)
        self.carried = 0  # connections in all
        self.cuts = 0
        self.pings = 0

    def point(self, upstream: str) -> None:
        """New connections go to this server."""
        where = urlsplit(upstream)
        self._upstream = (where.hostname or "", where.port or 0)

    async def _carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.carried += 1
        fault = self._faults.pop(0) if self._faults else None
        if fault:
            await _refuse(reader, writer, fault)
            return
        far, far_writer = await asyncio.open_connection(*self._upstream)
        there = asyncio.ensure_future(_pump(reader, far_writer))
        try:
            with suppress(OSError):
                if fault is None:
                    await self._back(far, writer)
                else:
                    await far.read(1)
        finally:
            there.cancel()
            far_writer.transport.abort()
            writer.transport.abort()

    async def _back(self, far: StreamReader, writer: StreamWriter) -> None:
        events = 0
        while piece := await far.read(65536):
            self.pings += piece.count(_PING)
            events += piece.count(b"\n\n")
            last = events >= self._after and self.cuts < self._cuts
            body = piece.find(b"\r\n\r\n") + 4 if piece.startswith(b"HTTP/") else 0
            # Half of what is body: who has not seen an answer's head knows of no stream.
            writer.write(piece[: body + -(-(len(piece) - body) // 2)] if last else piece)
            await writer.drain()
            if last:
                self.cuts += 1
                if self._resets and self.cuts % 2 == 0:
                    connection: socket.socket = writer.get_extra_info("socket")
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                else:
                    writer.write_eof()  # what was sent arrives; a reset could drop it
                return
        writer.write_eof()


async def _refuse(reader: StreamReader, writer: StreamWriter, status: int) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    size = re.search(rb"(?i)content-length: (\d+)", head)
    await reader.readexactly(int(size[1]) if size else 0)
    lines = f"HTTP/1.1 {status} Not now\r\nretry-after-ms: 20\r\nretry-after: 0.02\r\n"
    writer.write(f"{lines}content-length: 0\r\nconnection: close\r\n\r\n".encode())
    await writer.drain()
    writer.close()


async def _pump(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def cutting(
    upstream: str,
    *,
    after: int = 0,
    cuts: int = 0,
    faults: Sequence[int] = (),
    resets: bool = False,
) -> AsyncIterator[CuttingProxy]:
    """A proxy for as long as the block runs; without faults it only counts the pings."""
    proxy = CuttingProxy(upstream, after, cuts, faults, resets=resets)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
