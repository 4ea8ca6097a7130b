"""How many bytes of large parts of answers a worker holds at once, in all and of one account.

An event of a stream is held until its end has come, and a whole answer until all of it has; then it
is decoded, translated and written, which takes several times its size. So what an answer holds
beyond ``FREE`` bytes is taken from one allowance, before more of that answer is read, and is given
back once the stream has taken what came of it. Whoever finds no room waits, and so does its
provider. The oldest of those that hold something never waits for the others: it comes to its end,
whatever they do, and the next one is the oldest then.
"""

import asyncio
from collections import Counter

FREE = 256 * 1024  # bytes that any answer may hold
STEP = 1024 * 1024  # bytes that are taken at once


class Allowance:
    """``total`` bytes, at most half of them one account's."""

    def __init__(self, total: int) -> None:
        self.used = 0
        self.total = total
        self._most = total // 2
        self._by_account: Counter[str] = Counter()
        self._holders: dict[Share, None] = {}  # the oldest first
        self._waiting: list[asyncio.Future[None]] = []

    async def take(self, share: "Share", size: int) -> None:
        """Take so many bytes more for it, once it may have them."""
        self._holders.setdefault(share)
        while not self._may(share, size):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except BaseException:
                self.release(share)
                raise
        share.size += size
        self.used += size
        self._by_account[share.account] += size

    def release(self, share: "Share") -> None:
        """Give back all that it has; whoever waits looks again."""
        del self._holders[share]
        self.used -= share.size
        self._by_account[share.account] -= share.size
        if not self._by_account[share.account]:
            del self._by_account[share.account]
        share.size = 0
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _may(self, share: "Share", size: int) -> bool:
        if next(iter(self._holders)) is share:
            return True
        mine = self._by_account[share.account] + size
        return self.used + size <= self.total and mine <= self._most


class Share:
    """What one answer has of an allowance, beyond what is free."""

    __slots__ = ("_allowance", "account", "size")

    def __init__(self, allowance: Allowance, account: str) -> None:
        self.account = account
        self.size = 0
        self._allowance = allowance

    def covers(self, held: int) -> bool:
        """Whether it may hold so many bytes."""
        return held <= FREE + self.size

    async def cover(self, held: int) -> None:
        """Return once it may; what else it gets is for what comes next."""
        if not self.covers(held):
            await self._allowance.take(self, held - FREE - self.size + STEP)

    def release(self) -> None:
        """What was held is dealt with; once is enough."""
        if self.size:
            self._allowance.release(self)
