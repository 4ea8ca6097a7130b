"""What stays in the process of a connection that ended, over the server as it is: nothing."""

import asyncio

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from broker.settings import Server
from rig.cluster import until
from tests.contract.left import LEFT
from tests.contract.raw import TIMEOUT, connected, to_the_end
from tests.contract.test_outlet import serving_app

SHORT = Server(head_timeout=0.2, body_timeout=0.2, body_rate=1e6, keep_alive=0.2, ping=0.2)


async def reads(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that takes its body."""
    try:
        body = await Request(scope, receive).body()
    except ClientDisconnect:
        body = b"left"
    await Response(body)(scope, receive, send)


async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
    """One that doesn't."""
    await Response("no", 401)(scope, receive, send)


async def waits(scope: Scope, receive: Receive, send: Send) -> None:
    """One that looks at its client's leaving and at nothing else."""
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize("app", [reads, refuses, waits])
@pytest.mark.parametrize("leaves", [False, True])
async def test_no_task_stays(app: object, leaves: bool) -> None:
    """Also where the client is the one who ends it, at whatever point it is."""

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)  # type: ignore[operator]

    async with serving_app(http, SHORT) as port:
        await leave(port, b"GET / HTTP/1.1\r\n\r\n", leaves)
        before = len(asyncio.all_tasks())
        async with asyncio.timeout(TIMEOUT):
            for left in LEFT.values():
                await leave(port, left.sent, leaves or app is waits)
        await until(lambda: len(asyncio.all_tasks()) <= before, TIMEOUT)


async def leave(port: int, sent: bytes, leaves: bool) -> None:
    """Send this; then leave, or wait for the end."""
    async with connected(f"http://127.0.0.1:{port}") as (reader, writer):
        writer.write(sent)
        if leaves:
            await writer.drain()
            writer.write_eof()
        await to_the_end(reader)
