"""One request out, one answer in, each on a connection of its own."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from tests.fuzz.request import Request

LONGEST = 15.0  # seconds for an answer's head
SILENT = 1.0  # seconds until silence is the answer to what is no request, or not all of one
FOLLOWED = 0.6  # seconds that a body is read which may never end


@dataclass(frozen=True)
class Answer:
    """What came. ``status`` is 0 if it was no answer; ``whole`` if its body ended as HTTP says."""

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    whole: bool = False
    received: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for given, value in self.headers if given == name), None)

    @property
    def media(self) -> str:
        return (self.header("content-type") or "").partition(";")[0]


async def send(url: str, request: Request) -> Answer:
    """Send it, and read what comes until its end or for as long as is reasonable."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(request.render(parts.netloc))
        if request.abrupt:
            await _flushed(writer)
            return Answer()
        broken = request.cut is not None or request.raw is not None
        if broken:
            writer.write_eof()
        return parse(request.method, await _received(reader, SILENT if broken else LONGEST))
    finally:
        writer.transport.abort()


async def _flushed(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.drain()
    except ConnectionError:
        return


async def _received(reader: asyncio.StreamReader, patience: float) -> bytes:
    received = b""
    try:
        while piece := await asyncio.wait_for(reader.read(65536), patience):
            received += piece
            if b"text/event-stream" in received[:1000]:
                return received + await _stream(reader)
    except (TimeoutError, ConnectionError):
        pass
    return received


async def _stream(reader: asyncio.StreamReader) -> bytes:
    received = b""
    try:
        async with asyncio.timeout(FOLLOWED):
            while piece := await reader.read(65536):
                received += piece
    except (TimeoutError, ConnectionError):
        pass
    return received


def parse(method: bytes, received: bytes) -> Answer:
    """The answer in what came; interim ones are skipped."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    asked = b"HEAD" if method == b"HEAD" else b"GET"
    connection.send(h11.Request(method=asked, target=b"/", headers=[(b"host", b"h")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(received)
    connection.receive_data(b"")
    answer, body, whole = None, b"", False
    try:
        while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Response):
                answer = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                whole = True
                break
            elif isinstance(event, h11.ConnectionClosed):
                break
    except h11.RemoteProtocolError:
        whole = False
    if answer is None:
        return Answer(received=received)
    headers = tuple((n.decode("latin1"), v.decode("latin1")) for n, v in answer.headers)
    return Answer(answer.status_code, headers, body, whole, received)
