"""Idle readers: ten thousand that follow silent streams on one API process.

Each stream brings one token at its begin and one after the window; every reader must get both.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import perf_counter

from bench.client import LONGEST
from bench.figures import STREAMHOLD, Figure, at_most
from bench.following import begun, finish, follow
from bench.measures.fan_out import Lost
from bench.processes import Cpu, cpu_of, resident, spent
from bench.run import Run
from bench.subject import Subject

_READERS_A_SECOND = 400  # as many at least must connect
_SETTLE = 3.0  # seconds
_GOAL = at_most(25)


@dataclass(frozen=True)
class _Idle:
    grown: float  # KB a reader
    seconds: float
    used: Cpu
    connected: float  # readers a second


async def measure(run: Run) -> list[Figure]:
    """KB a reader in the process that serves them, and what they cost while nothing comes."""
    plan = run.plan
    found = await run.of_each("idle readers", lambda subject: _idle(run, subject), run.followed)
    note = f"{plan.idle_readers:,} readers of {plan.idle_jobs} silent streams"
    shares = {
        name: {process: used / each.seconds * 100 for process, used in each.used.items()}
        for name, each in found.items()
    }
    fronts = {subject.name: subject.front for subject in run.followed}
    busy = {name: share[fronts[name]] for name, share in shares.items()}
    rates = {name: each.connected for name, each in found.items()}
    sizes = {name: each.grown for name, each in found.items()}
    return [
        Figure("idle_readers.memory", "KB/reader", sizes, None, note, (_GOAL,)),
        Figure("idle_readers.busy", "% of a core", busy, None, "the serving process"),
        Figure("idle_readers.store_busy", "% of a core", {STREAMHOLD: shares[STREAMHOLD]["store"]}),
        Figure("idle_readers.connected", "1/s", rates),
    ]


async def _idle(run: Run, subject: Subject) -> _Idle:
    plan, front = run.plan, subject.pids[subject.front]
    silent = plan.idle_readers / _READERS_A_SECOND + _SETTLE + plan.idle_seconds + 2.0
    assert silent < LONGEST
    before, started = resident(front), perf_counter()
    async with AsyncExitStack() as stack:
        model = f"tokens=2,interval={silent:g}s"
        ids = [
            await stack.enter_async_context(begun(subject, model)) for _ in range(plan.idle_jobs)
        ]
        begin = perf_counter()
        readers = await follow(subject, ids, plan.idle_readers)
        connected = plan.idle_readers / (perf_counter() - begin)
        await asyncio.sleep(_SETTLE)
        grown, used, at = resident(front) - before, cpu_of(subject.pids), perf_counter()
        await asyncio.sleep(plan.idle_seconds)
        used, took = spent(used, cpu_of(subject.pids)), perf_counter() - at
        if perf_counter() - started > silent:
            raise Lost("the streams went on before the window had passed; the machine is too busy")
        done = await finish(readers)
    if any(exchange.counter.tokens != 2 for exchange in done):
        raise Lost("a reader did not get all of its stream")
    return _Idle(grown / plan.idle_readers / 1024, took, used, connected)
