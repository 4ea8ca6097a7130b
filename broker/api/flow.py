"""One reader's stream on its way to one client.

A flow has a task only for as long as there is something to wait for but the stream itself:

    in the server's task ─▶ (open for a moment, nothing to send) takes the connection, rests
    at rest ─▶ live segments and pings go out in the turn in which they come
            ─▶ anything else (the end, a gap, a slow client, a drain) makes a task ─▶ at rest

If the connection can't be had it stays in the server's task, which waits for the reader: as
right, and thirty times as large.

How a connection ends:
    terminal     the last frame went out: a clean end
    left         the client went away: nothing changes for the job
    handed back  the native view, with the store away or the process draining: an event named
                 ``retry`` with the cursor as its id, then the same cut. The status is 200 even
                 where nothing else could be sent, as any error would kill a browser's
                 EventSource for good
    aborted      the same in a dialect's view: the connection is cut without a final chunk, as
                 clients take a clean close for the end
    stalled      the client took nothing for ``send_timeout`` (``broker.api.takers``)
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic  # a loop's clock, without a loop: Python 3.11 asks the system for it
from typing import Protocol

from broker.api.core import Core
from broker.api.joining import ends
from broker.api.line import PIECE, Left, pieces
from broker.dialects import View
from broker.dialects.responses.view import shows_end
from broker.errors import FramesLost, StreamholdError
from broker.tail import Reader, Segment

PING = b": ping\n"
RETRY_MS = 1000


def retry_event(cursor: int, reason: str) -> bytes:
    """The event that hands a stream back: come again from this cursor."""
    return (
        f'event: retry\nretry: {RETRY_MS}\nid: {cursor}\ndata: {{"reason":"{reason}"}}\n\n'
    ).encode()


class Way(Protocol):
    """A way to the client: through the server, or a line."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """Its connection, if that is known."""
        ...

    def write(self, data: bytes) -> bool:
        """Send at once; false if it must be by ``send``."""
        ...

    async def send(self, data: bytes) -> None:
        """Send, and wait for a client that is too far behind."""
        ...

    async def end(self) -> None:
        """Send the end of the answer."""
        ...

    def close(self, ending: str) -> None:
        """It is not needed any more."""
        ...


Onward = Callable[[Left], Way | None]


class Flow:
    """Sends a reader's stream in one view, until it ends; then it closes the reader."""

    __slots__ = (
        "_core",
        "_ended",
        "_hands_back",
        "_onward",
        "_over",
        "_reader",
        "_sending",
        "_sent_at",
        "_served",
        "_task",
        "_text",
        "_view",
        "_way",
    )

    def __init__(
        self, core: Core, reader: Reader, view: View, way: Way, *, hands_back: bool
    ) -> None:
        self._core = core
        self._reader = reader
        self._view = view
        self._way = way
        self._hands_back = hands_back
        self._served = True  # in the server's task
        self._onward: Onward | None = None
        self._task: asyncio.Task[None] | None = None
        self._sent_at = monotonic()
        self._text = b""  # sent last
        self._sending = False
        self._over = False  # the last chunk is on its way
        self._ended = False
        core.follow(reader, self.cut)

    async def guard(self, work: Callable[[], Awaitable[str | None]]) -> None:
        """Do work for this flow in the current task. It says how the flow ended, if it did."""
        if self._ended:  # the client had left before there was a task
            return
        self._task = asyncio.current_task()
        ending: str | None = "aborted"
        try:
            ending = await work()
        except asyncio.CancelledError:
            if not self._ended:  # it is not of our making
                raise
        finally:
            self._task = None
            if ending is not None:
                self._finish(ending)

    def begin(self, onward: Onward | None) -> None:
        """The response has begun. ``onward`` takes its connection from the server, if it can."""
        if self._ended:  # the client's leaving was met by what began it
            return
        self._onward = onward
        if onward is None:
            self._core.open.join(self)
        else:
            self._core.begun.join(self)
            self._reader.pour_into(self._take)

    async def run(self) -> str | None:
        """Send what comes: how it ended, or None if it goes on without a task."""
        while not self._ended:
            if not self._served and self._reader.rest(self._wake):
                return None
            try:
                segments = await self._reader.next()
            except FramesLost:
                return await self._lose()
            except StreamholdError as error:
                return await self._part(error.code)
            if segments:
                text = self.render(segments)
                if text:
                    await self.send(text)
                if segments[-1].terminal is not None:
                    return await self.end()
            elif self._hands_back and self._core.draining.is_set():
                return await self._part("draining")
            elif not self._moves() and self._is_quiet(monotonic()):
                await self.send(PING)
        return None

    def render(self, segments: list[Segment]) -> bytes:
        """Their text in the view."""
        if len(segments) == 1:
            return segments[0].render(self._view)
        return b"".join([segment.render(self._view) for segment in segments])

    async def send(self, text: bytes) -> None:
        """Send, however long it takes."""
        self._sending = True
        if len(text) <= PIECE:
            await self._way.send(text)
        else:
            for piece in pieces(text):
                await self._way.send(piece)
        self._sending = False
        self.sent(text)

    def closes(self) -> None:
        """The end of the answer is on its way: no leaving counts any more."""
        self._over = True

    async def end(self) -> str:
        """Send the end of a stream that has its terminal."""
        ends(self._reader, self._way.transport)
        self._over = self._sending = True
        await self._way.end()
        return "stalled" if self._stalled else "terminal"

    def left(self) -> None:
        """The client has left. A server says so of its own end too."""
        if self._over:
            return
        stalled = self._stalled
        if not stalled and shows_end(self._text):
            ends(self._reader, self._way.transport)
        self._stop("stalled" if stalled else "left")

    def cut(self) -> None:
        """The drain is over: end, if the server can't do it."""
        if not self._served:
            self._stop("aborted")

    def look(self, now: float) -> None:
        """Ping, or move."""
        self._core.begun.leave(self)
        self._core.open.join(self)
        if self._sending:
            return
        if self._task is None:
            if self._is_quiet(now) and self._way.write(PING):
                self.sent(PING)
        elif self._onward is not None or self._is_quiet(now):
            self._reader.poke()

    @property
    def _stalled(self) -> bool:
        """Whether the client was cut for taking nothing."""
        return self._core.takers.has_cut(self._way.transport)

    def _is_quiet(self, now: float) -> bool:
        return now - self._sent_at >= self._core.quiet

    def _moves(self) -> bool:
        """Try to take the connection from the server; whether it was so."""
        line = self._onward(self.left) if self._onward is not None else None
        if line is None:
            return False
        self._way, self._onward, self._served = line, None, False
        return True

    def _take(self, segments: list[Segment]) -> bool:
        """Send live segments at once; false if they must be sent the long way."""
        if self._ended or self._over or self._sending:
            return False
        text = self.render(segments)
        if text:
            if not self._way.write(text):
                return False
            self.sent(text)
        return True

    def sent(self, text: bytes) -> None:
        """Note that this went out."""
        self._sent_at = monotonic()
        if text is not PING:
            self._text = text
        self._core.metrics.sent += len(text)

    async def _lose(self) -> str:
        """End with a terminal of this reader's own: what it was sent is lost."""
        await self.send(self.render([Segment.lost_after(self._reader.cursor)]))
        return await self.end()

    async def _part(self, reason: str) -> str:
        """End without a terminal: hand the stream back, or cut it off."""
        if not self._hands_back:
            return "aborted"  # without a last chunk
        await self.send(retry_event(self._reader.cursor, reason))
        return "handed_back"

    def _wake(self, _: object) -> None:
        if self._task is None and not self._ended:
            self._task = asyncio.get_running_loop().create_task(self.guard(self.run))

    def _stop(self, ending: str) -> None:
        task = self._task
        self._finish(ending)
        if task is not None:
            task.cancel()

    def _finish(self, ending: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._core.metrics.endings.labels(ending).inc()
        self._core.begun.leave(self)
        self._core.open.leave(self)
        self._core.unfollow(self._reader)
        self._way.close(ending)
