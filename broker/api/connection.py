"""A connection of the server: hypercorn's, with a deadline for each of its states.

hypercorn times idle connections and nothing else: one that never finishes its request's head or
body, one whose upgrade is refused, one whose client doesn't take what was sent before a close,
they all stay. So its class has this one in its place (``install``), which watches every state
(``broker.api.watch``) and ends in a bounded time, whatever the client does.

How it ends: at once if the client has sent all that it was going to. Else (a body was refused
unread) the answer goes out, then our end of the connection is closed, and what still comes is
dropped for a moment: a socket that is closed with unread bytes resets the connection, and the
client may never see why it was refused.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, cast

import hypercorn.protocol
from hypercorn.asyncio import run as hypercorn_run
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated

from broker.api.crowd import Crowd
from broker.api.http1 import Http1, bare_answer
from broker.api.line import Returned
from broker.api.watch import Watch
from broker.errors import Crowded
from broker.settings import Server

_FULL = 64 * 1024  # bytes that a client may leave untaken before it is waited for
_TURN = 1.0  # seconds for a client that is turned away to read why


class Served(Config):
    """The server's configuration, and what our connections go by."""

    def __init__(
        self,
        server: Server,
        crowd: Crowd,
        cut: Callable[[str], None],
        taken: Callable[[asyncio.Transport], None] = lambda transport: None,
    ) -> None:
        """``cut`` counts a connection that is ended, ``taken`` gets each that the server takes."""
        self.head_timeout = server.head_timeout
        self.body_timeout = server.body_timeout
        self.body_rate = server.body_rate
        # A stream notices a client that takes nothing by itself, with its next ping at the latest.
        self.send_timeout = server.send_timeout + server.ping
        self.keep_alive_timeout = server.keep_alive
        self.crowd = crowd
        self.cut = cut
        self.taken = taken


def install() -> None:
    """For this process: the server's connections and their protocol are ours.

    Raises:
        AttributeError: this release of hypercorn has them elsewhere. Without ours nothing would
            bound a connection, so the process does not start.
    """
    for module, name, ours in (
        (hypercorn_run, "TCPServer", Connection),
        (hypercorn.protocol, "H11Protocol", Http1),
    ):
        if not issubclass(ours, getattr(module, name)):
            raise AttributeError(f"{module.__name__}.{name} is not what ours stands on")
        setattr(module, name, ours)


class Connection(TCPServer):
    """One connection, from its start or from where a line gave it back."""

    config: Served

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.watch = Watch(self, self.config, self.loop)
        self.idle_task = cast(Any, self.watch)
        self.config.taken(cast(asyncio.Transport, self.writer.transport))

    def __await__(self) -> Generator[Any]:
        returned = isinstance(self.reader, Returned)
        crowd, file = self.config.crowd, self.writer.get_extra_info("socket").fileno()
        if not (returned or crowd.admits(file, self.loop.time())):
            return self._turn_away(crowd.is_last(file)).__await__()
        config = self.config
        self.watch.waits(config.keep_alive_timeout if returned else config.head_timeout)
        return self.run().__await__()

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            await self._send(event.data)
        elif isinstance(event, Closed):
            self._part()
        elif isinstance(event, Updated):
            if event.idle:
                self.watch.waits(self.config.keep_alive_timeout)
            else:
                self.watch.answers()

    async def _send(self, data: bytes) -> None:
        async with self.send_lock:
            try:
                self.writer.write(data)
                if (size := self.unsent) > _FULL:
                    self.watch.sends(size)
                await self.writer.drain()
                self.watch.sent()
            except (ConnectionError, RuntimeError):
                await self.protocol.handle(Closed())

    def _part(self) -> None:
        """Send what is left, then close; a client that is still sending is heard out."""
        self.watch.closes()
        http = self._http
        if http is None or not http.hears or self.reader.at_eof():
            self.writer.close()
            return
        http.over = True
        try:
            self.writer.write_eof()
        except (OSError, RuntimeError):
            self.writer.close()

    async def _close(self) -> None:
        """In place of the server's end, which waits for a client that takes nothing."""
        self.watch.closes()
        try:
            self.writer.close()
            await self.writer.wait_closed()
        except (OSError, RuntimeError, asyncio.CancelledError):
            self.abort()
        finally:
            self.watch.end()

    async def _turn_away(self, at_once: bool) -> None:
        try:
            if not at_once:
                self.writer.write(bare_answer(Crowded()))
                self.writer.write_eof()
                async with asyncio.timeout(_TURN):
                    while await self.reader.read(_FULL):
                        pass
        except (OSError, RuntimeError, TimeoutError):
            pass
        finally:
            self.abort()
            self.watch.end()

    # ── What the deadline asks for ───────────────────────────────────────────────────────

    @property
    def unsent(self) -> int:
        return self.writer.transport.get_write_buffer_size()

    def abort(self) -> None:
        self.writer.transport.abort()

    def close_idle(self) -> None:
        if self.unsent:  # of an answer that the client has had all this time to take
            self.abort()
        else:
            self.watch.closes()
            http = self._http
            if http is not None and http.successor is not None:
                self.writer.write(
                    http.successor.farewell(1012 if self.config.crowd.ended else 1001)
                )
                http.successor.gone()
            self.writer.close()

    def late_head(self) -> None:
        http = self._http
        assert http is not None  # some of a head came in through it
        self._task_group.spawn(http.late_head)

    def late_body(self) -> bool:
        http = self._http
        return http is not None and http.late_body()

    @property
    def _http(self) -> Http1 | None:
        """The protocol; None if the connection is a line's, or was never opened."""
        http = getattr(getattr(self, "protocol", None), "protocol", None)
        return http if isinstance(http, Http1) else None
