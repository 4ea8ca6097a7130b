"""When which fault strikes what: a function of the seed and the length, and of nothing else.

Kinds are dealt from a shuffled deck, so that a short run meets most of them and a long one
meets each about as often. A part that was struck is left alone until it should be up again.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

APIS = WORKERS = 3
STORE = "store"
_EVERY = 1.2  # seconds from one fault to the next, on average
_QUIET = 2.0  # seconds without a fault at the start, at most a fifth of the run
_FAULTS_END = 0.75  # of the run; then all heals
_CALLS_END = 0.85  # of the run; then no new jobs
_START = 4.0  # seconds that a killed process is left alone to come up again


class Fault(NamedTuple):
    """``seconds``: until a killed part is started again, or for how long a state lasts."""

    at: float
    kind: str
    target: str
    seconds: float


class Plan(NamedTuple):
    """A whole run. Times are seconds from its start."""

    seed: int
    faults: tuple[Fault, ...]
    faults_end: float
    calls_end: float


_APIS = tuple(f"api-{n}" for n in range(APIS))
_WORKERS = tuple(f"worker-{n}" for n in range(WORKERS))
LINKS = (
    *(f"caller-{api}" for api in _APIS),
    *(f"{api}-store" for api in _APIS),
    *(f"{worker}-store" for worker in _WORKERS),
    *(f"{worker}-provider" for worker in _WORKERS),
)

# kind: its targets, and the seconds it may last (or be down for).
_KINDS: dict[str, tuple[tuple[str, ...], float, float]] = {
    "api.kill": (_APIS, 0.0, 1.0),
    "api.term": (_APIS, 0.0, 0.5),
    "api.stop": (_APIS, 0.5, 6.0),
    "worker.kill": (_WORKERS, 0.0, 3.0),
    "worker.term": (_WORKERS, 0.0, 0.5),
    "worker.pause": (_WORKERS, 0.3, 1.5),  # shorter than the lease
    "worker.stop": (_WORKERS, 2.5, 7.0),  # longer than the lease
    "store.kill": ((STORE,), 0.0, 2.0),
    "store.stop": ((STORE,), 0.5, 4.0),
    "link.cut": (LINKS, 0.0, 0.0),
    "link.reset": (LINKS, 0.0, 0.0),
    "link.cut_one": (LINKS, 0.0, 0.0),
    "link.refuse": (LINKS, 0.5, 4.0),
    "link.stall": (LINKS, 0.3, 6.0),
}
_DECK = (*_KINDS, "link.cut", "link.reset", "link.cut_one", "worker.kill", "link.stall")
KINDS = tuple(_KINDS)
_RESTARTS = ("kill", "term")


def make_plan(seed: int, minutes: float) -> Plan:
    """The schedule of a run of so many minutes."""
    length = minutes * 60
    rng = random.Random(f"faults-{seed}")
    end = length * _FAULTS_END
    faults = tuple(_faults(rng, min(_QUIET, length / 5), end))
    return Plan(seed, faults, end, length * _CALLS_END)


def _faults(rng: random.Random, at: float, end: float) -> Iterator[Fault]:
    busy: dict[str, float] = {}
    deck: list[str] = []
    while at < end:
        if not deck:
            deck = list(_DECK)
            rng.shuffle(deck)
        kind = deck.pop()
        targets, shortest, longest = _KINDS[kind]
        free = [target for target in targets if busy.get(target, 0.0) <= at]
        seconds = round(rng.uniform(shortest, longest), 2)
        if free:
            target = rng.choice(free)
            down = _START if kind.endswith(_RESTARTS) else 0.2
            busy[target] = at + seconds + down
            yield Fault(round(at, 2), kind, target, min(seconds, round(end - at, 2)))
        at += rng.uniform(0.3, 2 * _EVERY - 0.3)


def render(plan: Plan) -> str:
    """The schedule as lines of text."""
    rows = [f"{f.at:8.2f}  {f.kind:<13} {f.target:<18} {f.seconds:5.2f} s" for f in plan.faults]
    rows += [f"{plan.faults_end:8.2f}  everything heals", f"{plan.calls_end:8.2f}  no new jobs"]
    return "\n".join(rows)
