"""How many bytes of large bodies a process keeps at once, in all and of one account.

What a caller sends stays in memory until it was worked on. A call that finds no room waits for
some, for ``patience`` seconds; so a burst is slowed down before it is refused. One account can
never have more than its share, so that the rest is there for others.
"""

import asyncio
from collections import Counter

from broker.errors import Overloaded


class Budget:
    """``total`` bytes, at most ``share`` of them one account's."""

    def __init__(self, total: int, share: float = 0.5, patience: float = 10.0) -> None:
        self.total = total
        self.used = 0
        self._most = int(total * share)
        self._patience = patience
        self._by_account: Counter[str] = Counter()
        self._waiting: list[asyncio.Future[None]] = []

    def room(self, account: str, size: int) -> bool:
        """Whether so many bytes more may be kept for this account.

        One that has nothing here may always have some: a single body is bounded already.
        """
        mine = self._by_account[account]
        return (mine == 0 and self.used < self.total) or (
            self.used + size <= self.total and mine + size <= self._most
        )

    def reserve(self, account: str, size: int) -> "Reserved":
        """Take them, whether or not there is room."""
        reserved = Reserved(self, account)
        reserved.grow(size)
        return reserved

    async def take(self, account: str, size: int, patience: float | None = None) -> "Reserved":
        """Take them once there is room.

        Raises:
            Overloaded: there was none for ``patience`` seconds.
        """
        try:
            async with asyncio.timeout(self._patience if patience is None else patience):
                while not self.room(account, size):
                    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiting.append(waiter)
                    await waiter
        except TimeoutError as error:
            raise Overloaded("Too many large bodies are being worked on.") from error
        return self.reserve(account, size)

    def change(self, account: str, size: int) -> None:
        """Count bytes that were taken or, if negative, given back."""
        self.used += size
        self._by_account[account] += size
        if self._by_account[account] <= 0:
            del self._by_account[account]
        if size < 0:
            waiting, self._waiting = self._waiting, []
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_result(None)


class Reserved:
    """Bytes that were taken, until ``release``."""

    __slots__ = ("_account", "_budget", "size")

    def __init__(self, budget: Budget, account: str) -> None:
        self.size = 0
        self._budget = budget
        self._account = account

    def grow(self, size: int) -> None:
        """Take so many more."""
        self.size += size
        self._budget.change(self._account, size)

    def release(self) -> None:
        """Give them back; once is enough."""
        size, self.size = self.size, 0
        if size:
            self._budget.change(self._account, -size)
