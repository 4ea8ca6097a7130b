"""A provider of raw bytes: what it sends is scripted, byte by byte."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from broker.frames import Frame, Kind
from broker.model import Failure
from broker.settings import Provider as ProviderSettings
from broker.settings import Secret, Timeouts
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.chat import ChatProvider
from workers.providers.exchange import new_session

DELTA = b'{"id":"c1","choices":[{"index":0,"delta":{"content":"h\\u00e9"},"finish_reason":null}]}'
STOP = b'{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
USAGE = b'{"id":"c1","choices":[],"usage":{"total_tokens":3}}'
EVENTS = b"".join(b"data: " + data + b"\n\n" for data in (DELTA, STOP, USAGE, b"[DONE]"))
FRAMES = [
    Frame(Kind.DIALECT, b"data: " + DELTA),
    Frame(Kind.DIALECT, b"data: " + STOP),
    Frame(Kind.USAGE, b"data: " + USAGE),
]
ONE, TWO = (b"data: " + data + b"\n\n" for data in (DELTA, STOP))
WHOLE = b'{"id":"w1","choices":[{"message":{"content":"hi"}}],"usage":{"total_tokens":2}}'
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
CHUNKED = SSE + b"transfer-encoding: chunked\r\n\r\n"
UNTIL_CLOSE = SSE + b"connection: close\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
PATIENT = Timeouts(connect=5, first_token=5, idle=5, total=5)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(status: str, body: bytes, kind: str = "application/json", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


class Upstream:
    """A raw HTTP/1.1 server; ``script`` answers each request on a connection."""

    def __init__(self) -> None:
        self.script: Callable[[asyncio.StreamWriter], Awaitable[None]] = hang
        self.url = ""
        self.connections = 0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.asked = asyncio.Event()
        self.closed = asyncio.Event()  # by the client, or by a reset
        self.open: set[asyncio.Future[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self.serve(reader, writer))
        self.open.add(connection)
        connection.add_done_callback(self.open.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                self.requests.append(await read_request(reader))
                self.asked.set()
                script = asyncio.ensure_future(self.script(writer))
                try:
                    await self.until_done(reader, script)
                finally:
                    script.cancel()
        self.closed.set()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def until_done(self, reader: asyncio.StreamReader, script: asyncio.Future[None]) -> None:
        """Wait for the script, or for the client to go away in the middle of it."""
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait((gone, script), return_when=asyncio.FIRST_COMPLETED)
            if script.done():
                script.result()
            else:
                raise ConnectionResetError
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    return head[0], headers, await reader.readexactly(int(headers["content-length"]))


async def hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def says(*parts: bytes, then: str = "keep") -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """A script: send each part by itself, then keep the connection, close, reset or hang."""

    async def script(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if then == "close":
            writer.close()
        elif then == "reset":
            writer.transport.abort()
        elif then == "hang":
            await hang(writer)

    return script


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    stage = Upstream()
    server = await asyncio.start_server(stage.accept, "127.0.0.1", 0)
    stage.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield stage
    server.close()
    await asyncio.wait_for(asyncio.gather(*stage.open), 2)
    await server.wait_closed()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with new_session() as session:
        yield session


class Asker:
    """Asks the upstream once; keeps what came before a failure."""

    def __init__(self, upstream: Upstream, session: aiohttp.ClientSession) -> None:
        self.upstream, self.session = upstream, session
        self.reply = Reply()
        self.frames: list[Frame] = []

    def provider(self, **settings: Any) -> ChatProvider:
        settings.setdefault("base_url", self.upstream.url)
        return ChatProvider("p", ProviderSettings(**settings), Secret("sk-test"), self.session)

    async def ask(
        self,
        timeouts: Timeouts = PATIENT,
        request: dict[str, Any] | None = None,
        wants_stream: bool = True,
        **settings: Any,
    ) -> list[Frame]:
        call = Call("r1", "provider-model", request or {"model": "m"}, wants_stream, timeouts)
        provider = self.provider(**settings)
        async with contextlib.aclosing(provider.stream(call, self.reply)) as lists:
            async for frames in lists:
                assert frames
                self.frames += frames
        return self.frames

    async def fail(self, timeouts: Timeouts = PATIENT, **settings: Any) -> Failure:
        with pytest.raises(ProviderFailure) as caught:
            await self.ask(timeouts, **settings)
        return caught.value.failure


@pytest.fixture
def asker(upstream: Upstream, session: aiohttp.ClientSession) -> Asker:
    return Asker(upstream, session)


# ── Good answers ───────────────────────────────────────────────────────────────────────
