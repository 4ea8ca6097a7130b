"""Carries out the schedule: strikes each part when its time has come, and mends it again.

Whatever a fault did is undone by the fault itself: the killed are started again, the stopped
go on, links flow. ``settle`` returns once all of that has happened.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from tests.soak.fleet import Fleet
from tests.soak.history import History, Noted, Struck
from tests.soak.plan import Fault, Plan

_WATCH = 0.2  # seconds between two looks whether all are alive


class Striker:
    """Runs a plan against a fleet."""

    def __init__(self, fleet: Fleet, clock: Callable[[], float], history: History) -> None:
        self._fleet = fleet
        self._clock = clock
        self._history = history
        self._busy: set[str] = set()  # parts that are down, or whose fault is not over
        self._running: set[asyncio.Task[None]] = set()
        self._strokes: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "kill": self._end,
            "term": self._end,
            "stop": self._stop,
            "pause": self._stop,
        }

    async def strike_all(self, plan: Plan) -> None:
        """Start every fault at its time; returns with the last one started."""
        for fault in plan.faults:
            await asyncio.sleep(max(0.0, fault.at - self._clock()))
            task = asyncio.ensure_future(self._strike(fault))
            self._running.add(task)

    async def settle(self) -> None:
        """Return once every fault is over; then everything runs and flows."""
        await asyncio.gather(*self._running)

    async def watch(self) -> None:
        """Note who dies by themselves, and start them again, for as long as this runs."""
        while True:
            for name, part in self._fleet.parts.items():
                ended = None if name in self._busy else part.ended_badly
                if ended is not None:
                    self._note(name, ended)
                    await self._fleet.start_part(name)
            await asyncio.sleep(_WATCH)

    async def _strike(self, fault: Fault) -> None:
        target, action = fault.target, fault.kind.partition(".")[2]
        link = fault.kind.startswith("link.")
        can = target not in self._busy and (link or self._fleet.open(target))
        self._history.add(
            Struck(
                at=self._clock(), kind=fault.kind, target=target, seconds=fault.seconds, done=can
            )
        )
        if not can:
            return
        self._busy.add(target)
        try:
            await (self._disturb(fault) if link else self._strokes[action](fault))
        finally:
            self._busy.discard(target)

    async def _disturb(self, fault: Fault) -> None:
        link = self._fleet.links[fault.target]
        if fault.kind == "link.cut":
            link.cut()
        elif fault.kind == "link.reset":
            link.cut(reset=True)
        elif fault.kind == "link.cut_one":
            link.cut_one(int(fault.at * 100))
        elif fault.kind == "link.refuse":
            link.refusing = True
            link.cut()
        else:
            link.stall()
        await asyncio.sleep(fault.seconds)
        link.heal()

    async def _stop(self, fault: Fault) -> None:
        fleet = self._fleet
        if fault.target == "store":
            fleet.store.pause()
            await asyncio.sleep(fault.seconds)
            fleet.store.resume()
            return
        part = fleet.parts[fault.target]
        part.signal(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        part.signal(signal.SIGCONT)

    async def _end(self, fault: Fault) -> None:
        """End a part, softly or not, and start it again."""
        fleet = self._fleet
        if fault.target == "store":
            await asyncio.to_thread(fleet.store.kill)
            await asyncio.sleep(fault.seconds)
            await fleet.start_store()
            return
        part = fleet.parts[fault.target]
        soft = fault.kind.endswith("term")
        part.signal(signal.SIGTERM if soft else signal.SIGKILL)
        await part.until_ended()
        if part.ended_badly is not None:
            self._note(fault.target, part.ended_badly)
        await asyncio.sleep(fault.seconds)
        await fleet.start_part(fault.target)

    def _note(self, name: str, text: str) -> None:
        self._history.add(Noted(at=self._clock(), kind="died", part=name, text=text))
