"""Floods: what arrives faster than it can be dealt with is dealt with a slice at a time.

A provider may send a quarter of a megabyte at once: a thousand events, each of which is decoded,
translated and written in the turn of the loop in which it arrives. Ten such answers hold the loop
for half a second, and with it every other stream of the worker. So of a large read only the first
slice is taken at once. The rest waits in a queue of all connections, of which one slice is taken
a turn of the loop, and its connection is not read from meanwhile. A task that reads what has
gathered for it does the same (``turn``).
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol
from weakref import WeakKeyDictionary

from broker.frames import Frame

_AT_ONCE = 256 * 1024  # bytes of frames that are given together
SLICE = 64 * 1024  # bytes: two hundred events or so; smaller ones cost floods twice the work


class Flooded(Protocol):
    """A connection with slices that wait."""

    def take_slice(self) -> bool:
        """Take the next one; whether there are more."""
        ...


class _Turn:
    """Of a task that waits for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.came: asyncio.Future[None] = loop.create_future()

    def take_slice(self) -> bool:
        if not self.came.done():
            self.came.set_result(None)
        return False


class Floods:
    """The queue of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Flooded] = deque()
        self._called = False

    def add(self, connection: Flooded) -> None:
        """Take its slices, in its turn."""
        self._waiting.append(connection)
        self._call()

    async def turn(self) -> None:
        """Return when it is the caller's turn, as a connection with one slice."""
        waiting = _Turn(self._loop)
        self.add(waiting)
        await waiting.came

    def _call(self) -> None:
        if not self._called:
            self._called = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._called = False
        connection = self._waiting.popleft()
        try:
            if connection.take_slice():
                self._waiting.append(connection)
        finally:
            if self._waiting:
                self._call()


_floods: "WeakKeyDictionary[asyncio.AbstractEventLoop, Floods]" = WeakKeyDictionary()


def floods_of(loop: asyncio.AbstractEventLoop) -> Floods:
    """The queue of this loop."""
    found = _floods.get(loop)
    if found is None:
        found = _floods[loop] = Floods(loop)
    return found


async def turn() -> None:
    """Return when it is the caller's turn in the running loop's queue."""
    await floods_of(asyncio.get_running_loop()).turn()


def in_groups(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """The frames as they are made; of many bytes some at a time, so that each group may be sent
    before the next is there."""
    group: list[Frame] = []
    size = 0
    for frame in frames:
        group.append(frame)
        size += len(frame.body)
        if size > _AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group
