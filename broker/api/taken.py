"""Whether a client took an answer to its end: until its system has acknowledged the last byte.

What was written may wait in a buffer of ours or of the system's when a connection is lost. So the
connection is looked at, by a descriptor of our own, until as many bytes as were written are
acknowledged, or the connection is gone without. Behind a proxy that is what the proxy took.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from broker.api.takers import ACKNOWLEDGED, TCP_INFO, in_system, same_socket

_SOON = 0.001  # seconds until the first look; each next one waits twice as long, up to
_LATER = 0.1
_CLOSED = 7  # of the states of a connection, on Linux


class Taken:
    """Looks until it is known, ``patience`` seconds at most; then calls ``then`` with it, once.

    ``more`` bytes are still to be written.
    """

    def __init__(
        self,
        connection: asyncio.Transport | None,
        then: Callable[[bool], None],
        *,
        more: int,
        patience: float,
    ) -> None:
        self._then: Callable[[bool], None] | None = then
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + patience
        self._pause = _SOON
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._target = 0
        if connection is None or connection.is_closing():
            self._end(connection is None)  # a server that shows none: nothing speaks against it
            return
        unsent = connection.get_write_buffer_size() + in_system(connection)
        with suppress(OSError, ValueError):
            self._socket = same_socket(connection)
        state = self._state()
        if state is None:
            self._end(True)
            return
        self._target = state[1] + unsent + more
        self._timer = self._loop.call_later(_SOON, self.look)

    def look(self, *, last: bool = False) -> None:
        """See whether it is known; ``last``: decide by what is known now."""
        state = self._state()
        if state is not None and state[1] >= self._target:
            self._end(True)
        elif last or state is None or state[0] == _CLOSED or self._loop.time() >= self._until:
            self._end(False)
        else:
            self._pause = min(2 * self._pause, _LATER)
            self._timer = self._loop.call_later(self._pause, self.look)

    def _state(self) -> tuple[int, int] | None:
        """The connection's state and the bytes acknowledged; None where the system doesn't say."""
        if self._socket is None:
            return None
        with suppress(OSError, struct.error):
            info = self._socket.getsockopt(socket.IPPROTO_TCP, TCP_INFO, ACKNOWLEDGED + 8)
            return info[0], struct.unpack_from("Q", info, ACKNOWLEDGED)[0]
        return None

    def _end(self, taken: bool) -> None:
        then, self._then = self._then, None
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
        if then is not None:
            then(taken)
