"""The rest of a body is read while the answer ends, so that the server can end it."""

import asyncio

from starlette.types import Message, Receive, Scope, Send

from broker.api.unread import Unread

PART: Message = {"type": "http.request", "body": b"x", "more_body": True}
GONE: Message = {"type": "http.disconnect"}


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """An endpoint that answers unread."""
    await send({"type": "http.response.start", "status": 401, "headers": []})
    await send({"type": "http.response.body", "body": b"no", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def answered(header: bytes) -> list[str]:
    """The messages sent, through a server that puts the end into a full queue as hypercorn does."""
    queue: asyncio.Queue[Message] = asyncio.Queue(3)
    sent: list[str] = []
    for _ in range(3):
        queue.put_nowait(PART)

    async def send(message: Message) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body" and not message.get("more_body"):
            await queue.put(GONE)

    scope: Scope = {"type": "http", "headers": [(header, b"9")]}
    async with asyncio.timeout(5):
        await Unread(refuse)(scope, queue.get, send)
    return sent


async def test_a_full_queue_does_not_hold_the_end_up() -> None:
    whole = ["http.response.start", "http.response.body", "http.response.body"]
    assert await answered(b"content-length") == whole
    assert await answered(b"transfer-encoding") == whole
