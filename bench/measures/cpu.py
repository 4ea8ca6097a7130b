"""CPU a relayed token: many paced streams at once, and what every process spent on them.

The whole of the load is counted, with its first and its last token, and with what the
processes do by themselves meanwhile. The client and the simulator are shown beside it: with
either near a full core the rest would be a measure of waiting.
"""

import asyncio
from time import perf_counter

from bench.exchange import Exchange
from bench.figures import LITELLM, RESUMABLE_STREAM, STREAMHOLD, Figure, at_most
from bench.load import streams
from bench.processes import CLIENT, cpu_of, spent
from bench.run import Run
from bench.subject import Subject

_GOALS = (at_most(0.1, LITELLM), at_most(1.0, RESUMABLE_STREAM))
_SETTLE = 0.5  # seconds in which what came before may come to rest


class Incomplete(Exception):
    """A stream did not bring all its tokens."""


async def measure(run: Run) -> list[Figure]:
    """µs of CPU a token by process, for every subject."""
    costs = await run.of_each("cpu", lambda subject: cost_of(run, subject), run.subjects)
    own = {subject.name: subject.pids for subject in run.subjects}
    totals = {name: sum(cost[process] for process in own[name]) for name, cost in costs.items()}
    note = f"{run.plan.streams} streams, {run.plan.token_rate:,.0f}/s"
    figures = [Figure("cpu.total", "µs/token", totals, None, note, _GOALS)]
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


async def cost_of(run: Run, subject: Subject) -> dict[str, float]:
    """µs of CPU a token by process; ``simulator`` and ``client`` among them, and their shares."""
    plan = run.plan
    weak = subject in run.peers and not subject.strong
    tokens = plan.peer_stream_tokens if weak else plan.stream_tokens
    watched = {**subject.pids, "simulator": run.streamhold.sim_pid}
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
