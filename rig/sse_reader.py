"""A client that does what PROTOCOL.md asks of one: keeps the last id, and comes again.

It notes every event as it was on the wire, and stops with an error where the protocol was
broken: an id that does not rise, a connection that ended cleanly without a terminal.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

_AGAIN = 0.05  # seconds before the next connection; well below what `retry:` asks for
_CUT = (aiohttp.ClientError, ConnectionError, TimeoutError)


class Event(msgspec.Struct, frozen=True):
    """One event: its id, and its bytes from its first line to its blank line."""

    id: int
    raw: bytes

    @property
    def name(self) -> bytes:
        return self.field(b"event")

    @property
    def data(self) -> bytes:
        return self.field(b"data")

    def field(self, name: bytes) -> bytes:
        for line in self.raw.split(b"\n"):
            if line.startswith(name + b": "):
                return line[len(name) + 2 :]
        return b""

    @property
    def ends(self) -> bool:
        """Whether it is a terminal, in either view."""
        return self.name in (b"end", b"error") or self.data == b"[DONE]"


class BrokenProtocol(AssertionError):
    """The server did what PROTOCOL.md says it never does."""


class SseReader:
    """Reads one job's stream to its terminal through one API process after another.

    ``urls`` gives the API process for each connection. With ``call``, a chat request, it is
    the chat view: the same call is posted again with ``Last-Event-ID``. Without, it is the
    native view of the job.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        request_id: str,
        urls: Iterator[str],
        call: dict[str, Any] | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.times: list[float] = []  # of `time.monotonic`, when each event was read
        self.retries: list[bytes] = []  # reasons of the `retry` events
        self.statuses: list[int] = []  # of each answer that was no stream
        self.connections = 0  # that began to stream
        self.ended = False
        self.task: asyncio.Task[None] | None = None
        self._session = session
        self.request_id = request_id
        self._urls = urls
        self._call = call
        self._changed = asyncio.Event()
        self._mark = 0

    @property
    def is_chat(self) -> bool:
        return self._call is not None

    @property
    def model(self) -> str | None:
        """The model of its chat request; None for the native view."""
        return None if self._call is None else str(self._call["model"])

    @property
    def cursor(self) -> int:
        return self.events[-1].id if self.events else 0

    @property
    def transcript(self) -> bytes:
        """All events as they were on the wire."""
        return b"".join(event.raw for event in self.events)

    def mark(self) -> None:
        """Count ``since_mark`` from here."""
        self._mark = len(self.events)

    @property
    def since_mark(self) -> int:
        """Events since the mark, or the start."""
        return len(self.events) - self._mark

    def start(self) -> "SseReader":
        """Read in the background; ``finish`` waits for the end."""
        self.task = asyncio.ensure_future(self.read())
        return self

    async def finish(self, seconds: float) -> "SseReader":
        """Wait for the terminal."""
        assert self.task is not None
        async with asyncio.timeout(seconds):
            await self.task
        return self

    async def reached(self, condition: Callable[["SseReader"], bool], seconds: float) -> None:
        """Return once the condition holds of this reader, looked at after each event."""
        async with asyncio.timeout(seconds):
            while not condition(self):
                if self.task is not None and self.task.done():
                    self.task.result()
                    assert condition(self), "the stream has ended"
                self._changed.clear()
                await self._changed.wait()

    async def read(self) -> None:
        """Connect, and again after each loss, until the terminal has come."""
        try:
            while not self.ended:
                with suppress(*_CUT):  # killed, refused or cut off: come again
                    await self._connect(next(self._urls))
                if not self.ended:
                    self._changed.set()
                    await asyncio.sleep(_AGAIN)
        finally:
            self._changed.set()

    async def _connect(self, url: str) -> None:
        headers = {"Last-Event-ID": str(self.cursor)} if self.events else {}
        if self._call is None:
            address = f"{url}/v1/jobs/{self.request_id}/events"
            request = self._session.get(address, headers=headers)
        else:
            headers["Idempotency-Key"] = self.request_id
            address = f"{url}/v1/chat/completions"
            body = {**self._call, "stream": True}
            request = self._session.post(address, headers=headers, json=body)
        async with request as response:
            if response.status != 200:
                self.statuses.append(response.status)
                self.ended = response.status == 204 or 400 <= response.status < 500
                return
            self.connections += 1
            await self._follow(response)

    async def _follow(self, response: aiohttp.ClientResponse) -> None:
        rest = b""
        async for data in response.content.iter_any():
            *whole, rest = (rest + data).split(b"\n\n")
            for text in whole:
                self._take(text)
            self._changed.set()
        if not self.ended:
            raise BrokenProtocol(f"a clean end after {self.cursor}, without a terminal")

    def _take(self, text: bytes) -> None:
        """Note an event."""
        lines = [line for line in text.split(b"\n") if not line.startswith(b":")]
        event = Event(0, b"\n".join(lines) + b"\n\n")
        event = Event(int(event.field(b"id")), event.raw)
        if event.name == b"retry":
            if event.id != self.cursor:
                raise BrokenProtocol(f"handed back at {event.id}, having sent {self.cursor}")
            self.retries.append(event.data)
            return
        if self.ended or event.id <= self.cursor:
            raise BrokenProtocol(f"{event.id} after {self.cursor}: {text[:200]!r}")
        self.events.append(event)
        self.times.append(time.monotonic())
        self.ended = event.ends


def always(url: str) -> Iterator[str]:
    """The same API process for every connection."""
    return itertools.repeat(url)


def first_then(first: str, other: str) -> Iterator[str]:
    """One API process, and for every later connection the other."""
    return itertools.chain((first,), itertools.repeat(other))
