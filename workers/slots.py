"""Slots: how many jobs a worker may hold, and what is promised of it to claims under way.

A claim is promised slots when it is sent, for nobody knows what it brings until it is answered.
Batch jobs have a share of the slots, so that interactive ones find some free.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_READY = 2  # slots at most that a claim which waits for its wake is promised


class Slots:
    """Of one worker, for all its partitions. ``held`` and ``held_batch`` are taken by jobs."""

    def __init__(
        self, most: int, batch_share: float, partitions: int, account_share: float = 0.0
    ) -> None:
        """``account_share`` as in ``Occupancy.share``."""
        self.held = 0
        self.held_batch = 0
        self.share = account_share
        self.accounts: Counter[str] = Counter()  # slots by the account that holds them
        self.left_some = False  # whether the last claim left jobs for their account's share
        # One a partition: there is room again for what nothing is heard of.
        self.room = [asyncio.Event() for _ in range(partitions)]
        self._most = most
        self._most_batch = max(1, int(most * batch_share))
        self._promised = 0
        self._promised_batch = 0
        self._freed = asyncio.Event()  # slots were freed, or a promise ended

    @property
    def free(self) -> int:
        """Slots that no job holds and no claim has been promised."""
        return self._most - self.held - self._promised

    @property
    def free_batch(self) -> int:
        """Those of the slots that a batch job may take: the others are kept for interactive."""
        left = self._most_batch - self.held_batch - self._promised_batch
        return max(0, min(self.free, left))

    @property
    def batch_full(self) -> bool:
        """Whether batch jobs hold all that they may."""
        return self.held_batch >= self._most_batch

    @property
    def awaited(self) -> bool:
        """Whether any claim is under way."""
        return self._promised > 0

    def ready(self) -> tuple[int, int] | None:
        """Slots, and batch slots, to promise a claim that waits; None if they are too few.

        Such a promise lasts for seconds, so all partitions together leave half of what is free
        to whoever finds jobs meanwhile. Where batch jobs are full it is for interactive ones.
        """
        share = 2 * len(self.room)
        most, batch = min(_READY, self.free // share), min(_READY, self.free_batch // share)
        return (most, batch) if most and (batch or self.batch_full) else None

    @contextmanager
    def promise(self, most: int, batch: int) -> Iterator[None]:
        """Keep slots for a claim that is under way."""
        self._promised += most
        self._promised_batch += batch
        try:
            yield
        finally:
            self._promised -= most
            self._promised_batch -= batch
            self._freed.set()

    @property
    def unheld(self) -> int:
        """Slots that no job holds."""
        return self._most - self.held

    def passed_over(self, count: int) -> None:
        """A claim left so many jobs, for their accounts hold their share."""
        self.left_some = count > 0

    def take(self, account: str = "", *, batch: bool) -> None:
        """A job of an account takes one."""
        self.held += 1
        self.held_batch += batch
        if self.share:
            self.accounts[account] += 1

    def give_back(self, account: str = "", *, batch: bool) -> None:
        """It has ended."""
        self.held -= 1
        self._freed.set()
        self.held_batch -= batch
        if self.share:
            self.accounts[account] -= 1
            if self.accounts[account] <= 0:
                del self.accounts[account]
        if batch or self.left_some:
            for room in self.room:
                room.set()

    async def change(self) -> None:
        """Return when slots were freed, or a promise has ended."""
        self._freed.clear()
        await self._freed.wait()
