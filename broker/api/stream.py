"""The streaming answer: one reader's segments as SSE, over one ASGI response.

It keeps sse-starlette's contract (headers, HEAD, media type) and replaces its sending: one
task a connection, and none once the stream is on its way (``broker.api.flow``), where the
stock class runs four; everything that is ready goes out in one send, live events by the short
way (``broker.api.outlet``) in the turn in which they came in; the keep-alive is the single
line ``: ping`` (a blank line after it would be an empty event to several clients).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from sse_starlette import EventSourceResponse
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from broker import cursor as cursors
from broker.api.core import Core
from broker.api.flow import PING, Flow, Onward, retry_event
from broker.api.joining import ends
from broker.api.line import Left
from broker.api.outlet import Outlet, connection_of, transport_of
from broker.api.stamps import stamp
from broker.dialects import View
from broker.model import Failure, Terminal
from broker.tail import Reader, Segment

Refusal = Callable[[Failure], Response]


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
    client can be asked to come again.
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        served = _Served(scope, send)
        flow = Flow(self._core, self._reader, self._view, served, hands_back=self._hands_back)
        watcher = served.watch(receive, flow.left)
        try:
            await flow.guard(partial(self._run, flow, served, scope, receive))
        finally:
            if watcher is not None:
                watcher.cancel()

    async def _run(
        self, flow: Flow, served: "_Served", scope: Scope, receive: Receive
    ) -> str | None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        text, terminal = b"", None
        start = {
            "type": "http.response.start",
            "status": 200,
            "headers": stamp(scope, self.raw_headers),
        }
        if self._refuse is not None:
            served.prepare(start)
            try:
                text, terminal, refusal = await self._hold(flow, served, self._refuse)
            except asyncio.CancelledError:
                await served.tell(start)  # else who catches it may answer a second time
                raise
            if refusal is not None:
                flow.closes()
                ends(self._reader, served.transport, more=len(refusal.body))
                await refusal(scope, receive, served.asgi)
                return "terminal"
        rest = await served.begin(start, text)
        flow.begin(served.onward)
        if rest:
            await flow.send(rest)
        elif text:
            flow.sent(text)
        if text:
            self._core.metrics.first.observe(loop.time() - begun)
        if terminal is not None or scope["method"] == "HEAD":
            return await flow.end()
        return await flow.run()

    async def _hold(
        self, flow: Flow, served: "_Served", refuse: Refusal
    ) -> tuple[bytes, Terminal | None, Response | None]:
        """Wait for the first text, so that an early failure has its true status.

        Where it can, it goes out in the very turn in which it comes in.
        """
        loop = asyncio.get_running_loop()
        over, sent = False, b""

        def take(segments: list[Segment]) -> bool:
            nonlocal sent
            if sent or over:
                return False
            text = flow.render(segments)
            if not text:
                return True
            if not served.write_first(text):
                return False
            sent = text
            self._reader.poke()
            return True

        def give_up() -> None:
            nonlocal over
            over = True
            self._reader.poke()

        alarm = loop.call_later(self._core.settings.server.header_hold, give_up)
        self._reader.pour_into(take)
        try:
            while True:
                segments = await self._reader.next()
                if sent:
                    return sent, None, None
                if over and not segments:
                    return PING, None, None
                if not segments:
                    continue
                terminal = segments[-1].terminal
                failure = terminal.error if terminal is not None else None
                if failure is not None and not any(segment.answers for segment in segments):
                    return b"", terminal, refuse(failure)
                text = flow.render(segments)
                if text:
                    return text, terminal, None
        finally:
            alarm.cancel()
            self._reader.pour_into(None)


class _Served:
    """The way to the client through the server."""

    def __init__(self, scope: Scope, asgi: Send) -> None:
        self.asgi = asgi
        self._connection = connection_of(scope)
        self.transport = transport_of(scope)
        self._outlet: Outlet | None = None
        self._head = b""
        self._wrote = False  # the head and the first text, of which the server does not know yet

    def watch(self, receive: Receive, left: Left) -> "asyncio.Task[None] | None":
        """Call ``left`` when the client leaves. The task, if that takes one, is the caller's."""
        if self._connection is not None and self._connection.watch(left):
            return None
        return asyncio.ensure_future(_watch(receive, left))

    def prepare(self, start: Message) -> None:
        """Make the head ready, for it is going to wait for the first text."""
        if self._connection is not None:
            self._head = self._connection.head(start)

    def write_first(self, text: bytes) -> bool:
        """Send the head that was made ready with the first text; false if it can't be now."""
        self._wrote = self._connection is not None and self._connection.begin(self._head, text)
        return self._wrote

    async def tell(self, start: Message) -> None:
        """Tell the server of what ``write_first`` sent, if it did."""
        wrote, self._wrote = self._wrote, False
        if wrote and self._connection is not None:
            await self._connection.begun(self.asgi, start)

    async def begin(self, start: Message, text: bytes) -> bytes:
        """Send the head, and the first text with it if it was made ready. The rest of the text."""
        if self._wrote or (text and self.write_first(text)):
            await self.tell(start)
            text = b""
        else:
            await self.asgi(start)
        connection = self._connection
        if connection is not None and connection.open:
            self._outlet = connection
        return text

    @property
    def onward(self) -> Onward | None:
        """What takes the connection from the server, once the response has begun."""
        return self._outlet.take if self._outlet is not None else None

    def write(self, data: bytes) -> bool:
        return self._outlet is not None and self._outlet.write(data)

    async def send(self, data: bytes) -> None:
        await self.asgi({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        await self.asgi({"type": "http.response.body", "body": b"", "more_body": False})

    def close(self, ending: str) -> None:
        """A cut takes nothing: the server makes one of an answer without an end."""
        if self._connection is not None:
            self._connection.unwatch()
            if ending == "stalled":
                self._connection.abort()


async def _watch(receive: Receive, left: Left) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    left()
