"""HTTP/1.1 and nothing else on a plain socket, as far as the server reads it.

hypercorn takes a connection over to HTTP/2 that begins with its preface or asks for an upgrade,
and to WebSocket. Nothing here needs either: browsers speak HTTP/2 over TLS only, to the proxy in
front, which speaks HTTP/1.1 to us; and an event costs five times as much over it. What they bring
is trouble, before any key is asked for: settings that can't be decoded raise with the caller's
headers in the trace, a handshake that is refused leaves its connection open. So requests to
upgrade are answered as if they were none (RFC 9110 allows it), and other versions refused. One
endpoint takes a connection over that asks for a WebSocket (``broker.api.websocket``), which gets
all that comes on it from then on.

Three more things are done otherwise than hypercorn does them:

    100 Continue    goes out when the application begins to read the body (``broker.api.unread``),
                    not before it has looked at the head
    lateness        the connection's deadline knows what is still to come in (``Connection``)
    no request      what h11 can't read is refused with a problem that says what was wrong
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Protocol, cast

import h11
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.events import Body, EndBody, Request
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream

from broker.api.problems import LATE, error_response
from broker.api.watch import State, Watch
from broker.errors import (
    BadRequest,
    HeadTooLarge,
    SlowRequest,
    StreamholdError,
    UnknownCoding,
)
from broker.model import new_request_id

_AHEAD = 64 * 1024  # bytes that are read of requests that come before their turn
_VERSIONS = (b"1.1", b"1.0")
# What h11 says of a header that it doesn't take, and the header.
_NAMED = {
    "Found multiple Host: headers": "Host",
    "Missing mandatory Host: header": "Host",
    "conflicting Content-Length headers": "Content-Length",
    "bad Content-Length": "Content-Length",
}


class Successor(Protocol):
    """What a connection has become."""

    async def receive(self, data: bytes) -> None:
        """Take what the client has sent."""

    def gone(self) -> None:
        """The client has left."""

    def late(self) -> None:
        """A message is not there in time."""

    def farewell(self, code: int, reason: str = "") -> bytes:
        """The bytes that end it."""


class Http1(H11Protocol):
    """The protocol of one connection. ``over`` says that nothing is read any more."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.over = False
        self.asks_for_websocket = False
        self.successor: Successor | None = None
        connection = cast(Any, self.send).__self__
        self.watch: Watch = connection.watch
        self._reader: asyncio.StreamReader = connection.reader
        self.transport: asyncio.Transport = connection.writer.transport

    @property
    def hears(self) -> bool:
        """Whether the client may still be sending what belongs to its last request."""
        return self.connection.their_state in (h11.SEND_BODY, h11.ERROR)

    async def handle(self, event: Event) -> None:
        if isinstance(event, RawData):
            if self.successor is not None:
                await self.successor.receive(event.data)
            elif not self.over:
                self.connection.receive_data(event.data)
                await self._handle_events()
        else:
            self.over = True
            if self.successor is not None:
                self.successor.gone()
            await super().handle(event)
            await self.can_read.set()  # for a request that has come before its turn

    async def _handle_events(self) -> None:
        connection = cast(h11.Connection, self.connection)
        while not self.over:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                whole = error.error_status_hint != 431 and not connection.trailing_data[1]
                await self._refuse(_as_ours(error), b"" if whole else connection.trailing_data[0])
                return
            if event is h11.NEED_DATA:
                break
            if event is h11.PAUSED:
                await self._turn(connection)
                if self.successor is not None:
                    await self.successor.receive(connection.trailing_data[0])
                    return
            elif isinstance(event, h11.Request):
                await self._begin(connection, event)
            elif self.stream is None:  # it is answered, and its connection closing
                break
            elif isinstance(event, h11.Data):
                data = Body(stream_id=STREAM_ID, data=event.data)
                await self.watch.take(len(event.data), self.stream.handle(data))
            elif isinstance(event, h11.EndOfMessage):
                await self.stream.handle(EndBody(stream_id=STREAM_ID))
            else:  # the client's end of the connection is closed
                break
        self._time(connection)

    async def _turn(self, connection: h11.Connection) -> None:
        """Wait until the request before this one is answered.

        Some more is read meanwhile, or a client that has sent its next request ahead, or a
        single byte, could leave and nobody would notice.
        """
        await self.can_read.clear()
        turn = asyncio.ensure_future(self.can_read.wait())
        try:
            while not turn.done() and len(connection.trailing_data[0]) < _AHEAD:
                data = await _read_until(turn, self._reader)
                if data is None:
                    break
                connection.receive_data(data)
                if not data:
                    self._tell_of_leaving()
                    break
            await turn
        finally:
            turn.cancel()

    def _tell_of_leaving(self) -> None:
        """Let the application know, which may take its time to hear it."""
        stream = self.stream
        if isinstance(stream, HTTPStream) and not stream.closed:
            self.task_group.spawn(stream.app_put, {"type": "http.disconnect"})

    async def _begin(self, connection: h11.Connection, request: h11.Request) -> None:
        self.watch.answers()
        if request.http_version not in _VERSIONS:
            await self._refuse(BadRequest("This is HTTP/1.1, or 1.0."))
            return
        self.asks_for_websocket = False
        if connection._cstate.pending_switch_proposals:
            connection._cstate.pending_switch_proposals.clear()
            self.asks_for_websocket = (b"upgrade", b"websocket") in [
                (name, value.lower()) for name, value in request.headers
            ]
            request = _without_upgrade(request)
        await self._create_stream(request)

    async def _create_stream(self, request: h11.Request) -> None:
        """In place of the server's, which looks for an upgrade in every header."""
        stream = self.stream = HTTPStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        await stream.handle(
            Request(
                stream_id=STREAM_ID,
                # The headers themselves give each pair by a call of its own.
                headers=[(raw.lower(), value) for raw, value in request.headers.raw_items()],
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1
        await self.context.mark_request()

    async def become(self, successor: Successor, head: bytes) -> None:
        """Leave HTTP: send the head that says so, and hand on all that comes from now on.

        The application goes on, and the server takes no notice of it.
        """
        stream = self.stream
        assert isinstance(stream, HTTPStream)  # else no application has been asked
        stream.closed = True
        self.stream, self.successor = None, successor
        await self.send(RawData(head))
        await self.can_read.set()

    def _time(self, connection: h11.Connection) -> None:
        """Tell the deadline what is still to come."""
        if self.over or self.successor is not None:
            return
        theirs = connection.their_state
        if theirs is h11.SEND_BODY and connection.our_state is h11.SEND_RESPONSE:
            self.watch.body()
        elif self.watch.state is State.BODY:
            self.watch.answers()
        elif theirs is h11.IDLE and connection.trailing_data[0]:
            self.watch.head()

    # ── Refusals of what no application has seen ─────────────────────────────────────────

    async def late_head(self) -> None:
        """Refuse a request whose head is not there in time."""
        if not self.over:
            begun = cast(h11.Connection, self.connection).trailing_data[0]
            await self._refuse(SlowRequest("Its head is not complete."), begun)

    def late_body(self) -> bool:
        """Let the application refuse a request whose body is not there in time.

        It hears that the connection has ended, and finds in its scope why. False if the body is
        not waited for any more.
        """
        if self.successor is not None:
            self.successor.late()
            return True
        stream, connection = self.stream, self.connection
        if (
            not isinstance(stream, HTTPStream)
            or stream.closed
            or connection.their_state is not h11.SEND_BODY
            or connection.our_state is not h11.SEND_RESPONSE
        ):
            return False
        self.over = True
        cast(dict[str, Any], stream.scope)[LATE] = True
        self._tell_of_leaving()
        return True

    async def _refuse(self, error: StreamholdError, begun: bytes = b"") -> None:
        """Answer an error, and close. ``begun`` is what there is of a head that is not whole."""
        self.over = True
        if self.connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            scope = getattr(self.stream, "scope", {})
            path = scope.get("path") or _path_in(begun)
            for event in _events(path, error, self.config.response_headers("h11")):
                if scope.get("method") != "HEAD" or not isinstance(event, h11.Data):
                    await self._send_h11_event(cast(Any, event))
        await self.send(Closed())
        await self._close_stream()


async def _read_until(turn: asyncio.Future[Any], reader: asyncio.StreamReader) -> bytes | None:
    """What the client sends next, nothing at its end; None if it is our turn before."""
    reading = asyncio.ensure_future(reader.read(_AHEAD))
    try:
        await asyncio.wait((turn, reading), return_when=asyncio.FIRST_COMPLETED)
    finally:
        reading.cancel()  # it has no effect on one that is done
    (data,) = await asyncio.gather(reading, return_exceptions=True)
    if isinstance(data, asyncio.CancelledError):
        return None
    return b"" if isinstance(data, OSError) else cast(bytes, data)


def bare_answer(error: StreamholdError) -> bytes:
    """The bytes of an answer on a connection on which nothing was read."""
    connection = h11.Connection(h11.SERVER)
    return b"".join(connection.send(event) or b"" for event in _events("", error, []))


def _events(
    path: str, error: StreamholdError, more: list[tuple[bytes, bytes]]
) -> Iterator[h11.Event]:
    """An answer that no application makes; the connection ends with it."""
    response = error_response(path, error)
    response.headers["x-request-id"] = new_request_id()
    response.headers["connection"] = "close"
    headers = [*response.raw_headers, *more]
    yield h11.Response(status_code=response.status_code, headers=headers)
    yield h11.Data(data=bytes(response.body))
    yield h11.EndOfMessage()


def _path_in(begun: bytes) -> str:
    """The path in a request's line, if that is whole: errors have the shape of its surface."""
    line, end, _ = begun.partition(b"\r\n")
    words = line.split(b" ")
    return words[1].decode("latin1") if end and len(words) == 3 else ""


def _as_ours(error: h11.RemoteProtocolError) -> StreamholdError:
    """Our error for what h11 can't read. Its own text may hold what the caller sent."""
    if error.error_status_hint == 431:
        return HeadTooLarge()
    if error.error_status_hint == 501:
        return UnknownCoding("It may be chunked.", param="Transfer-Encoding")
    name = _NAMED.get(str(error))
    if name is None:
        return BadRequest("It is not HTTP.")
    return BadRequest(f"It needs one {name} header, and a valid one.", param=name)


def _without_upgrade(request: h11.Request) -> h11.Request:
    kept = [(name, value) for name, value in request.headers if name != b"upgrade"]
    return h11.Request(
        method=request.method,
        headers=kept,
        target=request.target,
        http_version=request.http_version,
    )
