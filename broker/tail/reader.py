"""A reader: one cursor in one stream, brought forward by catch-up and by live messages.

    subscribed ─▶ catch up (XRANGE from the cursor) ─▶ live (the feed's ring)
                     ▲                                   │
                     └── gap, or the connection was new ─┘

Why nothing is missed: the subscription is acknowledged before the first XRANGE, so a message
is either in what XRANGE brought or arrives on the feed. Why nothing doubles: only what comes
after the cursor is taken, from either. Each loss of the pub/sub connection starts a new
``generation``, and a reader that is not synced with the current one catches up first; the
same when the feed has heard that the store went back (its ``turns``).

A store that crashed with its host may come back without frames that this reader has sent on, or
without the job. It waits for the holder to send them again. If that does not come, or if others
stand after the lost ones (``broker.cursor``), it ends with FramesLost.

What comes is cut into slices: each ``next`` brings about as much as one takes little time for,
and where there is more to come it waits for its turn (``broker.tail.turns``). A page that was
read is kept encoded until all of it was asked for; its size is bounded, and so is what a reader
holds whose client takes nothing.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from broker.codec import UnknownTemplate
from broker.cursor import is_lost
from broker.errors import FramesLost, JobNotFound, StoreAway
from broker.store.streams import PAGE
from broker.tail.feed import Feed
from broker.tail.segment import Segment
from broker.tail.slices import slices

if TYPE_CHECKING:
    from broker.tail import Tail

Sink = Callable[[list[Segment]], bool]


class Hold(Protocol):
    """What a reader stands for besides: its leaving is reported, unless somebody else does it."""

    def left(self) -> None:
        """The reader left before the end."""
        ...


_FIRST_PAGE = 4  # entries; few, for one may be 64 KB, and the first byte should come soon
_PAGE = PAGE  # entries; each full page is followed by one four times as large, up to here
_AWAY_WAIT = 0.1  # seconds between tries while the store is away
_HEALING_WAIT = 0.2  # seconds between looks at a store that has lost frames


class Reader:
    """Reads one stream from a cursor to its terminal."""

    __slots__ = (
        "_away_since",
        "_behind_since",
        "_count",
        "_feed",
        "_generation",
        "_long",
        "_page_last",
        "_poked",
        "_sink",
        "_slices",
        "_subscribed",
        "_sync",
        "_tail",
        "_turns",
        "_waiter",
        "cursor",
        "ended",
        "grace_ms",
        "hold",
    )

    def __init__(self, tail: "Tail", feed: Feed, cursor: int, subscribed: int) -> None:
        self.cursor = cursor
        self.ended = False
        self.grace_ms: int | None = None  # of a job that its readers' leaving cancels
        self.hold: Hold | None = None
        self._tail = tail
        self._feed = feed
        self._subscribed = subscribed  # the generation of the feed's first subscription
        self._generation = -1  # the connection it is synced with
        self._turns = feed.turns
        self._away_since: float | None = None
        self._behind_since: float | None = None  # that the store is, which lost frames
        self._count = _FIRST_PAGE
        self._slices: Iterator[Segment | None] | None = None  # of the page in hand
        self._page_last = 0  # its last number
        self._sync = (-1, 0)  # what it is synced with when that has been taken
        self._long = False  # whether more is at hand than was brought last
        self._poked = False
        self._sink: Sink | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def key(self) -> str:
        """The job's key."""
        return self._feed.key

    def begin(self) -> None:
        """Go live at once: the stream was created after this reader had subscribed."""
        self._generation = self._subscribed

    async def next(self) -> list[Segment]:
        """What follows the cursor, at least one frame; an empty list after ``poke``.

        Raises:
            StoreAway: the store was away for longer than the settings' patience.
            FramesLost: the store lost what had been read, or the job. JobGone: the stream is no
            longer there.
        """
        while not self._poked:
            found: list[Segment] | None = None
            if self._long:
                self._long = False
                await self._tail.turns.take()
            elif self._slices is not None:
                found = self._slice(self._slices)
            elif self._generation == self._tail.generation and self._turns == self._feed.turns:
                found = self._feed.since(self.cursor)
                if found:
                    self._long = found[-1].last < self._feed.last
                elif found is None:
                    self._generation = -1
                else:
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._feed.changed(self._waiter, self._pass_on)
            else:
                await self._catch_up()
            if found:
                return self._take(found)
        self._poked = False
        return []

    def rest(self, wake: Callable[[asyncio.Future[None]], None]) -> bool:
        """Wait without a task: ``wake`` is called once ``next`` has something to do.

        False if it has now. What the sink takes is nothing to do.
        """
        if (
            self._poked
            or self._slices is not None
            or self._generation != self._tail.generation
            or self._turns != self._feed.turns
            or self._feed.since(self.cursor) != []
        ):
            return False
        self._waiter = asyncio.get_running_loop().create_future()
        self._waiter.add_done_callback(wake)
        self._feed.wait(self._waiter, self._pass_on)
        return True

    def poke(self) -> None:
        """Make ``next`` return, with nothing if there is nothing."""
        self._poked = True
        if self._waiter is not None and not self._waiter.done():
            self._feed.forget(self._waiter)
            self._waiter.set_result(None)

    def pour_into(self, sink: Sink | None) -> None:
        """Give what comes while ``next`` waits to ``sink``, in the very turn that it comes in.

        So no task is woken for it. The sink says whether it took the segments; what it did
        not take, the stream's end, and all that is not plain sailing is for ``next``. None: no
        sink any more.
        """
        self._sink = sink

    def _pass_on(self) -> bool:
        if (
            self._sink is None
            or self._poked
            or self._generation != self._tail.generation
            or self._turns != self._feed.turns
        ):
            return False
        found = self._feed.since(self.cursor)
        if found is None:
            return False
        for segment in found:
            if segment.terminal is not None:
                return False
        if found:
            try:
                if not self._sink(found):
                    return False
            except Exception:  # noqa: BLE001 - it will meet its reader's task again, and harm no other
                return False
            self.cursor = found[-1].last
            return self.cursor >= self._feed.last  # else there is more than can be sent at once
        return True

    def close(self) -> None:
        """The reader leaves; nothing changes for the job."""
        self._sink = self._slices = None
        if self._waiter is not None:
            self._feed.forget(self._waiter)
            self._waiter = None
        self._tail.leave(self._feed)
        if self.hold is not None:
            self.hold.left()

    def _take(self, found: list[Segment]) -> list[Segment]:
        # What a retry appends after the terminal is another reader's.
        for place, segment in enumerate(found, 1):
            if segment.terminal is not None:
                found = found[:place]
                self.ended = True
                self._slices = None
                break
        self.cursor = found[-1].last
        return found

    async def _catch_up(self) -> None:
        """Read one page from the store, if it can be had."""
        now = asyncio.get_running_loop().time()
        turns = self._feed.turns
        try:
            generation = await self._tail.connected(now + _AWAY_WAIT)
            async with self._tail.catch_ups:
                entries = await self._tail.read(self._feed.key, self.cursor, self._count)
        except StoreAway:
            if self._away_since is None:
                self._away_since = now
            elif now - self._away_since > self._tail.patience:
                raise
            await asyncio.sleep(_AWAY_WAIT)
            return
        except JobNotFound:  # it was there when this reader began
            self._away_since = None
            await self._await_healing(now, "The store lost the job.")
            return
        self._away_since = None
        self._feed.templates |= entries.templates
        if is_lost(self.cursor, entries.breaks):
            raise FramesLost
        if not entries.rows:
            if entries.state.final:
                raise FramesLost
            if self.cursor > entries.last:
                await self._await_healing(now)
                return
        self._behind_since = None
        self._sync = (-1, turns) if entries.more else (generation, turns)
        if len(entries.rows) == self._count:
            self._count = min(self._count * 4, _PAGE)
        if entries.rows:
            self._page_last = entries.rows[-1][0]
            self._slices = slices(entries.rows, entries.templates, self.cursor, entries.breaks)
        else:
            self._taken()

    async def _await_healing(self, now: float, detail: str = "") -> None:
        """Wait a moment for what the store has lost to be sent again."""
        if self._behind_since is None:
            self._behind_since = now
        elif now - self._behind_since > self._tail.healing:
            raise FramesLost(detail)
        await asyncio.sleep(_HEALING_WAIT)

    def begin_again(self) -> None:
        """Read from the start: nothing of what was read has been passed on."""
        self.cursor = 0
        self._slices = None
        self._long = False
        self._generation = -1

    def _slice(self, page: Iterator[Segment | None]) -> list[Segment]:
        """The next slice of a page; nothing if it had only what the reader has."""
        try:
            segment = next(page)
        except UnknownTemplate as error:
            self._slices = None
            raise StoreAway("A template is missing.") from error
        except StopIteration:  # an entry without a frame
            self._taken()
            return []
        self._long = True
        if segment is None:
            return []
        if segment.last == self._page_last:
            self._taken()
        return [segment]

    def _taken(self) -> None:
        """All of the page was taken; it is synced if that was all there is."""
        self._slices = None
        self._generation, self._turns = self._sync
        self._long = self._generation < 0
