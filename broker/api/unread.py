"""What is left of a request's body when its answer has been given: read, and dropped.

hypercorn hands a body over through a queue of ten messages, and tells of the connection's end
through the same one. An endpoint that answers before it has read the body (no key, too large,
not JSON) leaves that queue full; the server then waits for ever to put the end into it, and
the connection, its task and its file stay. Anyone could have used up all of them, without a
key. So the queue is emptied for as long as the last message of an answer is on its way.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.api.body import has_body
from broker.api.outlet import install


class Unread:
    """ASGI middleware, outside of everything that may answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            install(scope, send)
        if scope["type"] != "http" or not has_body(scope):
            await self._app(scope, receive, send)
            return

        async def closing(message: Message) -> None:
            if message["type"] != "http.response.body" or message.get("more_body", False):
                await send(message)
                return
            rest = asyncio.ensure_future(_drop(receive))
            try:
                await send(message)
            finally:
                rest.cancel()

        await self._app(scope, receive, closing)


async def _drop(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
