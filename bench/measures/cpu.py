"""CPU a relayed token: many paced streams at once, and what every process spent on them.

The whole of the load is counted, with its first and its last token, and with what the
processes do by themselves meanwhile. The client and the simulator are shown beside it: with
either near a full core the rest would be a measure of waiting.
"""

import asyncio
from time import perf_counter

from bench.exchange import Exchange
from bench.figures import DIRECT, STREAMHOLD, Figure
from bench.load import streams
from bench.processes import CLIENT, cpu_of, spent
from bench.run import Run
from bench.subject import Subject

_LIMIT = 200.0  # µs a token, all of Streamhold's processes and the store
_SETTLE = 0.5  # seconds in which what came before may come to rest


class Incomplete(Exception):
    """A stream did not bring all its tokens."""


async def measure(run: Run) -> list[Figure]:
    """µs of CPU a token by process, for every subject."""
    costs = {subject.name: await _costs(run, subject) for subject in run.subjects}
    totals = {
        subject.name: sum(costs[subject.name][process] for process in subject.pids)
        for subject in run.subjects
    }
    rate = run.plan.streams * 1000 // run.plan.interval_ms
    figures = [
        Figure("cpu.total", "µs/token", totals, _LIMIT, f"{run.plan.streams} streams, {rate}/s")
    ]
    for process in ("api", "worker", "store"):
        figures.append(
            Figure(f"cpu.{process}", "µs/token", {STREAMHOLD: costs[STREAMHOLD][process]})
        )
    for name, unit in (
        ("simulator", "µs/token"),
        ("client", "µs/token"),
        ("simulator_busy", "% of a core"),
        ("client_busy", "% of a core"),
        ("tokens_a_second", "1/s"),
    ):
        values = {subject: cost[name] for subject, cost in costs.items()}
        figures.append(Figure(f"cpu.{name}", unit, values))
    return figures


async def _costs(run: Run, subject: Subject) -> dict[str, float]:
    """µs of CPU a token by process; ``simulator`` and ``client`` among them, and their shares."""
    plan = run.plan
    own = subject.name in (DIRECT, STREAMHOLD)
    tokens = plan.stream_tokens if own else plan.peer_stream_tokens
    watched = {**subject.pids, "simulator": run.streamhold.direct.pids["sim"]}
    await streams(subject, plan.ramp_model, plan.streams, 0.2)  # connections are made
    await asyncio.sleep(_SETTLE)
    before, begun = cpu_of(watched), perf_counter()
    done = await streams(subject, plan.paced_model(tokens), plan.streams, 1.0)
    took = perf_counter() - begun
    used = spent(before, cpu_of(watched))
    total = _check(done, tokens)
    costs = {name: seconds / total * 1e6 for name, seconds in used.items()}
    return {
        **costs,
        "simulator_busy": used["simulator"] / took * 100,
        "client_busy": used[CLIENT] / took * 100,
        "tokens_a_second": total / took,
    }


def _check(done: list[Exchange], tokens: int) -> int:
    """All tokens received. Raises Incomplete if any stream brought other than its own."""
    for exchange in done:
        if exchange.counter.tokens != tokens:
            raise Incomplete(f"{exchange.counter.tokens} tokens of {tokens}")
    return tokens * len(done)
