"""Large answers go out in pieces: the next one when the client has taken most of the last.

Given whole, an answer of megabytes would be the connection's to keep until its client has taken
all of it, beside the one that it was made of.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.api.line import PIECE, pieces
from broker.api.outlet import connection_of


class Pieces:
    """ASGI middleware: cuts what is larger than a piece."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = connection_of(scope)

        async def cut(message: Message) -> None:
            body = message.get("body", b"")
            if len(body) <= PIECE:
                await send(message)
                return
            for piece in pieces(body):
                if connection is not None and connection.transport.is_closing():
                    return
                await send({**message, "body": piece, "more_body": True})
            if not message.get("more_body", False):
                await send({**message, "body": b"", "more_body": False})

        await self._app(scope, receive, cut if scope["type"] == "http" else send)
