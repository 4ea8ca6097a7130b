"""A WebSocket on a connection of the server's: taken over from HTTP once its request is let in.

Until then it is a GET like any other: the door looks at it, errors are HTTP's. hypercorn would
open it before it asks, as another kind of scope, unpack what a client compressed however large it
becomes, and keep a connection that never finishes its message. So the handshake is answered here,
and frames are wsproto's, without compression: events are short, and few clients gain by it.

The connection's deadline (``broker.api.watch``) goes on: it *waits* while nothing is asked, times
a message like a *body*, is without one while a response runs, and *closes* in a bounded time.
"""

import asyncio
import base64
import binascii
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypercorn.events import Closed, RawData
from starlette.requests import Request
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, TextMessage
from wsproto.handshake import WEBSOCKET_VERSION
from wsproto.utilities import LocalProtocolError, generate_accept_token

from broker.api.headers import header
from broker.api.http1 import Http1
from broker.api.outlet import connection_of
from broker.errors import BadRequest, UpgradeRequired
from broker.model import new_request_id

NORMAL, GOING, POLICY, TOO_BIG, DEFECT, RESTART = 1000, 1001, 1008, 1009, 1011, 1012

_AHEAD = 8  # fragments that are read before they are asked for
_AT_ONCE = 64  # frames that are looked at in one turn of the loop
_KEY = 16  # bytes


class Fragment(NamedTuple):
    """A part of a message; ``last`` says that the message ends with it."""

    data: bytes
    last: bool


class WebSocket:
    """One connection's. Whoever has it reads until there is nothing, and sends meanwhile."""

    def __init__(self, protocol: Http1, idle: float) -> None:
        self.open = True
        self._protocol = protocol
        self._frames = Connection(ConnectionType.SERVER)
        self._fragments: asyncio.Queue[Fragment | None] = asyncio.Queue(_AHEAD)
        self._watch = protocol.watch
        self._idle = idle
        self._within = False  # a message
        self._busy = False
        self._over = asyncio.Event()  # nothing comes from the client any more

    # ── For the endpoint ─────────────────────────────────────────────────────────────────

    @property
    def transport(self) -> asyncio.Transport:
        """The connection."""
        return self._protocol.transport

    async def read(self) -> Fragment | None:
        """The next part of what the client sends; None at its end."""
        if not self.open and self._fragments.empty():
            return None
        return await self._fragments.get()

    async def send(self, texts: Sequence[bytes]) -> None:
        """Send messages, UTF-8 each, and wait for a client that is too far behind."""
        if not self.open:
            return
        frames = [TextMessage(data=text.decode("utf-8", "replace")) for text in texts]
        await self._protocol.send(RawData(b"".join(map(self._frames.send, frames))))

    def ping(self) -> None:
        """Send a ping, unless the client is behind anyway."""
        transport = self._protocol.transport
        if self.open and not (transport.is_closing() or transport.get_write_buffer_size()):
            transport.write(self._frames.send(Ping()))

    def works(self) -> None:
        """A response runs: the client is waited for no more."""
        self._busy = True
        if not self._within:
            self._watch.answers()

    def rests(self) -> None:
        """None does: it is the client's turn."""
        self._busy = False
        if self.open and not self._within:
            self._watch.waits(self._idle)

    async def close(self, code: int, reason: str = "") -> None:
        """Say good-bye, give the client a moment to say it too, and close."""
        if self.open:
            frame = self.farewell(code, reason)
            self._stop()
            self._watch.closes()
            await self._protocol.send(RawData(frame))
        await self._over.wait()  # the deadline ends a connection that says no more
        await self._protocol.send(Closed())

    # ── For the server ───────────────────────────────────────────────────────────────────

    def farewell(self, code: int, reason: str = "") -> bytes:
        """The frame that says good-bye; empty if it was said."""
        try:
            return self._frames.send(CloseConnection(code=code, reason=reason))
        except LocalProtocolError:
            return b""

    async def receive(self, data: bytes) -> None:
        """Take what the client has sent."""
        if self._over.is_set():
            return
        self._frames.receive_data(data)
        for number, event in enumerate(self._frames.events(), 1):
            if number % _AT_ONCE == 0:  # frames may be tiny, and many
                await asyncio.sleep(0)
            if isinstance(event, Message):
                await self._take(event)
            elif isinstance(event, Ping):
                if self.open:
                    await self._protocol.send(RawData(self._frames.send(event.response())))
            elif isinstance(event, CloseConnection):
                answer = self.farewell(event.code, "")
                self.gone()
                if answer:
                    await self._protocol.send(RawData(answer))
                return

    def gone(self) -> None:
        """The client has left, or said good-bye."""
        self._over.set()
        self._stop()

    def late(self) -> None:
        """A message of the client's is not there in time."""
        self._protocol.transport.write(
            self.farewell(POLICY, "The message did not come in in time.")
        )
        self.gone()

    async def _take(self, event: Message[Any]) -> None:
        if not self.open:
            return
        if not self._within:
            self._within = True
            self._watch.answers()
        data = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
        last = event.message_finished
        if last:
            self._within = False
            self._watch.answers()
        else:
            self._watch.body()
        await self._watch.take(len(data), self._fragments.put(Fragment(data, last)))

    def _stop(self) -> None:
        """Nothing is read or sent any more, and whoever waits for it is let go."""
        self.open = False
        while not self._fragments.empty():
            self._fragments.get_nowait()  # so that a put goes on
        self._fragments.put_nowait(None)


async def accept(request: Request, idle: float) -> WebSocket:
    """Open the WebSocket that a request asks for. ``idle``: seconds that it may wait for a message.

    Raises:
        UpgradeRequired: it asks for another version, or can't be had on this connection.
        BadRequest: its key is none.
    """
    key = header(request, b"sec-websocket-key") or ""
    if header(request, b"sec-websocket-version") != WEBSOCKET_VERSION.decode():
        raise UpgradeRequired("Its version is 13.", param="Sec-WebSocket-Version")
    try:
        size = len(base64.b64decode(key, validate=True))
    except binascii.Error:
        size = 0
    if size != _KEY:
        raise BadRequest("A WebSocket needs a key.", param="Sec-WebSocket-Key")
    outlet = connection_of(request.scope)
    protocol = outlet.protocol if outlet is not None else None
    if not isinstance(protocol, Http1) or not protocol.asks_for_websocket:
        raise UpgradeRequired("This connection can't become one.")
    socket = WebSocket(protocol, idle)
    head = [
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: " + generate_accept_token(key.encode()),
        b"x-request-id: " + request.scope.get("request_id", new_request_id()).encode(),
    ]
    await protocol.become(socket, b"\r\n".join([*head, b"\r\n"]))
    socket.rests()
    return socket
