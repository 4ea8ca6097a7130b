"""One soak: start all, call and strike together, heal, wait for every end, collect, judge."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from tests.soak.caller import Caller
from tests.soak.checks import judge
from tests.soak.clock import Clock
from tests.soak.fleet import Fleet
from tests.soak.front import Front
from tests.soak.history import History, Noted
from tests.soak.leftover import list_jobs, wait_until_gone
from tests.soak.plan import Plan
from tests.soak.scenario import Scenario, make_scenario
from tests.soak.striker import Striker
from tests.soak.summary import render
from tests.soak.verdict import Verdicts, provider_calls
from tests.soak.violation import Violation

_ENDS = 180.0  # seconds, once all has healed, for everything that was begun to end
_LOGGED = (
    "worker.released",
    "job.taken",
    "job.frames_lost",
    "job.terminal_lost",
    "writer.store_away",
    "writer.rewind",
    "tail.connection_lost",
    "attempt.unsettled",
)


class Outcome(NamedTuple):
    """A run that is over."""

    history: History
    violations: list[Violation]
    table: str


async def soak(plan: Plan, folder: Path, *, at_once: int = 40) -> Outcome:
    """Run it; the history and every log stay in ``folder``."""
    fleet = Fleet(folder)
    with (folder / "history.jsonl").open("wb") as file:
        history = History(file=file)
        try:
            await fleet.start()
            await _run(plan, fleet, history, at_once)
        finally:
            await fleet.close()
        said = {event: fleet.said(event) for event in _LOGGED}
        return Outcome(history, judge(history), render(history, said))


async def _run(plan: Plan, fleet: Fleet, history: History, at_once: int) -> None:
    clock = Clock()
    front = Front(fleet.urls, clock, history)
    striker = Striker(fleet, clock, history)
    crowd = _Crowd(front, plan, at_once)
    watching = asyncio.ensure_future(striker.watch())
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(striker.strike_all(plan))
            group.create_task(crowd.begin_all())
        await striker.settle()
        for job in await crowd.end_all(_ENDS):
            history.add(Noted(at=clock(), kind="unfinished", part=job, text=f"after {_ENDS} s"))
        calls = await provider_calls(front, fleet.sim_url)
        await Verdicts(front, calls, fleet.losses).collect(crowd.scenarios)
        await list_jobs(front)
        await wait_until_gone(front, fleet.sim_url)
    finally:
        watching.cancel()
        await crowd.leave()
        await front.close()
    for log, line in fleet.defects():
        history.add(Noted(at=clock(), kind="defect", part=log, text=line[:2000]))


class _Crowd:
    """The callers: so many jobs open at a time until no new ones are to be begun."""

    def __init__(self, front: Front, plan: Plan, at_once: int) -> None:
        self.scenarios: list[Scenario] = []
        self._front = front
        self._plan = plan
        self._turns = asyncio.Semaphore(at_once)
        self._open: dict[asyncio.Task[None], str] = {}

    async def begin_all(self) -> None:
        """Begin jobs until their time is over."""
        while self._front.clock() < self._plan.calls_end:
            await self._turns.acquire()
            scenario = make_scenario(self._plan.seed, len(self.scenarios))
            self.scenarios.append(scenario)
            task = asyncio.ensure_future(Caller(self._front, scenario).run())
            self._open[task] = scenario.job
            task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._turns.release()
        if task.cancelled() or task.exception() is None:
            del self._open[task]

    async def end_all(self, seconds: float) -> list[str]:
        """Wait for all that was begun; the jobs whose callers got no end. A defect is raised."""
        if self._open:
            await asyncio.wait(self._open, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in list(self._open):
            if task.done():
                task.result()
        return list(self._open.values())

    async def leave(self) -> None:
        """End the callers that are left."""
        for task in list(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(list(self._open))
