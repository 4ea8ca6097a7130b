"""One exchange as the client saw it: when what arrived, how much, and how it ended.

Times are of ``perf_counter`` (uvloop's own clock counts whole milliseconds), taken when the
loop hands over the bytes, before they are looked at.
"""

import asyncio
from collections.abc import Callable
from zlib import crc32

from bench.counter import EventCounter
from bench.response import Response

_OPENING = 500  # bytes of a body that are kept, to say what was answered


class Cut(ConnectionError):
    """The connection ended before the response did."""


class Tally:
    """What many exchanges have received together, at any time."""

    __slots__ = ("calls", "tokens")

    def __init__(self) -> None:
        self.tokens = 0
        self.calls = 0


class Exchange:
    """A request that was sent and its response so far.

    ``on_events`` is told (events before, events now, time) of each read that brought any.
    """

    __slots__ = (
        "_on_events",
        "_tally",
        "checksum",
        "counter",
        "done",
        "first_byte",
        "first_event",
        "first_token",
        "last",
        "length",
        "opening",
        "response",
        "sent",
    )

    def __init__(
        self,
        sent: float,
        tally: Tally | None = None,
        on_events: Callable[[int, int, float], None] | None = None,
    ) -> None:
        self.sent = sent
        self.response = Response()
        self.counter = EventCounter()
        self.length = 0
        self.checksum = 0
        self.opening = b""  # the body's first bytes
        self.last = b""  # what the last read brought of it
        self.first_byte = self.first_event = self.first_token = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tally = tally
        self._on_events = on_events

    def feed(self, data: bytes, now: float) -> None:
        """Take in what was read."""
        body = self.response.feed(data)
        if body:
            self._take(body, now)
        if self.response.done and not self.done.done():
            if self._tally is not None:
                self._tally.calls += 1
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        """The connection is lost, or the response can't be read."""
        if not self.done.done():
            self.done.set_exception(error)

    def _take(self, body: bytes, now: float) -> None:
        if not self.first_byte:
            self.first_byte = now
        self.length += len(body)
        self.checksum = crc32(body, self.checksum)
        self.last = body
        if len(self.opening) < _OPENING:
            self.opening += body[:_OPENING]
        counter = self.counter
        before = counter.events
        tokens = counter.feed(body)
        if self._tally is not None:
            self._tally.tokens += tokens
        if not self.first_token and counter.tokens:
            self.first_token = now
        if counter.events != before:
            if not self.first_event:
                self.first_event = now
            if self._on_events is not None:
                self._on_events(before, counter.events, now)
