"""A proxy of ``clients/python`` in the test's own loop, and a broker that is told what to do."""

import asyncio
import json
import re
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from streamhold_client.proxy.server import Proxy
from streamhold_client.proxy.settings import Settings, broker_at
from tests.listening import Listener

CHAT = "/v1/chat/completions"


@asynccontextmanager
async def proxying(api: str, **settings: Any) -> AsyncIterator[str]:
    """The base URL of a proxy, on a free port, for as long as the block runs."""
    proxy = Proxy(Settings(broker_at(api), **{"port": 0, "drain": 0.0, **settings}))
    await proxy.start()
    try:
        yield f"http://127.0.0.1:{proxy.port}"
    finally:
        await proxy.stop()


@dataclass
class Heard:
    """A request as the broker got it. ``number`` counts them from 1."""

    number: int
    line: str
    headers: dict[str, str]
    body: bytes
    raw: bytes = field(repr=False, default=b"")

    @property
    def key(self) -> str:
        return self.headers["idempotency-key"]

    @property
    def after(self) -> int:
        return int(self.headers.get("last-event-id", 0))


Script = Callable[[Heard, StreamWriter], Awaitable[None]]


class Broker(Listener):
    """Answers each request by ``script``; a connection ends when that raises or closes it."""

    def __init__(self, script: Script) -> None:
        super().__init__(self._converse)
        self.heard: list[Heard] = []
        self.connections = 0
        self.open = 0
        self._script = script

    async def _converse(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while not writer.is_closing():
                    heard = await _read(reader, len(self.heard) + 1)
                    self.heard.append(heard)
                    await self._script(heard, writer)
                    await writer.drain()
        finally:
            self.open -= 1
            writer.transport.abort()


async def _read(reader: StreamReader, number: int) -> Heard:
    raw = await reader.readuntil(b"\r\n\r\n")
    line, *lines = raw.decode("latin1").split("\r\n")[:-2]
    pairs = [one.split(": ", 1) for one in lines]
    headers: dict[str, str] = {}
    for name, value in pairs:
        assert name.lower() not in headers, f"{name} is there twice"
        headers[name.lower()] = value
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Heard(number, line, headers, body, raw)


@asynccontextmanager
async def brokering(script: Script) -> AsyncIterator[Broker]:
    """A broker for as long as the block runs."""
    broker = Broker(script)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


# ── What a broker says ───────────────────────────────────────────────────────────────────


def events(count: int, after: int = 0) -> bytes:
    """A chat's stream of so many words, after a cursor."""
    chunks = [
        json.dumps({"choices": [{"index": 0, "delta": {"content": f" {n}"}}]})
        for n in range(1, count + 1)
    ]
    numbered = list(enumerate([*chunks, "[DONE]"], 1))[after:]
    return b"".join(b"id: %d\ndata: %b\n\n" % (n, data.encode()) for n, data in numbered)


def head(
    heard: Heard, *lines: str, status: str = "200 OK", kind: str = "text/event-stream"
) -> bytes:
    """An answer's head, with the call's key."""
    key = heard.headers.get("idempotency-key", "none")
    named = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"x-request-id: {key}", *lines]
    return ("\r\n".join(named) + "\r\n\r\n").encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def stream(heard: Heard, data: bytes) -> bytes:
    """A stream that ends well."""
    return head(heard, "transfer-encoding: chunked") + chunk(data) + b"0\r\n\r\n"


def answer(heard: Heard, body: bytes, status: str = "200 OK", *lines: str) -> bytes:
    """A whole answer."""
    size = f"content-length: {len(body)}"
    return head(heard, size, *lines, status=status, kind="application/json") + body


WORDS = 9
WHOLE = events(WORDS)


def says(data: Callable[[Heard], bytes]) -> Script:
    """What answers every request so."""

    async def script(heard: Heard, writer: StreamWriter) -> None:
        writer.write(data(heard))

    return script


# ── What a program says and hears ────────────────────────────────────────────────────────


def posted(body: bytes = b'{"stream": true}', path: str = CHAT, *lines: str) -> bytes:
    """A POST as bytes."""
    named = ["host: localhost", "content-type: application/json", *lines]
    start = f"POST {path} HTTP/1.1\r\n" + "\r\n".join(named)
    return f"{start}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Got:
    """An answer to the byte. ``whole`` tells whether it ended as HTTP says."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


class Program:
    """One connection of a program to a proxy."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, url: str) -> "Program":
        host, _, port = url.removeprefix("http://").partition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def get(self) -> Got:
        """The next answer."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        line, *lines = raw.decode("latin1").split("\r\n")[:-2]
        headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in lines)}
        status = int(line.split(" ")[1])
        got = Got(status, headers, b"", True)
        try:
            if headers.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readline(), 16):
                    got.body += await self.reader.readexactly(size)
                    await self.reader.readexactly(2)
                await self.reader.readexactly(2)
            elif "content-length" in headers:
                got.body = await self.reader.readexactly(int(headers["content-length"]))
            elif status not in (100, 204, 304):
                got.body = await self.reader.read()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            got.whole = False
        return got

    async def call(self, request: bytes) -> Got:
        self.writer.write(request)
        return await self.get()

    def leave(self) -> None:
        self.writer.transport.abort()


async def call(url: str, request: bytes) -> Got:
    """One request over a connection of its own."""
    program = await Program.connect(url)
    try:
        return await program.call(request)
    finally:
        program.leave()


async def until(condition: Callable[[], object]) -> None:
    """Return once it holds, of what the test itself runs."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it may hang on anything
            await asyncio.sleep(0.01)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


PING = re.compile(rb"(?m)^: ping\n")
