"""Which attack runs when: a function of the seed and the length, and of nothing else.

Attacks run in three lanes. The first is never empty, the others are empty now and then, so
that one to three kinds run at any time. Kinds are dealt from a shuffled deck: a short run
meets most of them, a long one each about as often.
"""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.neighbours.attacks.kinds import KINDS

_LANES = 3
_BUSY = (1.0, 0.6, 0.3)  # how much of its time each lane attacks
_SHORTEST, _LONGEST = 5.0, 12.0  # seconds of an assault
_KILLS_FROM = 150.0  # seconds of attacks, from which on workers are killed as well


class Assault(NamedTuple):
    """``number`` and the plan's seed decide what it does. Times are from the attacks' begin."""

    number: int
    at: float
    kind: str
    seconds: float


class Kill(NamedTuple):
    """kill -9 of a worker; ``up`` starts it again."""

    at: float
    part: str


class Plan(NamedTuple):
    """A whole run."""

    seed: int
    seconds: float  # of attacks
    assaults: tuple[Assault, ...]
    kills: tuple[Kill, ...]


def make_plan(seed: int, minutes: float, only: Sequence[str] = ()) -> Plan:
    """The schedule of attacks for so long; ``only`` of these kinds, if any are named."""
    seconds = minutes * 60
    drawn = random.Random(f"assaults {seed}")
    deck = _deck(drawn, tuple(only) or tuple(KINDS))
    spans = [
        (at, length)
        for lane in range(1 if len(only) == 1 else _LANES)
        for at, length in _lane(drawn, lane, seconds)
    ]
    assaults = tuple(
        Assault(number, at, next(deck), length) for number, (at, length) in enumerate(sorted(spans))
    )
    return Plan(seed, seconds, assaults, () if only else tuple(_kills(drawn, seconds)))


def _lane(drawn: random.Random, lane: int, seconds: float) -> Iterator[tuple[float, float]]:
    at = 0.0
    while at < seconds:
        length = round(drawn.uniform(_SHORTEST, _LONGEST), 2)
        if at + length + _SHORTEST / 2 > seconds:  # no rest that is too short to attack in
            length = round(seconds - at, 2)
        if _BUSY[lane] == 1.0 or drawn.random() < _BUSY[lane]:
            yield at, length
        at = round(at + max(length, 0.01), 2)


def _deck(drawn: random.Random, kinds: Sequence[str]) -> Iterator[str]:
    while True:
        deck = list(kinds)
        drawn.shuffle(deck)
        yield from deck


def _kills(drawn: random.Random, seconds: float) -> Iterator[Kill]:
    if seconds >= _KILLS_FROM:
        for place in (0.35, 0.7):
            at = seconds * (place + drawn.uniform(-0.05, 0.05))
            yield Kill(round(at, 2), f"worker-{drawn.randrange(2)}")


def render(plan: Plan) -> str:
    """The schedule as lines of text."""
    rows = [
        (a.at, f"{a.at:8.2f}  {a.kind:<22} {a.seconds:5.2f} s  #{a.number}") for a in plan.assaults
    ]
    rows += [(kill.at, f"{kill.at:8.2f}  kill -9 {kill.part}") for kill in plan.kills]
    return "\n".join(text for _, text in sorted(rows))
