"""What is left of a request's body when its answer has been given: read, and dropped.

hypercorn hands a body over through a queue of ten messages, and reports the connection's end
through the same one. An endpoint that answers before it has read the body (no key, too large,
not JSON) leaves that queue full; the server then waits for ever to put the end into it, and
the connection, its task and its file stay. Anyone could have used up all of them, without a
key. So the queue is emptied for as long as the last message of an answer is on its way.

A body of which some has still to come in when the answer begins is not waited for: the answer
says that the connection closes, which then closes in a bounded time (``broker.api.connection``).

A client that asks first (``Expect: 100-continue``) gets 100 Continue when the application reads
the body, and not where it answers without: no key, another Host, too large, not JSON.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.api.body import has_body
from broker.api.outlet import Outlet, connection_of, install

_CLOSE = (b"connection", b"close")


class Unread:
    """ASGI middleware, outside of everything that may answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            install(scope, send)
        outlet = connection_of(scope)
        if scope["type"] != "http" or not has_body(scope):
            await self._app(scope, receive, send)
            return

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and outlet is not None and outlet.unread:
                others = [pair for pair in message["headers"] if pair != _CLOSE]
                message = {**message, "headers": [*others, _CLOSE]}
            if message["type"] != "http.response.body" or message.get("more_body", False):
                await send(message)
                return
            rest = asyncio.ensure_future(_drop(receive))
            try:
                await send(message)
            finally:
                rest.cancel()

        asks = outlet is not None and outlet.asked_first
        reading = _asking(receive, outlet) if outlet is not None and asks else receive
        await self._app(scope, reading, closing)


def _asking(receive: Receive, outlet: Outlet) -> Receive:
    """Receive, and tell the client first that it may send."""

    async def reading() -> Message:
        if outlet.asked_first:
            await outlet.go_on()
        return await receive()

    return reading


async def _drop(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
