"""Rounds: members that are looked at regularly, by one timer for all of them.

A timer a stream would be two objects each, and a wake of the loop each.
"""

import asyncio
from typing import Protocol

_GRAIN = 0.05  # seconds between two wakes at least; what is due within it is looked at together


class Looked(Protocol):
    """A member."""

    def look(self, now: float) -> None:
        """See to what a time (the loop's) makes due."""
        ...


class Rounds:
    """Looks at each member every so many seconds, from its joining on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due: dict[Looked, float] = {}  # in the order in which they are due
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due)

    def join(self, member: Looked) -> None:
        """Begin with a member."""
        loop = asyncio.get_running_loop()
        self._due[member] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._go)

    def leave(self, member: Looked) -> None:
        """No more of a member; nothing if it is none."""
        self._due.pop(member, None)

    def _go(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        reached: list[Looked] = []
        for member, due in self._due.items():
            if due > now + _GRAIN:
                break
            reached.append(member)
        try:
            for member in reached:
                if self._due.pop(member, None) is not None:  # else another's look made it leave
                    self._due[member] = now + self._seconds
                    member.look(now)
        finally:  # whatever one of them meets, the others are looked at again
            first = next(iter(self._due.values()), None)
            when = None if first is None else max(first, now + _GRAIN)
            self._timer = None if when is None else loop.call_at(when, self._go)
