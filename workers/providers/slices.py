"""Floods: what arrives faster than it can be dealt with is dealt with a slice at a time.

A provider may send a quarter of a megabyte at once: a thousand events, each of which is decoded,
translated and written in the turn of the loop in which it arrives. Ten such answers hold the loop
for half a second, and with it every other stream of the worker. So of a large read only the first
slice is taken at once. The rest waits in a queue of all connections, of which one slice is taken
a turn of the loop, and its connection is not read from meanwhile.
"""

import asyncio
from collections import deque
from typing import Protocol
from weakref import WeakKeyDictionary

SLICE = 32 * 1024  # bytes: a hundred events or so, and three milliseconds at most


class Flooded(Protocol):
    """A connection with slices that wait."""

    def take_slice(self) -> bool:
        """Take the next one; whether there are more."""
        ...


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
