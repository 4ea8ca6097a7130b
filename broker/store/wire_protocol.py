"""One connection of a wire: bytes in, replies to whoever waits for them, and its alarm."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, cast

import hiredis

from broker.errors import StoreAway
from broker.store import refusals
from broker.store.scripts import ReplyError

Push = Callable[[bytes, bytes], None]

_ACKNOWLEDGED = (b"subscribe", b"unsubscribe")  # pushed as well, but in their command's turn
_TURN = 0.02  # seconds; a turn of the loop lies between


class Home(Protocol):
    """What a wire reports to, which moves it to another server: ``failover.Connections``."""

    def add(self, wire: Any) -> None:
        """The wire is one of its connections."""
        ...

    def met(self, server: str) -> None:
        """It was connected to a server."""
        ...

    def doubt(self, word: str) -> None:
        """It was refused something by a server that may be no store any more."""
        ...


class WireProtocol(asyncio.Protocol):
    """Bytes in, replies to the oldest waiter, published messages to ``push``."""

    def __init__(
        self,
        push: Push | None,
        pushed: Callable[[], None] | None,
        ended: Callable[["WireProtocol"], None],
        home: Home | None,
    ) -> None:
        self.loop = asyncio.get_running_loop()  # asked of the system each time by Python 3.11
        self.waiting: deque[asyncio.Future[Any]] = deque()
        self.reads = 0
        self.transport: asyncio.Transport | None = None
        self.server = ""  # the run id of the server at its other end, if that says
        self._held = b""  # packed, and not written yet
        self._reader = hiredis.Reader()
        self._push = push
        self._pushed = pushed
        self._ended = ended
        self._home = home

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def hold(self, command: bytes) -> None:
        """Write this with the next command, or when this turn of the loop is over."""
        if not self._held:
            self.loop.call_soon(self.write, b"")
        self._held += command

    def write(self, command: bytes) -> None:
        """Write this, after what is held."""
        held, self._held = self._held, b""
        if self.transport is not None and (held or command):
            self.transport.write(held + command if held else command)

    def data_received(self, data: bytes) -> None:
        self.reads += 1
        self._reader.feed(data)
        pushed = False
        while (reply := self._reader.gets()) is not False:
            if type(reply) is hiredis.PushNotification and reply[0] not in _ACKNOWLEDGED:
                if self._push is not None and reply[0] == b"message":
                    self._push(reply[1], reply[2])
                    pushed = True
                continue
            if not self.waiting:
                continue
            future = self.waiting.popleft()
            if isinstance(reply, hiredis.ReplyError):
                self._refused(future, str(reply))
            elif not future.done():
                future.set_result(reply)
        if pushed and self._pushed is not None:
            self._pushed()

    def _refused(self, future: asyncio.Future[Any], reply: str) -> None:
        if self._home is not None and refusals.raises_doubt(word := refusals.word_of(reply)):
            self._home.doubt(word)
        if not future.done():
            future.set_exception(ReplyError(reply))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        while self.waiting:
            future = self.waiting.popleft()
            if not future.done():
                future.set_exception(StoreAway("The connection was lost."))
        self._ended(self)


class Alarm:
    """Cuts a connection over which nothing is heard for so many seconds, until ``cancel``."""

    __slots__ = ("_handle", "_late", "_protocol", "_reads", "_seconds")

    def __init__(self, protocol: WireProtocol, seconds: float) -> None:
        self._protocol = protocol
        self._seconds = seconds
        self._reads = protocol.reads
        self._late = False
        self._handle = protocol.loop.call_later(seconds, self._ring)

    def cancel(self) -> None:
        self._handle.cancel()

    def _ring(self) -> None:
        protocol = self._protocol
        if protocol.reads != self._reads:
            self._reads, self._late = protocol.reads, False
            self._handle = protocol.loop.call_later(self._seconds, self._ring)
        elif not self._late:  # it may be this loop that is late: let it read what is there
            self._late = True
            self._handle = protocol.loop.call_later(_TURN, self._ring)
        elif protocol.transport is not None:
            protocol.transport.abort()
