"""Turns: long work in slices, one slice a turn of the loop, first come first served.

However many readers catch up or answers are put together at once, whatever else the loop has to
do waits for one slice, a millisecond or two, and not for all of theirs.
"""

import asyncio
from collections import deque


class Turns:
    """Whose turn it is."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._due = False

    async def take(self) -> None:
        """Return in a turn of the loop that comes later, and is no other slice's."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        if not self._due:
            self._due = True
            loop.call_soon(self._go)
        await waiter

    def _go(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():  # else it was given up
                waiter.set_result(None)
                break
        self._due = bool(self._waiting)
        if self._due:
            asyncio.get_running_loop().call_soon(self._go)
