"""One pair: each figure of each build, measured by turns.

first_token  the provider itself and both builds take turns, call by call
cpu          one build, the other, the other, the one: what drifts evenly cancels
translate    both builds take turns, body by body
answers      likewise, answer by answer
"""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import uvloop

from bench.client import Refused
from bench.exchange import Cut
from bench.measures.cpu import Incomplete, cost_of
from bench.pair.builds import Build
from bench.pair.ratio import Pair
from bench.pair.translator import ANSWERS, REQUESTS, translated
from bench.percentiles import median
from bench.plan import Plan
from bench.program import ProgramError
from bench.response import ResponseError
from bench.run import Run
from bench.streamhold import Restarted, Streamhold, deployed, simulator
from bench.subject import Subject

UNITS = {
    "first_token": "ms added",
    "cpu": "µs/token",
    "translate": "ms of CPU",
    "answers": "ms of CPU",
}
FIGURES = tuple(UNITS)
PLAN = Plan(calls=150, stream_tokens=125)
_WARM_UP = 20  # calls of each that are not counted
_LONGEST = 120.0  # seconds that the deployments of a pair may be measured


class Unmeasurable(Exception):
    """A figure came out as nothing that could be divided."""


# What a loaded machine may do to one pair.
FAILURES = (
    *(Unmeasurable, Restarted, Incomplete, Refused, Cut, ResponseError, ProgramError),
    *(TimeoutError, OSError, ExceptionGroup),
)


def measure_pair(
    both: tuple[Build, Build], figures: tuple[str, ...], folder: Path, logs: Path, random: Random
) -> dict[str, Pair]:
    """One pair of each figure; ``folder`` has the bodies and answers that are translated.

    Raises:
        Exception: one of ``FAILURES``.
    """
    found: dict[str, Pair] = {}
    if "translate" in figures:
        found["translate"] = translated(REQUESTS, both, folder, random)
    if "answers" in figures:
        found["answers"] = translated(ANSWERS, both, folder, random)
    if "first_token" in figures or "cpu" in figures:
        with ExitStack() as stack:
            direct = stack.enter_context(simulator(logs / "sim.log"))
            sides = []
            for place, build in enumerate(both):
                own = stack.enter_context(TemporaryDirectory(prefix="streamhold-bench-"))
                log = logs / f"pair-{place}.log"
                sides.append(stack.enter_context(deployed(Path(own), log, direct, build.tree)))
            found |= uvloop.run(_served(sides, figures, random))
    return {name: _checked(name, pair) for name, pair in found.items()}


async def _served(
    sides: list[Streamhold], figures: tuple[str, ...], random: Random
) -> dict[str, Pair]:
    found: dict[str, Pair] = {}
    async with asyncio.timeout(_LONGEST):
        if "first_token" in figures:
            found["first_token"] = await _first_token(sides, random)
        if "cpu" in figures:
            found["cpu"] = await _cpu(sides, random)
    for side in sides:
        side.check_unchanged()
        side.broker.pool.close()
    sides[0].direct.pool.close()
    return found


async def _first_token(sides: list[Streamhold], random: Random) -> Pair:
    """Milliseconds that each build adds to the provider's own."""
    subjects = [side.broker for side in sides] + [sides[0].direct]
    times: list[list[float]] = [[] for _ in subjects]
    for _ in range(_WARM_UP + PLAN.calls):
        for place in random.sample(range(len(subjects)), len(subjects)):
            times[place].append(await _call(subjects[place]))
    this, other, direct = (median(values[_WARM_UP:]) for values in times)
    return Pair(this - direct, other - direct)


async def _call(subject: Subject) -> float:
    exchange = await subject.pool.call(subject.chat(PLAN.first_token_model))
    return (exchange.first_token - exchange.sent) * 1000


async def _cpu(sides: list[Streamhold], random: Random) -> Pair:
    """µs of CPU a token, of API, worker and store together."""
    spent: list[list[float]] = [[], []]
    for place in _turns(random):
        side = sides[place]
        for each in sides:
            await each.rest()
        costs = await cost_of(Run(PLAN, side), side.broker)
        spent[place].append(sum(costs[process] for process in side.broker.pids))
    return Pair(*map(_mean, spent))


def _turns(random: Random) -> tuple[int, ...]:
    """This, other, other, this, or the other way round."""
    first = random.randrange(2)
    return first, 1 - first, 1 - first, first


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _checked(name: str, pair: Pair) -> Pair:
    if min(pair) <= 0:
        raise Unmeasurable(f"{name} was {pair.this:.3g} and {pair.other:.3g}")
    return pair
