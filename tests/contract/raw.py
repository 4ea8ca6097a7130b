"""HTTP/1.1 to the byte: what stood on the socket, and how the connection ended.

Client libraries hide what these tests are about: line ends, comments, the last chunk of a
body that was not cut, a connection that was.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 20.0  # seconds for any one step

_PING = re.compile(rb"^: ping\n", re.MULTILINE)
_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)


def without_pings(body: bytes) -> bytes:
    """The body less its keep-alive lines, which are no part of the stream."""
    return _PING.sub(b"", body)


def events_of(body: bytes) -> list[bytes]:
    """The whole events of a body, each with its ending blank line; what is cut is left out."""
    return [event + b"\n\n" for event in without_pings(body).split(b"\n\n")[:-1]]


def ids_of(events: list[bytes]) -> list[int]:
    """The events' ids. An event without exactly one id line fails."""
    found = [_ID.findall(event) for event in events]
    assert all(len(ids) == 1 for ids in found), events
    return [int(ids[0]) for ids in found]


def data_of(event: bytes) -> Any:
    """The JSON in an event's one data line."""
    (data,) = (line[6:] for line in event.split(b"\n") if line.startswith(b"data: "))
    return json.loads(data)


class RawResponse:
    """An answer being read. Leaving its block closes the socket, whatever is still to come.

    ``clean`` is None until the end of the body was seen, then whether it ended as HTTP says.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.clean: bool | None = None
        self._buffer = b""

    async def __aenter__(self) -> "RawResponse":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.cut()

    async def cut(self) -> None:
        """Close the socket now."""
        self._writer.transport.abort()

    async def send(self, more: bytes) -> None:
        """Send more, such as the next request."""
        self._writer.write(more)
        await self._writer.drain()

    def leave(self) -> None:
        """Say that no more will be sent."""
        self._writer.write_eof()

    async def head(self) -> None:
        """Read status and headers."""
        async with asyncio.timeout(TIMEOUT):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }

    async def event(self) -> bytes:
        """The next whole event, with its blank line, without pings."""
        while b"\n\n" not in without_pings(self._buffer):
            piece = await self._piece()
            assert piece, f"the body ended within an event: {self._buffer!r}"
            self._buffer += piece
        event, _, self._buffer = without_pings(self._buffer).partition(b"\n\n")
        return event + b"\n\n"

    async def until(self, wanted: bytes) -> bytes:
        """The body so far, once it holds these bytes."""
        while wanted not in self._buffer:
            piece = await self._piece()
            assert piece, f"the body ended without {wanted!r}: {self._buffer!r}"
            self._buffer += piece
        return self._buffer

    async def rest(self) -> bytes:
        """What is left of the body, pings included."""
        while piece := await self._piece():
            self._buffer += piece
        body, self._buffer = self._buffer, b""
        return body

    async def ended(self) -> bool:
        """Whether the server closes the connection after the body, and sends no more before."""
        async with asyncio.timeout(TIMEOUT):
            return not await self._reader.read(1)

    async def _piece(self) -> bytes:
        """The next bytes of the body; none at its end."""
        async with asyncio.timeout(TIMEOUT):
            try:
                piece = await self._read()
            except (asyncio.IncompleteReadError, ConnectionError):
                self.clean = False
                return b""
        if not piece:
            self.clean = True
        return piece

    async def _read(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            size = int((await self._reader.readuntil(b"\r\n")).strip() or b"0", 16)
            return (await self._reader.readexactly(size + 2))[:-2]
        length = int(self.headers.get("content-length", "0"))
        self.headers["content-length"] = "0"  # it is all read at once
        return await self._reader.readexactly(length)


@asynccontextmanager
async def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    sent: bytes | None = None,
    eof: bool = False,
) -> AsyncIterator[RawResponse]:
    """Make a request of exactly these headers, Host and Content-Length added if not given.

    ``sent`` goes out in place of the body, as it is, with no Content-Length made for it; with
    ``eof`` nothing more will.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = {"host": parts.netloc, "connection": "close", **(headers or {})}
    if body is not None:
        lines = {"content-length": str(len(body)), **lines}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    async with RawResponse(reader, writer) as response:
        writer.write(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + (sent or body or b""))
        if eof:
            writer.write_eof()
        await response.head()
        yield response


async def fetch(method: str, url: str, **more: Any) -> tuple[RawResponse, bytes]:
    """Make a request and read its answer to the end."""
    async with call(method, url, **more) as response:
        return response, b"" if method == "HEAD" else await response.rest()


@asynccontextmanager
async def connected(
    url: str,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection for any bytes."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def to_the_end(reader: asyncio.StreamReader) -> bytes:
    """All that the server sends, until it closes the connection in whatever way."""
    received = b""
    try:
        while piece := await reader.read(65536):
            received += piece
    except ConnectionError:
        pass
    return received
