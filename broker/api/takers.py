"""Takers: what the clients of all connections still have to take, and who takes nothing.

Whatever an answer is, a stream or a whole one, a listing or an error, it waits for its client in
the buffer of its connection and in the system's, also when the server is done with it. So it is
these that are looked at, of every connection, a few times in ``send_timeout``: where something
has waited for that long and the client has acknowledged no byte, the connection is cut.
"""

import asyncio
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakKeyDictionary, WeakSet

_LOOKS = 4  # in the time that a client has
_AT_ONCE = 100  # connections that are looked at in one turn of the loop
TCP_INFO = getattr(socket, "TCP_INFO", 11)
ACKNOWLEDGED = 120  # where Linux has ``tcpi_bytes_acked`` in it, an unsigned 64-bit number


class Takers:
    """The connections of this process. ``patience``: seconds in which something must be taken."""

    def __init__(self, patience: float, count: Callable[[str], None] | None = None) -> None:
        """``count`` is called for each connection that is cut, with the reason."""
        self._patience = patience
        self._count = count
        self._all: WeakSet[asyncio.Transport] = WeakSet()
        # Of those that have something to take: how much was taken when, at the last change of it.
        self._owed: WeakKeyDictionary[asyncio.Transport, tuple[int, float]] = WeakKeyDictionary()
        self._cut: WeakSet[asyncio.Transport] = WeakSet()

    def add(self, connection: asyncio.Transport) -> None:
        """Look after this connection from now on."""
        self._all.add(connection)

    def has_cut(self, connection: asyncio.Transport | None) -> bool:
        """Whether this connection was cut here."""
        return connection in self._cut

    def look(self, connection: asyncio.Transport, now: float) -> None:
        """Cut its client if that has taken nothing for too long, at a time (the loop's)."""
        size = connection.get_write_buffer_size()
        if not (size or in_system(connection)):
            self._owed.pop(connection, None)
            return
        taken = _taken(connection, -size)
        before = self._owed.get(connection)
        if before is None or before[0] != taken:
            self._owed[connection] = (taken, now)
        elif now - before[1] >= self._patience:
            del self._owed[connection]
            self._cut.add(connection)
            _reset_at_close(connection)
            connection.abort()
            if self._count is not None:
                self._count("stalled")

    async def run(self) -> None:
        """Look at all of them again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._patience / _LOOKS)
            for place, connection in enumerate(list(self._all)):
                self.look(connection, loop.time())
                if place % _AT_ONCE == 0:
                    await asyncio.sleep(0)


def in_system(connection: asyncio.Transport) -> int:
    """Bytes that the system has still to bring to the client; 0 where it doesn't say."""
    with suppress(OSError, ValueError):  # it is closed, or no such system
        number = connection.get_extra_info("socket").fileno()
        return int(struct.unpack("i", fcntl.ioctl(number, termios.TIOCOUTQ, b"\0" * 4))[0])
    return 0


def _taken(connection: asyncio.Transport, else_: int) -> int:
    """Bytes that the client has acknowledged; what stands for it where the system doesn't say."""
    with suppress(OSError, ValueError, struct.error), same_socket(connection) as same:
        info = same.getsockopt(socket.IPPROTO_TCP, TCP_INFO, ACKNOWLEDGED + 8)
        return int(struct.unpack_from("Q", info, ACKNOWLEDGED)[0])
    return else_


def same_socket(connection: asyncio.Transport) -> socket.socket:
    """A socket of one's own for a connection: the transport's says little. Close it."""
    return socket.socket(fileno=os.dup(connection.get_extra_info("socket").fileno()))


def _reset_at_close(connection: asyncio.Transport) -> None:
    """Let the system drop what it has for a client that takes nothing: no clean end for it."""
    with suppress(OSError, ValueError), same_socket(connection) as same:  # else it is closed
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
