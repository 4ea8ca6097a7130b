"""A feed: what this process has lately heard of one stream, shared by all its readers.

The latest messages are kept in a short ring. A reader holds a cursor, never a queue: if the
ring has what follows its cursor it goes on from there, however far its siblings are; if not
it reads the store. So a slow reader costs nothing but its place.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from broker.codec import Template, UnknownTemplate, parse_definition
from broker.frames import Message
from broker.tail.segment import Segment

PassOn = Callable[[], bool]

_MOST_MESSAGES = 64
_MOST_BYTES = 256 * 1024


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
        self._ring: deque[Message | Segment] = deque()
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
        while len(ring) > _MOST_MESSAGES or (self._held > _MOST_BYTES and len(ring) > 1):
            self._drop()
        self.last = message.last

    def reset(self) -> None:
        """Forget all that was heard: the store that sent it may have lost it."""
        self._clear()
        self.last = 0
        self.templates = {}

    def since(self, cursor: int) -> list[Segment] | None:
        """What the ring has after the cursor, without a gap; None if only the store can tell."""
        ring = self._ring
        if ring and ring[-1].first == cursor + 1:  # most often it is the latest alone
            try:
                return [self._segment(-1)]
            except UnknownTemplate:
                return None
        start = len(ring)
        while start and ring[start - 1].last > cursor:
            start -= 1
        if start == len(ring):
            return [] if self.last <= cursor else None
        if ring[start].first > cursor + 1:
            return None
        try:
            found = [self._segment(place) for place in range(start, len(ring))]
        except UnknownTemplate:
            return None
        found[0] = found[0].after(cursor)
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
            else:
                del self._waiters[waiter]
                waiter.set_result(None)
        if took == self.readers:
            while len(self._ring) > 1:
                self._drop()

    def _segment(self, place: int) -> Segment:
        item = self._ring[place]
        if isinstance(item, Message):
            item = self._ring[place] = Segment.decoded(item.last, item.payload, self.templates)
        return item

    def _drop(self) -> None:
        self._ring.popleft()
        self._held -= self._bytes.popleft()

    def _clear(self) -> None:
        self._ring.clear()
        self._bytes.clear()
        self._held = 0
