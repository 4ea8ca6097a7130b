"""One run: the deployment warms up, its rest is measured, then attackers come beside the innocent.

start ── innocent calls ─────────────────────────────────────────▶ end of all calls
          ── warm-up ─▶ rest ── assaults, one to three at a time ─▶ ── settling ─▶ judged
"""

import time
from pathlib import Path
from typing import NamedTuple

from tests.neighbours.history import Call, Ended, Fault, History, Settled, load, open_history
from tests.neighbours.judge import judge
from tests.neighbours.memory import Meter
from tests.neighbours.orders import Orders
from tests.neighbours.plan import Kill, Plan
from tests.neighbours.scene import Helper, Scene
from tests.neighbours.summary import render
from tests.soak.violation import Violation

_WARM_UP = 6.0  # seconds of innocent calls alone
_START = 1.5  # seconds that the harness's own processes take
_SETTLES = 90.0  # seconds, after the attacks, for every innocent call to end
_LOOK = 0.1  # seconds between two looks at the processes
_SHORT_RUN = 120.0  # seconds; in a shorter one the innocent's streams are shorter too
_LONG_STREAM, _SHORT_STREAM = 20.0, 8.0  # seconds


class Outcome(NamedTuple):
    """A run that is over."""

    history: History
    violations: list[Violation]
    table: str


def run(plan: Plan, folder: Path, minutes: float, only: tuple[str, ...] = ()) -> Outcome:
    """Run it. The history and every log stay in ``folder``."""
    history = open_history(folder, "scene")
    scene = Scene(folder)
    try:
        begin = time.monotonic() + _START + _WARM_UP
        Orders(
            seed=plan.seed,
            minutes=minutes,
            only=list(only),
            urls=scene.urls,
            attacks_from=begin,
            calls_end=begin + plan.seconds,
            longest=_LONG_STREAM if plan.seconds >= _SHORT_RUN else _SHORT_STREAM,
        ).write(folder)
        innocent, _, attacker = scene.start("innocent", "prober", "attacker")
        _watch(scene, history, plan, begin, (innocent, attacker))
        _settle(scene, history, folder)
    finally:
        scene.close(history)
        history.close()
    return judged(folder)


def judged(folder: Path) -> Outcome:
    """The outcome of the run whose histories are in this folder."""
    history = load(folder)
    return Outcome(history, judge(history), render(history))


def _watch(
    scene: Scene, history: History, plan: Plan, begin: float, helpers: tuple[Helper, ...]
) -> None:
    """Look at the deployment's processes until the innocent's calls and the attacks have ended."""
    meter = Meter(history)
    kills, killed = list(plan.kills), set[int]()
    known = scene.pids
    time.sleep(max(0.0, begin - time.monotonic()))
    meter.begin(known)
    deadline = begin + plan.seconds + _SETTLES
    while any(helper.process.poll() is None for helper in helpers):
        now = time.monotonic()
        if now > deadline:
            history.add(Fault(what="unfinished", text=f"{_SETTLES:g} s after the attacks"))
            return
        if kills and now >= begin + kills[0].at:
            killed.add(_kill(scene, kills.pop(0)))
        pids = scene.pids
        for part, pid in [each for each in known.items() if pids.get(each[0]) != each[1]]:
            history.add(Ended(part=part, pid=pid, at=now, planned=pid in killed))
            del known[part]
        known |= pids
        meter.look(pids)
        time.sleep(_LOOK)


def _kill(scene: Scene, kill: Kill) -> int:
    pid = scene.pids[kill.part]
    scene.kill(kill.part)
    return pid


def _settle(scene: Scene, history: History, folder: Path) -> None:
    """What is left of the innocent's calls: the provider's counts, and the records."""
    counts = scene.provider_calls()
    for call in load(folder).of(Call):
        record = scene.record(call.job)
        if record is None:
            history.add(Fault(what="settling", text="no API process answers any more"))
            return
        attempts = [
            (str(attempt["provider"]), str(attempt["outcome"]))
            for attempt in record.get("attempts", ())
        ]
        state = str(record.get("state", ""))
        history.add(
            Settled(job=call.job, calls=counts.get(call.job, 0), state=state, attempts=attempts)
        )
