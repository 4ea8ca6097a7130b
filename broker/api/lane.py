"""One response of a WebSocket: a call to this API's own HTTP surface, answered in messages.

So it is a job like any other, with the same checks, limits and errors, and it is followed as a
stream is. What differs is the form of the answer: an SSE event is a message; an answer that is no
stream is an ``error`` event with its status; a stream that was cut off cuts the WebSocket off.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Scope

from broker import log
from broker.api.outlet import carried_by
from broker.api.problems import error_response
from broker.api.websocket import WebSocket
from broker.dialects.responses.gathered import LIFE
from broker.dialects.responses.socket_event import going_on_from
from broker.dialects.wire import encode
from broker.errors import StreamholdError
from broker.model import new_request_id

PATH = "/v1/responses"
_TOLD = (b"retry-after", b"x-request-id", b"x-should-retry")  # headers of an error
_NOT_HANDED_ON = frozenset(
    (
        *(b"connection", b"upgrade", b"authorization", b"x-api-key", b"cookie", b"accept"),
        *(b"idempotency-key", b"last-event-id", b"expect", b"te", b"trailer", b"keep-alive"),
    )
)
_ENDS = (b"event: response.completed\n", b"event: response.incomplete\n")
_FAILURES = (b"event: error\n", b"event: response.failed\n")
_LIVES = tuple(f"event: {kind}\n".encode() for kind in LIFE)
_NOTHING_LEFT = {
    "type": "invalid_request_error",
    "code": "stream_ended",
    "message": "The response has ended, and nothing of it comes after that number.",
    "param": "starting_after",
}

Headers = list[tuple[bytes, bytes]]


def in_lane(data: bytes, lane: str | None) -> bytes:
    """An event's JSON, with the lane that it belongs to."""
    return data if lane is None else b"%b,%b" % (encode({"stream_id": lane})[:-1], data[1:])


def error_event(error: StreamholdError) -> bytes:
    """The event for an error of our own."""
    response = error_response(PATH, error)
    return _refusal(response.status_code, response.raw_headers, bytes(response.body))


class Calls:
    """Makes a connection's calls. ``app`` is the surface behind its door, ``outer`` the upgrade."""

    def __init__(
        self, app: ASGIApp, outer: Scope, gone: asyncio.Event, transport: asyncio.Transport
    ) -> None:
        self._app = app
        self._carrier = carried_by(transport)
        self._outer = outer
        self._gone = gone
        self._headers: Headers = [
            (name, value)
            for name, value in outer["headers"]
            if name not in _NOT_HANDED_ON and not name.startswith((b"sec-", b"content-"))
        ]

    async def make(
        self, telling: "Telling", method: str, target: str, more: Headers, body: bytes
    ) -> None:
        """Make a call, and send its answer as messages."""
        path, _, query = target.partition("?")
        outer = self._outer
        scope = {
            "type": "http",
            "asgi": outer["asgi"],
            "http_version": "1.1",
            "method": method,
            "scheme": outer["scheme"],
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [*self._headers, *more],
            "client": outer["client"],
            "server": outer["server"],
            "state": outer["state"],
            "app": outer["app"],
            "account": outer["account"],
            "request_id": new_request_id(),
            "stamps": [],
            **self._carrier,
        }
        sent = False

        async def receive() -> Message:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        try:
            await self._app(scope, receive, telling)
        except Exception:  # noqa: BLE001 - the boundary of a call: the others go on
            log.exception("call.defect", path=path, request_id=scope["request_id"])
            await telling.refuse(error_event(StreamholdError()))


class Telling:
    """An ASGI ``send``. ``ended`` is called with the event of a response that can be gone on from.

    ``previous`` is what the response goes on from, if the call does not say so. ``whole`` says that
    all was sent, ``failed`` that there is nothing to go on from.
    """

    def __init__(self, socket: WebSocket, lane: str | None) -> None:
        self.whole = False
        self.failed = False
        self.ended: Callable[[bytes], None] | None = None
        self.previous: str | None = None
        self._socket = socket
        self._lane = lane
        self._status = 0
        self._headers: Headers = []
        self._streams = False
        self._rest = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message.get("headers", ()))
            kind = dict(self._headers).get(b"content-type", b"")
            self._streams = self._status == 200 and kind.startswith(b"text/event-stream")
            return
        last = not message.get("more_body", False)
        if self._streams:
            await self._tell(message.get("body", b""))
            self.whole = self.whole or last
            return
        self._rest += message.get("body", b"")
        if last:
            await self.refuse(_refusal(self._status, self._headers, bytes(self._rest)))

    async def refuse(self, event: bytes) -> None:
        """Send an error in place of an answer."""
        if not self.whole:
            self.whole = self.failed = True
            await self._socket.send([in_lane(event, self._lane)])

    async def all(self, events: list[bytes]) -> "Telling":
        """Send events that are no call's; nothing follows them."""
        self.whole = True
        await self._socket.send([in_lane(event, self._lane) for event in events])
        return self

    async def _tell(self, more: bytes) -> None:
        begin = max(0, len(self._rest) - 1)
        self._rest += more
        end = self._rest.rfind(b"\n\n", begin)
        if end < 0:
            return
        blocks = bytes(self._rest[:end]).split(b"\n\n")
        del self._rest[: end + 2]
        texts: list[bytes] = []
        for block in blocks:
            _, found, data = (b"\n" + block).rpartition(b"\ndata: ")
            if not found:
                continue
            head = block[: -len(data)]
            if self.previous is not None and any(kind in head for kind in _LIVES):
                data = going_on_from(data, self.previous)
            if any(kind in head for kind in _FAILURES):
                self.failed = True
            elif self.ended is not None and any(kind in head for kind in _ENDS):
                self.ended(data)
            texts.append(in_lane(data, self._lane))
        if texts:
            await self._socket.send(texts)


class _Body(msgspec.Struct):
    error: dict[str, Any] = {}


def _refusal(status: int, headers: Headers, body: bytes) -> bytes:
    if status == 204:
        return encode({"type": "error", "status": 400, "error": _NOTHING_LEFT})
    told = {name.decode(): value.decode("latin-1") for name, value in headers if name in _TOLD}
    try:
        error = msgspec.json.decode(body, type=_Body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = {}
    error.setdefault("message", f"The answer has status {status}.")
    error.setdefault("type", "server_error" if status >= 500 else "invalid_request_error")
    return encode({"type": "error", "status": status, "error": error, "headers": told})
