"""A feed: what this process has lately heard of one stream, shared by all its readers.

The latest messages are kept in a short ring. A reader holds a cursor, never a queue: if the
ring has what follows its cursor it goes on from there, however far its siblings are; if not
it reads the store. So a slow reader costs nothing but its place.

A message may hold far more than its own size. A large one is decoded as readers come to it, a
slice at a time, and what the ring keeps is bounded in what it is decoded.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from broker.codec import Template, UnknownTemplate, parse_definition
from broker.decoding import SLICE, Decoding, decode, size_of
from broker.frames import Message
from broker.tail.segment import Segment

PassOn = Callable[[], bool]

_MOST_MESSAGES = 64
_MOST_BYTES = 256 * 1024
_SMALL = 1024  # bytes of a payload that is decoded at once


class _Rest:
    """What is left of a large message of which slices were taken.

    It counts as nothing: it is where the foremost reader is, so that there is one as a rule.
    """

    __slots__ = ("decoding", "first", "last")

    def __init__(self, first: int, last: int, decoding: Decoding) -> None:
        self.first = first
        self.last = last
        self.decoding = decoding


class Feed:
    """The ring, the stream's templates, and the readers to be woken.

    Invariants: the ring's messages are consecutive; ``last`` is the number heard last. It goes
    back only if the store did (its host crashed and lost the end of its log); ``turns`` counts
    that, and every reader then looks into the store again.
    """

    __slots__ = (
        "_bytes",
        "_held",
        "_ring",
        "_waiters",
        "key",
        "last",
        "readers",
        "subscribed",
        "templates",
        "turns",
    )

    def __init__(self, key: str) -> None:
        self.key = key
        self.readers = 0
        self.subscribed: asyncio.Future[int] | None = None
        self.last = 0
        self.turns = 0
        self.templates: dict[int, Template] = {}
        self._ring: deque[Message | Segment | _Rest] = deque()
        self._bytes: deque[int] = deque()
        self._held = 0
        self._waiters: dict[asyncio.Future[None], PassOn] = {}

    def push(self, message: Message) -> None:
        """Take a live message; ``wake`` follows once all that came together are taken."""
        ring = self._ring
        if ring and message.first != self.last + 1:
            if message.first <= self.last:
                self.turns += 1
            self._clear()
        for number, text in message.definitions:
            self.templates[number] = parse_definition(text)
        size = len(message.payload)
        ring.append(message)
        self._bytes.append(size)
        self._held += size
        if len(ring) > _MOST_MESSAGES or self._held > _MOST_BYTES:
            self._trim()
        self.last = message.last

    def reset(self) -> None:
        """Forget all that was heard: the store that sent it may have lost it."""
        self._clear()
        self.last = 0
        self.templates = {}

    def since(self, cursor: int) -> list[Segment] | None:
        """What the ring has after the cursor, without a gap; None if only the store can tell.

        It may stop before the latest, when it has as much as is brought at once.
        """
        ring = self._ring
        start = len(ring)
        if ring and (latest := ring[-1]).first == cursor + 1:  # most often it is that alone
            if type(latest) is Segment:
                return [latest]
            if type(latest) is Message and len(latest.payload) <= _SMALL:
                try:
                    return [self._whole(-1, latest)]
                except UnknownTemplate:
                    return None
            start -= 1
        else:
            while start and ring[start - 1].last > cursor:
                start -= 1
            if start == len(ring):
                return [] if self.last <= cursor else None
            if ring[start].first > cursor + 1:
                return None
        found: list[Segment] = []
        try:
            room = SLICE
            while start < len(ring) and room > 0:
                segment = self._segment(start)
                if segment.last > cursor:
                    found.append(segment if found else segment.after(cursor))
                room -= self._bytes[start]
                start += 1
        except UnknownTemplate:
            return None
        if self._held > _MOST_BYTES:
            self._trim()
        return found

    async def changed(self, waiter: asyncio.Future[None], pass_on: PassOn) -> None:
        """Return at a wake that ``pass_on`` says false to, or when the waiter has a result."""
        self.wait(waiter, pass_on)
        try:
            await waiter
        finally:
            self.forget(waiter)

    def wait(self, waiter: asyncio.Future[None], pass_on: PassOn) -> None:
        """Give the waiter a result at a wake that ``pass_on`` says false to."""
        self._waiters[waiter] = pass_on

    def forget(self, waiter: asyncio.Future[None]) -> None:
        """It waits no more."""
        self._waiters.pop(waiter, None)

    def wake(self) -> None:
        """Give every reader that waits what is new, or wake it.

        What all readers have is dropped but for the latest: memory that is soon used again is
        the only memory that is quick.
        """
        took = 0
        for waiter, pass_on in list(self._waiters.items()):
            if waiter.done():
                continue
            if pass_on():
                took += 1
            elif not waiter.done():  # else what it was given has woken it
                del self._waiters[waiter]
                waiter.set_result(None)
        if took == self.readers:
            while len(self._ring) > 1:
                self._drop()

    def _segment(self, place: int) -> Segment:
        """The segment at a place of the ring; of a large message the next slice, its rest behind.

        Raises:
            UnknownTemplate: only the store has a template.
        """
        item = self._ring[place]
        if isinstance(item, Segment):
            return item
        if isinstance(item, Message):
            if len(item.payload) <= _SMALL:
                return self._whole(place, item)
            decoding = Decoding(item.payload, self.templates)
            item = _Rest(item.first, item.last, decoding)
        frames = item.decoding.some()
        segment = Segment(item.first + len(frames) - 1, frames)
        size = size_of(frames)
        self._ring[place] = segment
        self._held += size - self._bytes[place]
        self._bytes[place] = size
        if not item.decoding.done:
            self._ring.insert(place + 1, _Rest(segment.last + 1, item.last, item.decoding))
            self._bytes.insert(place + 1, 0)
        return segment

    def _whole(self, place: int, message: Message) -> Segment:
        frames = decode(message.payload, self.templates)
        segment = self._ring[place] = Segment(message.last, frames)
        size = size_of(frames)
        self._held += size - self._bytes[place]
        self._bytes[place] = size
        return segment

    def _trim(self) -> None:
        ring = self._ring
        while len(ring) > _MOST_MESSAGES or (self._held > _MOST_BYTES and len(ring) > 1):
            self._drop()

    def _drop(self) -> None:
        self._ring.popleft()
        self._held -= self._bytes.popleft()

    def _clear(self) -> None:
        self._ring.clear()
        self._bytes.clear()
        self._held = 0
