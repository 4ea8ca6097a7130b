"""The streaming answer: one reader's segments as SSE, over one ASGI response.

It keeps sse-starlette's contract (headers, HEAD, media type) and replaces its sending: one
task and one watcher a connection, where the stock class runs four; everything that is ready
goes out in one send, live events by the short way (``broker.api.outlet``) in the turn in which
they came in; the keep-alive is the single line ``: ping`` (a blank line after it
would be an empty event to several clients).

How a connection ends:
    terminal     the last frame went out: a clean end
    left         the client went away: nothing changes for the job
    handed back  the native view, with the store away or the process draining: an event named
                 ``retry`` with the cursor as its id, then the same cut. The status is 200 even
                 where nothing else could be sent, as any error would kill a browser's
                 EventSource for good
    aborted      the same in a dialect's view: the connection is cut without a final chunk, as
                 clients take a clean close for the end
    stalled      the client took nothing for ``send_timeout``
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from sse_starlette import EventSourceResponse
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from broker import cursor as cursors
from broker.api.core import Core
from broker.api.outlet import Outlet, outlet_before, outlet_of
from broker.api.stamps import stamp
from broker.dialects import View
from broker.errors import StreamholdError
from broker.model import Failure, JobState, Terminal
from broker.tail import Reader, Segment

PING = b": ping\n"
RETRY_MS = 1000

Refusal = Callable[[Failure], Response]


def retry_event(cursor: int, reason: str) -> bytes:
    """The event that hands a stream back: come again from this cursor."""
    return (
        f'event: retry\nretry: {RETRY_MS}\nid: {cursor}\ndata: {{"reason":"{reason}"}}\n\n'
    ).encode()


class ComeAgain(Response):
    """That event alone, where no stream can be begun just now; then the connection is cut."""

    def __init__(self, cursor: int, reason: str) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(None, 200, headers, "text/event-stream")
        del self.headers["content-length"]  # the body has no end
        self._event = retry_event(cursor, reason)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = scope["method"] != "HEAD"
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        body = self._event if begun else b""
        await send({"type": "http.response.body", "body": body, "more_body": begun})


def cursor_of(request: HTTPConnection) -> int:
    """The cursor that a reader of the native view comes with.

    Raises:
        BadCursor: it is none.
    """
    after = request.headers.get("last-event-id") or request.query_params.get("after")
    return cursors.parse(after)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


class StreamResponse(EventSourceResponse):
    """Sends a reader's stream in one view, and closes the reader.

    ``refuse`` makes the answer for a job that failed before its first frame: then headers
    wait for that frame, at most the settings' ``header_hold``. ``hands_back`` says that the
    client can be told to come again.
    """

    def __init__(
        self,
        core: Core,
        reader: Reader,
        view: View,
        headers: Mapping[str, str],
        *,
        refuse: Refusal | None = None,
        hands_back: bool = False,
    ) -> None:
        super().__init__(_nothing(), headers=headers, sep="\n")
        self._core = core
        self._reader = reader
        self._view = view
        self._refuse = refuse
        self._hands_back = hands_back
        self._quiet = core.settings.server.ping / 2  # seconds without an event until a ping
        self._sent_at = 0.0
        self._sending = False
        self._stalled = False
        self._over = False
        self._outlet: Outlet | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        watcher = asyncio.ensure_future(self._watch(receive, task))
        alarm = _Alarm(self._quiet, lambda: self._on_alarm(task))
        ending = "aborted"
        try:
            with self._core.following(self._reader):
                ending = await self._run(scope, receive, send)
        except asyncio.CancelledError:
            if not (self._stalled or watcher.done()):
                raise
            ending = "stalled" if self._stalled else "left"
        finally:
            self._over = True
            self._core.metrics.endings.labels(ending).inc()
            alarm.cancel()
            watcher.cancel()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> str:
        loop = asyncio.get_running_loop()
        begun = self._sent_at = loop.time()
        text, terminal = b"", None
        headers = stamp(scope, self.raw_headers)
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        if self._refuse is None:
            await send(start)
        else:
            outlet = outlet_before(scope)
            head = outlet.head(start) if outlet is not None else b""
            text, terminal, refusal = await self._hold(self._refuse)
            if refusal is not None:
                self._over = True
                await refusal(scope, receive, send)
                return "terminal"
            await self._begin(send, start, head, text, outlet)
            self._core.metrics.first.observe(loop.time() - begun)
        self._outlet = outlet_of(scope)
        if self._outlet is not None:
            self._reader.pour_into(self._take)
        if scope["method"] == "HEAD":
            terminal = Terminal(JobState.COMPLETED)
        while terminal is None:
            try:
                text, terminal = await self._next()
            except StreamholdError as error:
                return await self._part(send, error.code)
            if text:
                await self._send(send, text)
            elif terminal is None:
                if self._hands_back and self._core.draining.is_set():
                    return await self._part(send, "draining")
                if loop.time() - self._sent_at >= self._quiet:
                    await self._send(send, PING)
        await self._close(send)
        return "terminal"

    async def _begin(
        self, send: Send, start: Message, head: bytes, text: bytes, outlet: Outlet | None
    ) -> None:
        """Send the head and the first text: at once, if it was made ready."""
        if text and outlet is not None and await outlet.begin(send, start, head, text):
            self._note_sent(text)
            return
        await send(start)
        if text:
            await self._send(send, text)

    async def _hold(self, refuse: Refusal) -> tuple[bytes, Terminal | None, Response | None]:
        """Wait for the first text, so that an early failure has its true status."""
        loop = asyncio.get_running_loop()
        over = False

        def give_up() -> None:
            nonlocal over
            over = True
            self._reader.poke()

        alarm = loop.call_later(self._core.settings.server.header_hold, give_up)
        try:
            while True:
                segments = await self._reader.next()
                if over and not segments:
                    return PING, None, None
                if not segments:
                    continue
                terminal = segments[-1].terminal
                failure = terminal.error if terminal is not None else None
                if failure is not None and not any(segment.answers for segment in segments):
                    return b"", terminal, refuse(failure)
                text = self._render(segments)
                if text:
                    return text, terminal, None
        finally:
            alarm.cancel()

    async def _next(self) -> tuple[bytes, Terminal | None]:
        segments = await self._reader.next()
        if not segments:
            return b"", None
        return self._render(segments), segments[-1].terminal

    def _render(self, segments: list[Segment]) -> bytes:
        if len(segments) == 1:
            return segments[0].render(self._view)
        return b"".join([segment.render(self._view) for segment in segments])

    def _take(self, segments: list[Segment]) -> bool:
        """Send live segments at once; false if they must be sent the long way."""
        outlet = self._outlet
        if outlet is None or self._over or self._sending:
            return False
        text = self._render(segments)
        if text:
            if not outlet.write(text):
                return False
            self._note_sent(text)
        return True

    def _note_sent(self, text: bytes) -> None:
        self._sent_at = asyncio.get_running_loop().time()
        self._core.metrics.sent.inc(len(text))

    async def _send(self, send: Send, text: bytes) -> None:
        self._sending = True
        await send({"type": "http.response.body", "body": text, "more_body": True})
        self._sending = False
        self._note_sent(text)

    async def _part(self, send: Send, reason: str) -> str:
        """End without a terminal: hand the stream back, or cut it off."""
        if not self._hands_back:
            return "aborted"  # returning without a last body makes the server cut it
        await self._send(send, retry_event(self._reader.cursor, reason))
        return "handed_back"

    async def _close(self, send: Send) -> None:
        self._over = True
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _watch(self, receive: Receive, task: "asyncio.Task[None]") -> None:
        """Cancel the response when the client leaves."""
        while (await receive())["type"] != "http.disconnect":
            pass
        # In the next turn, when this watcher is done; the server says so of its own end too.
        task.get_loop().call_soon(lambda: self._over or task.cancel())

    def _on_alarm(self, task: "asyncio.Task[None]") -> None:
        quiet = task.get_loop().time() - self._sent_at
        if self._sending and quiet > self._core.settings.server.send_timeout:
            self._stalled = True
            task.cancel()
        elif not self._sending:
            self._reader.poke()


class _Alarm:
    """Calls back again and again; one timer a connection, none an event."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self._seconds = seconds
        self._call = call
        self._handle = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._ring)
        self._call()

    def cancel(self) -> None:
        self._handle.cancel()
