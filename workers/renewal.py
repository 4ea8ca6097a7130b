"""Renewal: the leases of one worker's jobs, kept while it runs them.

Those that an append has renewed since the last time are left out: with thousands of slow streams
to renew each of them twice a second would cost as much as what they say. A thread renews in the
loop's place while that is busy: see ``broker.store.stand_in``.

The answer tells which leases are lost. A job that was taken from us is stopped. But a store that
was started again may have lost the end of its log: frames of streams that say nothing just now,
terminals, claims and jobs. Then what is held of all of them is sent again, and lost claims are made
again (lua/reclaim.lua).
"""

import asyncio
from collections.abc import Mapping, Sequence

from broker import log
from broker.errors import StoreAway
from broker.store import Store
from broker.store.keys import Partition
from broker.store.queue import Claim
from broker.store.refusals import damaged
from broker.store.stand_in import Order
from broker.turns import Turns
from workers.hold import Hold
from workers.writer import Writer


class Renewal:
    """Of one worker, whose ``holds`` and ``writers``, by partition number, these are."""

    def __init__(
        self,
        store: Store,
        holder: str,
        holds: dict[str, Hold],
        writers: Mapping[int, Writer],
        turns: Turns,
    ) -> None:
        settings = store.settings.worker
        self._store = store
        self._holder = holder
        self._holds = holds
        self._writers = writers
        self._settings = settings
        self._ended: list[Hold] = []  # whose terminal was stored a moment ago
        self._servers: dict[int, str] = {}  # which renewed the leases of each partition last
        # When the leases of each were last renewed: told by the answer, for after a stop the next
        # renewal begins before the answers that came meanwhile are read.
        now = asyncio.get_event_loop().time()
        self._beats = {partition.number: now for partition in store.keys.partitions}
        self.stand_in = store.stand_in(
            "worker", turns, self._orders, every=settings.renew, stuck=settings.stuck
        )

    def start(self) -> None:
        """Let the thread look whether the loop is busy."""
        self.stand_in.start()

    async def close(self) -> None:
        """End the thread."""
        await self.stand_in.close()

    def keep(self, hold: Hold) -> None:
        """A job's terminal was stored: should the store lose it, it is sent again."""
        self._ended.append(hold)

    async def run(self) -> None:
        """Renew all leases in one call a partition, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            everywhere = True
            for partition in self._store.keys.partitions:
                try:
                    await self._renew(partition, begun)
                except StoreAway:  # our appends say that we live, and the rescuer holds off
                    everywhere = False
            if everywhere:
                self.stand_in.said()
            for writer in self._writers.values():
                writer.forget(loop.time())
            await asyncio.sleep(max(0.0, begun + self._settings.renew - loop.time()))

    async def ours(self, partition: Partition, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Those of the claims that are still ours.

        Were we stopped while their answer was on its way, for a lease or longer, they may have
        gone to others: then to begin them would be to call a provider for nothing.

        Raises:
            StoreAway.
        """
        age = asyncio.get_running_loop().time() - self._beats[partition.number]
        if not claims or age < self._settings.lease:
            return claims
        leases = [(claim.job.key, claim.token) for claim in claims]
        kept = await self._store.leases.renew(partition, self._holder, leases)
        return [claim for claim, is_kept in zip(claims, kept, strict=True) if is_kept]

    async def _renew(self, partition: Partition, begun: float) -> None:
        server = await self._store.server()
        anew = self._servers.get(partition.number, server) != server
        old = begun - self._settings.renew
        holds = [
            hold
            for key, hold in self._holds.items()
            if (anew or hold.pen.renewed <= old) and self._is_in(partition, key)
        ]
        holds += self._lately_ended(partition)
        over = [hold.over for hold in holds]  # before the call, so that the reply is later
        renewed = await self._store.leases.renew(
            partition, self._holder, [hold.lease for hold in holds]
        )
        self._beats[partition.number] = begun
        self._writers[partition.number].answered(asyncio.get_running_loop().time())
        for hold, was_over, kept in zip(holds, over, renewed, strict=True):
            if not kept and (anew or not was_over):
                kept = await self._claim_again(partition, hold)
                if not kept and not hold.finished:
                    hold.take_away()
            if kept and (was_over or anew):
                if was_over:
                    log.warning("job.terminal_lost", job_key=hold.key)
                hold.pen.send_again()
        self._servers[partition.number] = server

    async def _claim_again(self, partition: Partition, hold: Hold) -> bool:
        """Whether a job is ours whose lease can't be renewed: the store had lost the claim."""
        try:
            return await self._store.queue.reclaim(partition, self._holder, hold.claim)
        except StoreAway as error:
            if damaged(error):  # one job's keys: the others are ours all the same
                return False
            raise

    def _lately_ended(self, partition: Partition) -> list[Hold]:
        """Holds whose terminal was acknowledged a moment ago, as the writer counts it.

        A lease of theirs that can still be renewed means that the store's host crashed and
        lost the terminal: it is sent again.
        """
        self._ended = [hold for hold in self._ended if hold.pen.keeps]
        return [hold for hold in self._ended if self._is_in(partition, hold.key)]

    def _is_in(self, partition: Partition, key: str) -> bool:
        return self._store.keys.partition(key) is partition

    def _orders(self) -> list[Order]:
        """The renewal of every lease that we hold. Called in a thread: it only looks."""
        leases: dict[Partition, list[tuple[str, int]]] = {}
        for hold in [*self._holds.copy().values(), *self._ended]:
            leases.setdefault(self._store.keys.partition(hold.key), []).append(hold.lease)
        return [
            self._store.leases.renewal(partition, "", held) for partition, held in leases.items()
        ]
