"""A program's connection: its requests are read, one after the other, and their answers written."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import httptools

from streamhold_client.proxy import heads, refusals
from streamhold_client.proxy.refusals import Refusal
from streamhold_client.proxy.request import Headers, Request

_MOST_HEAD = 64 * 1024  # bytes; the broker takes 16 KiB
_MOST_AHEAD = 256 * 1024  # bytes of requests that come before their turn
_LINGER = 10.0  # seconds for a program to take what was sent before its connection was cut
_LAST = b"0\r\n\r\n"
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"

Serve = Callable[[Request, "Client"], Awaitable[None]]


class Client(asyncio.Protocol):
    """One connection.

    ``serve`` answers a request; its task is cancelled when the program leaves. An answer is
    ``begin``, ``write`` and ``end``, or ``whole``; ``cut`` where it can't be ended truly.
    """

    def __init__(self, serve: Serve, max_body: int, connections: "set[Client]") -> None:
        self._serve = serve
        self._max_body = max_body
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._queue: list[Request] = []  # whole ones; the first is being answered
        self._reading = Request()
        self._head = self._ahead = 0  # bytes: of the head being read; of what has to wait
        self._task: asyncio.Task[None] | None = None
        self._paused: asyncio.Future[None] | None = None
        self._refused = False  # nothing more is read
        self._closing = False  # after this answer
        self._prefix = b""  # the head, which goes out with the body's first bytes
        self._chunked = self._begun = False
        self.on_pause: Callable[[bool], None] | None = None  # called with whether to hold back
        self._parser = httptools.HttpRequestParser(self)

    @property
    def begun(self) -> bool:
        """Whether the answer's head was given."""
        return self._begun

    @property
    def holds_back(self) -> bool:
        """Whether the program has still to take what it was sent."""
        return self._paused is not None

    # ── Answers ──────────────────────────────────────────────────────────────────────────

    def begin(self, status: int, headers: Headers, *, retries: bool = False) -> None:
        """Begin an answer of unknown length."""
        request = self._queue[0]
        self._chunked = request.version == "1.1"
        self._closing = self._closing or not self._chunked or not request.keeps
        framing = b"transfer-encoding: chunked\r\n" if self._chunked else b""
        self._prefix = self._headed(status, headers, framing, retries)

    def whole(
        self, status: int, headers: Headers, body: bytes | None, *, retries: bool = False
    ) -> None:
        """Send an answer. None for a body: it has none, and its headers say what they say."""
        request = self._queue[0]
        self._closing = self._closing or not request.keeps
        framing = b"" if body is None else b"content-length: %d\r\n" % len(body)
        if body is None and request.method == b"HEAD":
            framing = b"".join(
                b"%b: %b\r\n" % pair for pair in headers if pair[0].lower() == b"content-length"
            )
        head = self._headed(status, headers, framing, retries)
        self._send(head + (body or b""))

    def _headed(self, status: int, headers: Headers, framing: bytes, retries: bool) -> bytes:
        self._begun = True
        if self._closing:
            framing += b"connection: close\r\n"
        return heads.answered(status, headers, framing, retries=retries)

    def write(self, data: bytes) -> None:
        """Send some of the body, not empty."""
        if self._chunked:
            data = b"%b%x\r\n%b\r\n" % (self._prefix, len(data), data)
        elif self._prefix:
            data = self._prefix + data
        self._prefix = b""
        self._send(data)

    def flush(self) -> None:
        """Send the head, though nothing of the body is there yet."""
        if self._prefix:
            self._send(self._prefix)
            self._prefix = b""

    def end(self) -> None:
        """Send the end of an answer of unknown length."""
        last = self._prefix + (_LAST if self._chunked else b"")
        self._prefix = b""
        if last:
            self._send(last)

    def cut(self) -> None:
        """Close without the end, so that nobody takes what came for all."""
        self.flush()
        self._closing = True
        if self._transport is not None:
            self._refused = True
            # what was sent is to arrive: a reset could drop it
            self._transport.close()
            self._loop.call_later(_LINGER, self.abort)

    def refuse(self, refusal: Refusal) -> None:
        """Answer by ourselves, in the shape of the surface that was asked."""
        request = self._queue[0]
        body = b"" if request.method == b"HEAD" else refusal.body(request.path)
        self._closing = self._closing or refusal.closes
        self.whole(refusal.status, refusal.headers(request.path), body)

    async def drained(self) -> None:
        """Return once the program has taken what it was sent, all but a little."""
        if self._paused is not None:
            await asyncio.shield(self._paused)

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # ── One request after the other ──────────────────────────────────────────────────────

    def _next(self) -> None:
        self._chunked = self._begun = False
        self._prefix = b""
        self._task = self._loop.create_task(self._answer(self._queue[0]))

    async def _answer(self, request: Request) -> None:
        try:
            await self._serve(request, self)
        finally:
            self.on_pause = None
            self._task = None
            self._answered()

    def _answered(self) -> None:
        request = self._queue.pop(0)
        self._ahead = max(0, self._ahead - request.size)
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._closing or not self._begun:
            transport.close()
        elif self._queue:
            self._next()
        else:
            transport.resume_reading()

    def close_idle(self) -> None:
        """Close it after the answer under way; at once if there is none."""
        self._closing = True
        if not self._queue and self._transport is not None:
            self._transport.close()

    async def done(self) -> None:
        """Return once nothing is being answered."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ── From the loop ────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        sock = transport.get_extra_info("socket")
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._queue:
            self._ahead += len(data)
            if self._ahead > _MOST_AHEAD and self._transport is not None:
                self._transport.pause_reading()
        if not self._reading.method:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refused = True  # what follows is another protocol, which nobody takes up
        except httptools.HttpParserError:
            self._bad(refusals.BAD)
        if not self._reading.method and self._head > _MOST_HEAD:
            self._bad(refusals.HEAD_TOO_LARGE)

    def eof_received(self) -> None:
        """The program closed its side: it has left, as a server behind nginx would have it."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)
        self.resume_writing()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._paused = self._loop.create_future()
        if self.on_pause is not None:
            self.on_pause(True)

    def resume_writing(self) -> None:
        paused, self._paused = self._paused, None
        if paused is not None and not paused.done():
            paused.set_result(None)
        if self.on_pause is not None:
            self.on_pause(False)

    def _bad(self, refusal: Refusal) -> None:
        """Refuse what can't be read, after the answers that are due, and close."""
        if self._refused:
            return
        self._refused = True
        request = Request(method=b"GET", target=b"/", refusal=refusal, keeps=False, complete=True)
        self._put(request)

    def _put(self, request: Request) -> None:
        self._queue.append(request)
        if len(self._queue) == 1:
            self._next()

    # ── From the parser ──────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        self._reading = Request()

    def on_url(self, url: bytes) -> None:
        self._reading.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._reading.headers.append((name, value))

    def on_headers_complete(self) -> None:
        request, parser = self._reading, self._parser
        request.method = parser.get_method()
        request.version = parser.get_http_version()
        request.keeps = parser.should_keep_alive()
        request.upgrades = parser.should_upgrade()
        self._head = 0
        if (request.header(b"expect") or "").lower() == "100-continue" and not self._queue:
            self._send(_GO_ON)

    def on_body(self, data: bytes) -> None:
        request = self._reading
        request.size += len(data)
        if request.size <= self._max_body:
            request.pieces.append(data)
        elif request.refusal is None:
            request.refusal = refusals.TOO_LARGE
            request.pieces.clear()

    def on_message_complete(self) -> None:
        request, self._reading = self._reading, Request()
        request.complete = True
        self._put(request)
