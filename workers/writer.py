"""The group-commit writer: many jobs' frames, one append a partition at a time.

While one flush is in flight, what arrives gathers for the next, and no flush begins within
``LINGER`` of the one before: under no load a token goes out alone, at once; under load a flush
carries what came in meanwhile, and the cost of a round trip, in three processes, is shared. The
more it carried the longer the next one waits: a thousand tokens a second wait two milliseconds,
five thousand eight, which takes a tenth off what each of them costs.

What somebody waits for (a stream's first words, its last frame, ``settled``) never lingers, and
what nobody does (that an attempt begins, who speaks) lingers even under no load: the answer's
first word may come meanwhile, and one append then carries both.

    Pen.write ─▶ open chunk ─┐                 one flush in flight
    Pen.write ─▶ open chunk ─┼─▶ Writer._take ─▶ Streams.append ─▶ verdicts ─▶ Pen
    Pen.write ─▶ open chunk ─┘        ▲                                         │
                                      └── StoreAway: the same batches again ◀───┘

A batch that is unanswered is sent again as it is: DUPLICATE is a success. Acknowledged batches
are kept for ``keep_acknowledged`` seconds in which the store was there (``workers.presence``), so
that a REWIND (the store's host crashed and lost the tail of its log) is healed by sending them
again, however long the store was away. A FENCED is asked about: the store may have lost the claim
itself, or the job (lua/reclaim.lua). They are bounded in bytes too, by
``Writer.room``: whoever reads a provider waits for it, for to drop them sooner would break the
promise.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from broker import log
from broker.errors import StoreAway
from broker.settings import Worker
from broker.store.keys import Partition
from broker.store.queue import Claim
from broker.store.refusals import damaged
from broker.store.streams import MAX_BYTES, MAX_STREAMS, Batch, Streams, Verdict, rewind_to
from workers.pen import Fenced, Pen
from workers.presence import Presence

Reclaim = Callable[[Claim], Awaitable[bool]]

LINGER = 0.002  # seconds; to a token of a lone stream it is at most that much later
_LINGER_A_BATCH, _MOST_MORE = 0.0002, 0.006  # seconds more, for what the flush before carried
_LARGE = 8 * 1024  # bytes of a batch that lets others go first
_APPENDED = int(Verdict.APPENDED)  # in the hot loop a member of an enum costs as much as the rest
_SILENCE = 2.0  # times between renewals in which nothing may be heard of a store that is there
_LEAST_KEPT = 8 * 1024  # bytes of a running job's last batches that are kept whatever their age
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.5  # seconds between tries while the store is away


class _Flushed(NamedTuple):
    """What one flush stored, and when (in time in which the store was there)."""

    at: float
    stored: list[tuple[Pen, Batch]]
    size: int  # bytes


class Writer:
    """Flushes the dirty pens of one partition, one append at a time."""

    def __init__(self, streams: Streams, partition: Partition, settings: Worker) -> None:
        self._streams = streams
        self._partition = partition
        self._keep = settings.keep_acknowledged
        self._presence = Presence(_SILENCE * settings.renew, settings.keep_acknowledged)
        self.least_kept = _LEAST_KEPT if settings.keep_acknowledged else 0
        self.reclaim: Reclaim | None = None
        self.most_pending = settings.max_pending
        self.most_kept = settings.max_kept
        # A stream's appends renew its lease so often that the worker need not do it besides.
        self.renew_after = settings.renew / 2
        self._dirty: dict[Pen, None] = {}
        self._kept: deque[_Flushed] = deque()  # oldest first
        self.kept = 0  # bytes of it
        self._work = asyncio.Event()
        self._next = 0.0  # the loop's time before which a flush only begins in a hurry
        self._hurried = False
        self._pause: asyncio.Future[None] | None = None
        self._carried = 0  # batches of the last call
        self._full = False  # the last call was: there is more to send already
        self._left_large = False  # whether it may have left large batches
        self.appends = 0  # calls answered
        self.frames = 0  # frames acknowledged

    def pen(
        self,
        key: str,
        token: int,
        last: int,
        on_end: Callable[[Exception], None],
        claim: Claim | None = None,
    ) -> Pen:
        """A pen for a job claimed under ``token`` whose stream ends at ``last``.

        With the ``claim`` it is claimed again should the store have lost that.
        """
        return Pen(self, key, token, last, on_end, claim)

    def answered(self, now: float) -> None:
        """The store answered something; ``now`` is the loop's time."""
        self._presence.answered(now)

    def keep(self, stored: list[tuple[Pen, Batch]], now: float) -> None:
        """These are acknowledged; ``now`` is the loop's time."""
        size = sum([batch.size for _, batch in stored])
        self._kept.append(_Flushed(self._presence.time(now), stored, size))
        self.kept += size

    def forget(self, now: float) -> None:
        """Let go of what was acknowledged long enough ago; ``now`` is the loop's time."""
        oldest = self._presence.time(now) - self._keep
        while self._kept and self._kept[0].at <= oldest:
            flushed = self._kept.popleft()
            self.kept -= flushed.size
            for pen, batch in flushed.stored:
                pen.forget(batch)

    async def room(self) -> None:
        """Return once so little is kept that more may be written."""
        while self.kept > self.most_kept:
            await asyncio.sleep(_FIRST_WAIT)
            self.forget(asyncio.get_running_loop().time())

    def mark(self, pen: Pen) -> None:
        """The pen has something to flush."""
        self._dirty[pen] = None
        if not self._work.is_set():
            self._work.set()

    async def run(self) -> None:
        """Flush until cancelled. A store that is away is waited for; nothing is dropped."""
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            self._work.clear()
            while self._dirty:
                await self._linger()
                taken = self._take(loop.time())
                if taken:
                    sent = loop.time()
                    verdicts = await self._append([batch for _, batch in taken])
                    for pen in self._apply(taken, verdicts, sent):
                        await self._claim_again(pen)

    def defer(self) -> None:
        """What is written next waits for company, if nothing waits already."""
        if not self._dirty:
            self._hurried = False
            self._next = max(self._next, asyncio.get_running_loop().time() + LINGER)

    def hurry(self) -> None:
        """Somebody waits for what was written last."""
        self._hurried = True
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)

    async def _linger(self) -> None:
        """Return once the next flush is due, and note when the one after it will be."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now < self._next and not (self._hurried or self._full):
            self._pause = loop.create_future()
            timer = loop.call_at(self._next, self.hurry)
            try:
                await self._pause
            finally:
                timer.cancel()
                self._pause = None
            now = loop.time()
        self._hurried = False
        self._next = now + LINGER + min(_MOST_MORE, self._carried * _LINGER_A_BATCH)

    def _take(self, now: float) -> list[tuple[Pen, Batch]]:
        """The next call's batches: one a stream, within the caps, longest waiting first.

        Large ones go behind the others, so that a flood keeps no trickle waiting; if some were
        left by the last call, one goes first.
        """
        taken: list[tuple[Pen, Batch]] = []
        size = 0
        self._full = False
        dirty, self._dirty = self._dirty, {}
        for pen in self._in_order(dirty):
            batch = pen.head(now)
            if batch is None:
                continue
            size += batch.size
            if taken and (size > MAX_BYTES or len(taken) == MAX_STREAMS):
                self._full = True
                break
            taken.append((pen, batch))
        self._carried = len(taken)
        if self._full:
            for pen, _ in taken:
                del dirty[pen]
            self._dirty = dirty
        return taken

    def _in_order(self, dirty: dict[Pen, None]) -> Iterable[Pen]:
        large = [pen for pen in dirty if pen.pending > _LARGE and pen.ahead > _LARGE]
        if not large or len(dirty) == 1:
            self._left_large = False
            return dirty
        small = [pen for pen in dirty if pen.ahead <= _LARGE]
        first = large[:1] if self._left_large else []
        self._left_large = True
        return [*first, *small, *large[len(first) :]]

    async def _append(self, batches: list[Batch]) -> list[int]:
        wait = _FIRST_WAIT
        while True:
            try:
                return await self._streams.append(self._partition, batches)
            except StoreAway as error:
                if wait == _FIRST_WAIT:
                    log.warning("writer.store_away", streams=len(batches), reason=error.detail)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)

    def _apply(
        self, taken: list[tuple[Pen, Batch]], verdicts: list[int], sent: float
    ) -> Sequence[Pen]:
        """Take note of the verdicts; the pens that may have to be claimed again."""
        now = asyncio.get_running_loop().time()
        self._presence.answered(now)
        self.forget(now)
        self.appends += 1
        fenced: Sequence[Pen] = ()
        stored: list[tuple[Pen, Batch]] = []
        for each, verdict in zip(taken, verdicts, strict=True):
            pen, batch = each
            if verdict >= _APPENDED:
                self.frames += batch.last - batch.first + 1
                if not pen.ours:
                    continue
                stored.append(each)
                if verdict == _APPENDED and batch.renew:
                    pen.renewed = sent
                if pen.acknowledge(batch):
                    self.mark(pen)
                continue
            last = rewind_to(verdict)
            if last is not None:
                log.warning("writer.rewind", job_key=pen.key, last=last)
                pen.rewind(last)
            elif pen.claim is None or self.reclaim is None:
                pen.end(Fenced())
            else:
                fenced = (*fenced, pen)
                continue
            if pen.dirty:
                self.mark(pen)
        self.keep(stored, now)
        return fenced

    async def _claim_again(self, pen: Pen) -> None:
        """A pen was refused: the job is another's, unless the store has lost the claim."""
        assert self.reclaim is not None
        if not pen.ours or pen.claim is None:
            return
        try:
            ours = await self.reclaim(pen.claim)
        except StoreAway as error:
            ours = not damaged(error)  # then send again, and hear again
            await asyncio.sleep(_FIRST_WAIT)
        if not ours:
            pen.end(Fenced())
        elif pen.dirty:
            self.mark(pen)
