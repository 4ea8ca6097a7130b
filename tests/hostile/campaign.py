"""A campaign against hostile providers: cases drawn, played, judged and counted."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from tests.hostile.judging import Judgement, play
from tests.hostile.scene import Case, Scene, peak

AT_ONCE = 40
_BATCH = 250


@dataclass
class Tally:
    """What a campaign came to."""

    cases: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    peaks: dict[str, int] = field(default_factory=dict)  # MB
    faults: dict[str, list[str]] = field(default_factory=dict)  # a fault: the cases

    def add(self, judged: Judgement) -> None:
        case = judged.case
        kind = "translated" if case.caller != case.answer.dialect else "as it is"
        route = "" if case.route is None else f", then {case.route}"
        self.cases[f"{case.answer.dialect}, {kind}{route}"] += 1
        self.ends[judged.error if judged.state != "completed" else "completed"] += 1
        self.ways.update([case.manner.__name__, *(case.answer.ways or ["harmless"])])
        for fault in judged.faults:
            self.faults.setdefault(fault, []).append(str(case))

    def __str__(self) -> str:
        rows = [f"{sum(self.cases.values()):7} cases"]
        for counted in (self.cases, self.ends, self.ways):
            rows += ["", *(f"{count:7} {name}" for name, count in sorted(counted.items()))]
        rows += ["", "peaks: " + ", ".join(f"{name} {mb} MB" for name, mb in self.peaks.items())]
        rows += [f"{sum(map(len, self.faults.values())):7} violations of {len(self.faults)} kinds"]
        for text, cases in self.faults.items():
            rows += ["", f"{len(cases)} × {text}", *(f"    {line}" for line in cases[:3])]
        return "\n".join(rows)


def run(scene: Scene, count: int, seed: int, say: Callable[[str], None] = lambda _: None) -> Tally:
    """Play so many cases of this seed."""
    tally = Tally()
    prefix = f"h{seed}-{secrets.token_hex(3)}"
    for start in range(0, count, _BATCH):
        cases = [Case(number, seed) for number in range(start, min(start + _BATCH, count))]
        scene.cases = {case.number: case for case in cases}
        for judged in asyncio.run(_played(scene, cases, prefix)):
            tally.add(judged)
        say(f"{start + len(cases)} played, {len(tally.faults)} kinds of violations")
    for fault in scene.faults():
        tally.faults.setdefault(fault, []).append("")
    tally.peaks = {name: peak(pid) for name, pid in scene.pids.items()}
    return tally


async def _played(scene: Scene, cases: list[Case], prefix: str) -> list[Judgement]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(case: Case) -> Judgement:
        async with gate:
            return await play(session, case, prefix)

    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(scene.url, connector=connector) as session:
        return list(await asyncio.gather(*map(one, cases)))
