"""Live fan-out: one pub/sub connection a process, shared by all its readers.

Subscriptions are counted: the first reader of a stream subscribes and waits for the
acknowledgement, the last one unsubscribes. The connection is pinged, since a stopped server
keeps its sockets open; when it is lost all readers catch up from the store once it is back,
a bounded number at a time.

Who follows a job that is still to be made sends what makes it over the same connection, behind
the SUBSCRIBE: the server takes them in that order, so the subscription stands before the job
does, in one round trip.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from broker import log
from broker.errors import StoreAway
from broker.frames import parse_message
from broker.store import Store
from broker.store.scripts import Executor, ReplyError, translate
from broker.store.wire import Wire
from broker.tail.feed import Feed
from broker.tail.reader import Reader
from broker.tail.segment import Segment
from broker.tail.turns import Turns

__all__ = ["Reader", "Segment", "Tail"]

T = TypeVar("T")

_PING = 2.0  # seconds
_SUBSCRIBE_WAIT = 1.0  # seconds for a connection to come up before a call is refused
_AWAY_WAIT = 0.1  # seconds between tries while the store is away
_HEALING = 3.0  # leases within which a holder sends again what the store has lost


class Tail:
    """The process's feeds, and the connection they come over."""

    def __init__(self, store: Store, name: str) -> None:
        settings = store.settings
        self.generation = 0  # rises with each connection that was lost
        self.patience = settings.server.store_patience
        self.healing = _HEALING * settings.worker.lease
        self.catch_ups = asyncio.Semaphore(settings.store.catch_ups)
        self.turns = Turns()  # of the slices that its readers, and what follows them, take
        self.read = store.streams.read
        self._keys = store.keys
        self._feeds: dict[str, Feed] = {}
        self._fresh: dict[Feed, None] = {}  # of the messages that came together
        self._calls: dict[bytes, Callable[[], None]] = {}  # of channels that are no job's
        self._prefix = len(store.keys.channel_prefix)
        self._up = asyncio.Event()
        self._back_at = 0.0  # the loop's time when the connection was back, after a loss
        self._down = asyncio.Event()  # set by the loss of the connection: cuts the pause short
        self._wire = Wire(
            settings.store_url.reveal(),
            name=name,
            timeout=min(settings.store.timeout, _PING),
            home=store.connections,
            push=self._on_message,
            pushed=self._on_pushed,
            lost=self._on_lost,
        )

    async def run(self) -> None:
        """Keep the connection up and subscribed until cancelled."""
        try:
            while True:
                try:
                    self._down.clear()
                    if not self._up.is_set():
                        await self._resubscribe()
                    await self._wire.execute("PING")
                    await self._pause()
                except (StoreAway, ReplyError) as error:  # one that loads its data refuses a PING
                    if isinstance(error, ReplyError):
                        translate(error, "tail")  # which logs what is odd
                    self._up.clear()
                    await asyncio.sleep(_AWAY_WAIT)
        finally:
            await self._wire.close()

    async def follow(self, key: str, cursor: int) -> Reader:
        """A reader of a job's stream after the cursor. Close it.

        Raises:
            StoreAway: the subscription could not be made.
        """
        feed = self._enter(key)
        try:
            generation = await asyncio.shield(self._subscribed(feed))
        except BaseException:
            self.leave(feed)
            raise
        return Reader(self, feed, cursor, generation)

    async def follow_new(
        self, key: str, make: Callable[[Executor], Awaitable[T]]
    ) -> tuple[Reader, T]:
        """A reader of a job's stream from the start, and what ``make`` says of making the job.

        It is given the connection on which a SUBSCRIBE has just been sent, if one was needed.
        Close the reader.

        Raises:
            StoreAway: the subscription could not be made. Else what ``make`` raises.
        """
        feed = self._enter(key)
        try:
            if feed.subscribed is None and self._up.is_set() and self._wire.usable:
                subscribed = feed.subscribed = self._begin(feed)
            else:
                subscribed = self._subscribed(feed)
                await asyncio.shield(subscribed)
            made = await make(self._wire)
            generation = await asyncio.shield(subscribed)
        except BaseException:
            self.leave(feed)
            raise
        return Reader(self, feed, 0, generation), made

    def hear(self, channel: str, call: Callable[[], None]) -> None:
        """Call this whenever anything is published on a channel; to be said before ``run``."""
        self._calls[channel.encode()] = call

    def leave(self, feed: Feed) -> None:
        """A reader has gone; with the last one the subscription ends."""
        feed.readers -= 1
        if feed.readers == 0 and self._feeds.get(feed.key) is feed:
            del self._feeds[feed.key]
            self._wire.post("UNSUBSCRIBE", self._keys.channel(feed.key))

    async def connected(self, deadline: float) -> int:
        """The generation of the connection that is up, waited for until a loop time.

        Raises:
            StoreAway: it did not come up in time.
        """
        if not self._up.is_set():
            try:
                async with asyncio.timeout_at(deadline):
                    await self._up.wait()
            except TimeoutError:
                raise StoreAway() from None
        return self.generation

    @property
    def is_up(self) -> bool:
        """Whether live messages arrive."""
        return self._up.is_set()

    @property
    def heals(self) -> bool:
        """Whether the store has been away, and may still be sent what it lost."""
        if not self.generation or not self._up.is_set():
            return self.generation > 0
        return asyncio.get_running_loop().time() < self._back_at + self.healing

    @property
    def readers(self) -> int:
        return sum(feed.readers for feed in self._feeds.values())

    def _enter(self, key: str) -> Feed:
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(key)
        feed.readers += 1
        return feed

    def _subscribed(self, feed: Feed) -> asyncio.Future[int]:
        """The generation of which the feed's subscription is part at least."""
        if feed.subscribed is None:
            feed.subscribed = asyncio.ensure_future(self._subscribe(feed))
        return feed.subscribed

    def _begin(self, feed: Feed) -> asyncio.Future[int]:
        """The same over a connection that is up: the SUBSCRIBE is sent before this returns."""
        generation = self.generation
        acknowledged = self._wire.begin("SUBSCRIBE", self._keys.channel(feed.key))
        known: asyncio.Future[int] = acknowledged.get_loop().create_future()

        def note(acknowledged: asyncio.Future[Any]) -> None:
            if (error := acknowledged.exception()) is None:
                known.set_result(generation)
            else:
                ours = translate(error, "subscribe") if isinstance(error, ReplyError) else error
                known.set_exception(ours)
                known.exception()  # whoever awaits it gets it; nobody has to

        acknowledged.add_done_callback(note)
        return known

    async def _subscribe(self, feed: Feed) -> int:
        """Subscribe once there is a connection."""
        generation = await self.connected(asyncio.get_running_loop().time() + _SUBSCRIBE_WAIT)
        if self._feeds.get(feed.key) is feed:  # else its readers have left meanwhile
            try:
                await self._wire.execute("SUBSCRIBE", self._keys.channel(feed.key))
            except ReplyError as error:
                raise translate(error, "subscribe") from error
        return generation

    async def _resubscribe(self) -> None:
        await self._wire.connect()
        generation = self.generation
        for key in list(self._feeds):
            if key in self._feeds:
                await self._wire.execute("SUBSCRIBE", self._keys.channel(key))
        for channel in self._calls:
            await self._wire.execute("SUBSCRIBE", channel)
        if generation != self.generation:  # another connection by now, with half of them
            raise StoreAway()
        if self.generation:
            self._back_at = asyncio.get_running_loop().time()
        self._up.set()
        self._wake_all()

    async def _pause(self) -> None:
        """Until the next ping is due, or the connection is lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PING):
                await self._down.wait()

    def _on_message(self, channel: bytes, data: bytes) -> None:
        feed = self._feeds.get(channel[self._prefix :].decode())
        if feed is not None:
            feed.push(parse_message(data))
            self._fresh[feed] = None
        elif call := self._calls.get(channel):
            call()

    def _on_pushed(self) -> None:
        fresh, self._fresh = self._fresh, {}
        for feed in fresh:
            feed.wake()

    def _on_lost(self) -> None:
        self.generation += 1
        self._up.clear()
        self._down.set()
        log.warning("tail.connection_lost", readers=self.readers)
        for feed in self._feeds.values():
            feed.reset()
        self._wake_all()

    def _wake_all(self) -> None:
        for feed in self._feeds.values():
            feed.wake()
