"""Pollers: one a partition, which takes jobs while there are free slots.

    claim ──brought jobs──▶ start them, claim again
      │ nothing
      ▼
    hear (the next wake brings its claim with it: ``broker.store.ear``) ──▶ start them, hear again

With few slots free a wait promises none and brings only the wake, and a claim follows it.

No job is taken once ``open`` says no: what a wait brings then is handed back at once, for
another worker to begin. To end the waits is ``recall``'s.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from broker import log
from broker.errors import StoreAway
from broker.store import BLOCK
from broker.store.ear import Ear
from broker.store.keys import Partition
from broker.store.queue import Claim, Queue
from workers.hold import Hold
from workers.slots import Slots
from workers.writer import Writer

_AWAY_WAIT = 0.1  # seconds between tries while the store is away
_FULL_WAIT = 0.5  # seconds without an ear for batch jobs, while they have all their slots
_TURNS = 3  # of the loop, in which a job that was started has sent its request


class Poller:
    """Of one partition, for the worker named ``holder``; ``start`` is given a hold to run.

    ``ours`` says which claims are, when their answer may be old.
    """

    def __init__(
        self,
        queue: Queue,
        partition: Partition,
        holder: str,
        slots: Slots,
        writer: Writer,
        *,
        start: Callable[[Hold], None],
        ours: Callable[[Sequence[Claim]], Awaitable[Sequence[Claim]]],
        is_open: Callable[[], bool],
    ) -> None:
        self._queue = queue
        self._partition = partition
        self._holder = holder
        self._slots = slots
        self._writer = writer
        self._start = start
        self._ours = ours
        self._is_open = is_open

    async def run(self) -> None:
        """Claim while there are free slots and jobs; wait for the lack of either to end."""
        ear = self._queue.ear(self._partition, self._holder, self._slots)
        more = True  # there may be jobs that were queued before
        try:
            while True:
                while self._slots.free <= 0 and self._is_open():
                    await self._slots.change()
                    more = True
                if not self._is_open():
                    return
                try:
                    more = await (self._claim() if more else self._hear(ear))
                except StoreAway:
                    more = True
                    await asyncio.sleep(_AWAY_WAIT)
        finally:
            await ear.close()

    async def fill_with_batch(self) -> None:
        """Claim when a batch job has ended, or any while jobs were left for their account's share:
        nothing is heard of a job that was left, nor of a batch job while there was no room for one.
        """
        freed = self._slots.room[self._partition.number]
        while self._is_open():
            await freed.wait()
            freed.clear()  # before the claim: what is freed while it is under way counts
            try:
                if self._is_open() and (self._slots.free_batch > 0 or self._slots.left_some):
                    await self._claim()
            except StoreAway:
                await asyncio.sleep(_AWAY_WAIT)

    async def recall(self) -> None:
        """End the wait that is going on, if one is.

        Raises:
            StoreAway.
        """
        await self._queue.recall(self._partition, self._holder)

    async def _claim(self) -> bool:
        """Take what is there; whether anything was."""
        most, batch = self._slots.free, self._slots.free_batch
        with self._slots.promise(most, batch):
            claims = await self._queue.claim(
                self._partition, self._holder, most, batch, occupancy=self._slots
            )
            ours = await self._ours(claims)
        self._take(ours)
        return bool(claims)

    async def _hear(self, ear: Ear) -> bool:
        """Wait for jobs and take those that come; whether there may be more of them."""
        ready = self._slots.ready()
        if ready is None:
            # Not `free_batch`: another poller's claim holds slots for a moment only.
            batch = not self._slots.batch_full
            seconds = BLOCK if batch else _FULL_WAIT
            await self._queue.wait(self._partition, seconds, batch=batch)
            return True
        most, most_batch = ready
        with self._slots.promise(most, most_batch):
            claims, woken = await ear.next(BLOCK if most_batch else _FULL_WAIT, most, most_batch)
            if not self._is_open():
                await self._hand_back(claims)
                return False
            ours = await self._ours(claims)
        self._take(ours)
        for _ in range(_TURNS):  # the jobs first: their calls wait for nothing else
            await asyncio.sleep(0)
        if not claims:
            return woken  # by a job that another took; or we had stood still, and were passed over
        return len(claims) >= min(most, most_batch or most)

    def _take(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            self._start(Hold(claim, self._writer))

    async def _hand_back(self, claims: Sequence[Claim]) -> None:
        leases = [Hold(claim, self._writer).leave() for claim in claims]
        if not leases:
            return
        try:
            await self._queue.release(self._partition, self._holder, leases, leaving=False)
        except StoreAway:
            log.warning("worker.not_released", jobs=len(leases))  # the rescuer will
