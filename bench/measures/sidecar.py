"""The proxy on a local port (``streamhold proxy``): what it adds before the broker.

The same broker is called straight and through the proxy, call by call in turn, for the time to the
first token; and the load of ``cpu`` goes through the proxy, whose CPU a token stands beside that of
the API process in the same run.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.figures import STREAMHOLD, Figure, at_most
from bench.load import streams
from bench.percentiles import median, percentile
from bench.processes import cpu_of, resident, spent
from bench.program import Program, answers, clean_environment
from bench.run import Run
from bench.subject import Subject
from broker.cli.deployment import find_ports

_MAIN = "from broker.cli.main import main; main(prog_name='streamhold')"
_START = 30.0  # seconds
_WARM_UP = 20  # calls of each that are not counted
_SETTLE = 0.5  # seconds in which what came before may come to rest
_NAME = "sidecar"


class Incomplete(Exception):
    """A stream did not bring all its tokens."""


async def measure(run: Run) -> list[Figure]:
    """What it adds to the first token, and CPU a token beside the API process's."""
    with _running(run) as sidecar:
        straight, through = await _first_tokens(run, sidecar)
        costs = await _costs(run, sidecar)
        sidecar.pool.close()
    added = [of(through) - of(straight) for of in (median, lambda v: percentile(v, 99))]
    note = f"{run.plan.calls} calls each, by turns; the broker itself {median(straight):.2f} ms"
    load = f"{run.plan.streams} streams, {run.plan.token_rate:,.0f}/s"
    ratio = costs[_NAME] / costs["api"]
    return [
        _figure("added_median", "ms", added[0], note, 1.0),
        _figure("added_p99", "ms", added[1]),
        _figure("cpu", "µs/token", costs[_NAME], load),
        _figure("cpu_of_the_api", "µs/token", costs["api"], "in the same run"),
        _figure("cpu_to_the_api", "×", ratio, "", 1.0),
        _figure("memory", "MB", costs["memory"] / 1e6, "of the proxy, after it"),
    ]


def _figure(
    name: str, unit: str, value: float, note: str = "", goal: float | None = None
) -> Figure:
    goals = () if goal is None else (at_most(goal),)
    return Figure(f"{_NAME}.{name}", unit, {STREAMHOLD: value}, note=note, goals=goals)


@contextmanager
def _running(run: Run) -> Iterator[Subject]:
    """The proxy before the run's broker, as a subject of its own."""
    broker = run.streamhold.broker
    port = find_ports("127.0.0.1", 0, 1)[0]
    api = broker.base_url.removesuffix("/v1")
    words = ["proxy", "--api", api, "--port", str(port)]
    log = run.streamhold.state_file.with_name("sidecar.log")
    command = [sys.executable, "-P", "-c", _MAIN, *words]
    with Program(command, log, clean_environment()) as program:
        url = f"http://127.0.0.1:{port}"
        program.wait_for(lambda: answers(f"{url}/healthz"), _START)
        yield Subject(_NAME, f"{url}/v1", broker.prefix, {**broker.pids, _NAME: program.pid})


async def _first_tokens(run: Run, sidecar: Subject) -> tuple[list[float], list[float]]:
    """Milliseconds to the first token, straight and through the proxy."""
    subjects = (run.streamhold.broker, sidecar)
    times: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for number in range(_WARM_UP + run.plan.calls):
        for subject in subjects:
            exchange = await subject.pool.call(subject.chat(run.plan.first_token_model))
            if number >= _WARM_UP:
                times[subject.name].append((exchange.first_token - exchange.sent) * 1000)
    return times[STREAMHOLD], times[_NAME]


async def _costs(run: Run, sidecar: Subject) -> dict[str, float]:
    """µs of CPU a token by process, and the proxy's ``memory`` in bytes."""
    plan = run.plan
    await streams(sidecar, plan.ramp_model, plan.streams, 0.2)  # connections are made
    await asyncio.sleep(_SETTLE)
    before = cpu_of(sidecar.pids)
    done = await streams(sidecar, plan.paced_model(plan.stream_tokens), plan.streams, 1.0)
    used = spent(before, cpu_of(sidecar.pids))
    for exchange in done:
        if exchange.counter.tokens != plan.stream_tokens:
            raise Incomplete(f"{exchange.counter.tokens} tokens of {plan.stream_tokens}")
    tokens = plan.stream_tokens * len(done)
    memory = float(resident(sidecar.pids[_NAME]))
    return {name: seconds / tokens * 1e6 for name, seconds in used.items()} | {"memory": memory}
