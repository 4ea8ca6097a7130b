"""Takers: what the clients of all connections still have to take, and who takes nothing.

Whatever an answer is, a stream or a whole one, a listing or an error, it waits for its client in
the buffer of its connection, also when the server is done with it. So it is the buffers that are
looked at, of every connection, a few times in ``send_timeout``: one from which nothing was taken
for that long is cut. What is in the system's own buffer counts as well where the system tells,
for a slow client may take that for minutes before it makes room.
"""

import asyncio
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from hypercorn.asyncio.tcp_server import TCPServer

_LOOKS = 4  # in the time that a client has

Notice = Callable[[asyncio.Transport], None]


class Takers:
    """The connections of this process. ``patience``: seconds in which something must be taken."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._all: WeakSet[asyncio.Transport] = WeakSet()
        self._owed: dict[asyncio.Transport, tuple[int, float]] = {}  # bytes, and since when
        self._cut: WeakSet[asyncio.Transport] = WeakSet()

    def add(self, connection: asyncio.Transport) -> None:
        """Look after this connection from now on."""
        self._all.add(connection)

    def has_cut(self, connection: asyncio.Transport | None) -> bool:
        """Whether this connection was cut here."""
        return connection in self._cut

    def look(self, now: float) -> None:
        """Cut who has taken nothing for too long, at a time (the loop's)."""
        owed: dict[asyncio.Transport, tuple[int, float]] = {}
        for connection in list(self._all):
            size = connection.get_write_buffer_size()
            if not size:
                continue
            size += _in_system(connection)
            before = self._owed.get(connection)
            if before is None or before[0] != size:
                owed[connection] = (size, now)
            elif now - before[1] < self._patience:
                owed[connection] = before
            else:
                self._cut.add(connection)
                _reset_at_close(connection)
                connection.abort()
        self._owed = owed

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._patience / _LOOKS)
            self.look(loop.time())


def _in_system(connection: asyncio.Transport) -> int:
    """Bytes that the system has still to bring to the client; 0 where it doesn't say."""
    with suppress(OSError, ValueError):  # it is closed, or no such system
        found = fcntl.ioctl(
            connection.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0" * 4
        )
        return int(struct.unpack("i", found)[0])
    return 0


def _reset_at_close(connection: asyncio.Transport) -> None:
    """Let the system drop what it has for a client that takes nothing: no clean end for it."""
    with suppress(OSError, ValueError):  # it is closed
        number = os.dup(connection.get_extra_info("socket").fileno())
        with socket.socket(fileno=number) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def notice_connections(notice: Notice) -> None:
    """For this process: call with every connection that the server takes."""
    own = TCPServer.__init__

    def noticed(self: TCPServer, *args: Any, **named: Any) -> None:
        own(self, *args, **named)
        notice(self.writer.transport)  # type: ignore[arg-type]

    TCPServer.__init__ = noticed  # type: ignore[method-assign]
