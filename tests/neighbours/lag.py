"""How long a process did not get to run: what it measured then is not the deployment's fault.

A timer is due every few milliseconds. Where it fires late, the time between is a *stall*: the
process had no core, or its own loop was busy. Every wait that is judged is judged without the
stalls, its own process's and its provider's, that lie in it: an event that waited in the
socket of a client without a core was not late. Two stalls at one time count once.
"""

import asyncio
import time
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


def without(span: Span, stalls: Iterable[Span]) -> float:
    """The seconds of a span that no stall covers."""
    begun, ended = span
    left = ended - begun
    covered = begun  # up to here
    for start, stop in sorted(stalls):
        start, stop = max(start, covered), min(stop, ended)
        if stop > start:
            left -= stop - start
            covered = stop
    return left
