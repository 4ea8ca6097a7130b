"""One exchange as the client saw it: when what arrived, how much, and how it ended.

Times are of ``perf_counter`` (uvloop's own clock counts whole milliseconds), taken when the
loop hands over the bytes, before they are looked at.
"""

import asyncio
from collections.abc import Callable
from zlib import crc32

from bench.counter import EventCounter
from bench.response import Response
from bench.stamps import Stamps

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

    ``on_tokens`` is told (tokens before, tokens now, time) of each read that brought any;
    ``stamps`` takes the times that the tokens carry.
    """

    __slots__ = (
        "_headed",
        "_on_tokens",
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
        "stamps",
    )

    def __init__(
        self,
        sent: float,
        tally: Tally | None = None,
        on_tokens: Callable[[int, int, float], None] | None = None,
        stamps: Stamps | None = None,
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
        self.stamps = stamps
        self._on_tokens = on_tokens
        self._headed: asyncio.Future[None] | None = None

    def feed(self, data: bytes, now: float) -> None:
        """Take in what was read."""
        body = self.response.feed(data)
        if self._headed is not None and self.response.status and not self._headed.done():
            self._headed.set_result(None)
        if body:
            self._take(body, now)
        if self.response.done and not self.done.done():
            if self._tally is not None:
                self._tally.calls += 1
            self.done.set_result(None)

    async def headed(self) -> None:
        """Return once the response's head has come.

        Raises:
            Cut, ResponseError: it never will.
        """
        if self.response.status:
            return
        self._headed = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._headed, self.done), return_when=asyncio.FIRST_COMPLETED)
        if not self._headed.done():
            self.done.result()

    def fail(self, error: Exception) -> None:
        """The connection is lost, or the response can't be read."""
        if not self.done.done():
            self.done.set_exception(error)

    def _take(self, body: bytes, now: float) -> None:
        if not self.first_byte:
            self.first_byte = now
        if self.stamps is not None:
            self.stamps.feed(body, now)
        self.length += len(body)
        self.checksum = crc32(body, self.checksum)
        self.last = body
        if len(self.opening) < _OPENING:
            self.opening += body[:_OPENING]
        counter = self.counter
        events, before = counter.events, counter.tokens
        tokens = counter.feed(body)
        if self._tally is not None:
            self._tally.tokens += tokens
        if not self.first_token and counter.tokens:
            self.first_token = now
        if not self.first_event and counter.events != events:
            self.first_event = now
        if tokens and self._on_tokens is not None:
            self._on_tokens(before, counter.tokens, now)
