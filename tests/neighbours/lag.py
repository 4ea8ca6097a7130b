"""How long a process did not get to run: what it measured then is not the deployment's fault.

A timer is due every few milliseconds. Where it fires late, the time between is a *stall*: the
process had no core, or its own loop was busy. Every wait that is judged is judged without the
stalls, its own process's and its provider's, that lie in it: an event that waited in the
socket of a client without a core was not late. Two stalls at one time count once.
"""

import asyncio
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from tests.neighbours.history import History, Span, Stall, Watched

_EVERY = 0.01  # seconds
_LATE = 0.02  # seconds that are no stall yet
_SAID = 1.0  # seconds between two lines on how long was watched


async def watch(process: str, history: History) -> None:
    """Note the stalls of this process's loop until cancelled."""
    begun = said = time.monotonic()
    while True:
        due = time.monotonic() + _EVERY
        await asyncio.sleep(_EVERY)
        now = time.monotonic()
        if now - due > _LATE:
            history.add(Stall(process=process, begun=due, ended=now))
        if now - said > _SAID:
            said = now
            history.add(Watched(process=process, seconds=now - begun))


class Stalls:
    """Stalls of several processes, those that overlap as one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._begins: list[float] = []
        self._ends: list[float] = []
        for begun, ended in sorted(spans):
            if self._ends and begun <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], ended)
            else:
                self._begins.append(begun)
                self._ends.append(ended)

    @property
    def seconds(self) -> float:
        """All of them."""
        return sum(self._ends) - sum(self._begins)

    def without(self, span: Span) -> float:
        """The seconds of a span that no stall covers."""
        begun, ended = span
        left = ended - begun
        first = bisect_right(self._ends, begun)
        for place in range(first, bisect_left(self._begins, ended)):
            left -= min(self._ends[place], ended) - max(self._begins[place], begun)
        return left
