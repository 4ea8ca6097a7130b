"""The Rescuer: ticks in every process, so that a job outlives any worker.

One tick a partition every ``rescue_tick`` seconds; what it does is in ``rescue.lua``. API
processes tick as well as workers: with the last worker dead, queue deadlines still hold and
the jobs it held are queued again for the next worker to come.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from broker import log
from broker.errors import StoreAway, StoreRefused
from broker.store import Store
from broker.store.keys import Partition
from broker.store.leases import Tick


class Rescuer:
    """``run`` ticks until it is cancelled; ``ticks`` has the latest of each partition.

    ``settle`` is given the keys of ended jobs whose holders died before they had told how
    their attempts ended; without one they are left to other processes.
    """

    def __init__(self, store: Store, settle: Callable[[str], None] | None = None) -> None:
        self._store = store
        self._settle = settle
        self._seconds = store.settings.worker.rescue_tick
        self.ticks: dict[int, Tick] = {}
        self.seen = 0.0  # loop time of the last full round; 0 before the first
        self.rescued = 0  # jobs, by this process

    async def run(self) -> None:
        """Tick for ever. A store that is away is waited for."""
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            if await self._round():
                self.seen = loop.time()
            await asyncio.sleep(max(0.0, begun + self._seconds - loop.time()))

    async def _round(self) -> bool:
        """Tick once in every partition that lets us; whether all did."""
        whole = True
        for partition in self._store.keys.partitions:
            try:
                self._note(partition.number, await self._tick(partition))
            except StoreRefused:  # this one is damaged, perhaps, and no other
                self.ticks.pop(partition.number, None)
                whole = False
            except StoreAway:
                self.ticks.clear()
                return False
        return whole

    async def _tick(self, partition: Partition) -> Tick:
        settles = self._settle is not None
        return await self._store.leases.rescue(partition, settles=settles)

    def _note(self, number: int, tick: Tick) -> None:
        self.ticks[number] = tick
        self.rescued += len(tick.rescued)
        for event, keys in (
            ("job.rescued", tick.rescued),
            ("job.queue_timeout", tick.timed_out),
            ("job.deadline_exceeded", tick.late),
            ("job.abandoned", tick.abandoned),
            ("job.mended", tick.mended),
            ("job.damaged", tick.damaged),
        ):
            for key in keys:
                log.warning(event, job_key=key)
        for key in tick.unsettled:
            assert self._settle is not None
            self._settle(key)

    @property
    def workers(self) -> int:
        """Workers that beat lately, as far as this process knows."""
        return max((tick.workers for tick in self.ticks.values()), default=0)

    @property
    def queued(self) -> int:
        return sum(tick.queued for tick in self.ticks.values())

    @property
    def queued_batch(self) -> int:
        return sum(tick.queued_batch for tick in self.ticks.values())

    @property
    def free_memory(self) -> float:
        """The share of the store's allowed memory that is not in use; 1 without a limit."""
        return min(
            (1 - tick.used / tick.allowed for tick in self.ticks.values() if tick.allowed),
            default=1.0,
        )

    @property
    def allowed_memory(self) -> int:
        """The store's maxmemory in bytes; 0 while there is none, or none is known."""
        return max((tick.allowed for tick in self.ticks.values()), default=0)

    @property
    def totals(self) -> Counter[str]:
        """What happened in all partitions since the deployment began, by name."""
        return sum((Counter(tick.totals) for tick in self.ticks.values()), Counter())

    @property
    def running(self) -> int:
        return sum(tick.running for tick in self.ticks.values())
