"""Growth: the same number of tokens a second, from ever more streams.

The streams are begun first; then a window in their middle is measured, in which nothing begins
or ends, so that the cost is that of tokens alone. The first step is measured again behind each
other one, which is compared with the mean of the two: a machine that is shared changes its pace
from minute to minute by more than what is looked for.
"""

from functools import partial
from math import ceil

from bench.figures import STREAMHOLD, Figure, at_most
from bench.load import Window, spread_over, window
from bench.run import Run
from bench.subject import Subject

_GOALS = {1000: 1.2, 5000: 1.3}  # times the cost at the first step, by streams
_SLACK = 1.0  # seconds that a stream lasts beyond the window
_KEPT = 0.9  # share of the rate that must have arrived, or it was no such load


class TooSlow(Exception):
    """The tokens of the window did not all arrive in it."""


async def measure(run: Run) -> list[Figure]:
    """µs a token at each number of streams, Streamhold's by process, and how they compare."""
    steps = run.plan.growth
    totals: dict[int, dict[str, float]] = {}
    parts: dict[int, dict[str, float]] = {}
    ratios: list[Figure] = []
    pids = {subject.name: subject.pids for subject in run.strong}
    before: dict[str, float] = {}
    for count in steps:
        try:
            windows = await _step(run, count)
            again = await _step(run, steps[0]) if before else windows
        except (TooSlow, ExceptionGroup) as error:  # a refusal of many is one of a busy machine
            run.fail(f"growth to {count}", error)
            break
        totals[count] = {name: _cost(found, *pids[name]) for name, found in windows.items()}
        own = windows[STREAMHOLD]
        parts[count] = {process: _cost(own, process) for process in pids[STREAMHOLD]}
        after = {name: _cost(found, *pids[name]) for name, found in again.items()}
        if before:
            first = {name: (before[name] + after[name]) / 2 for name in before.keys() & after}
            ratios.append(_ratio(first, totals[count], count))
        before = after
    note = f"{run.plan.token_rate:,.0f} tokens/s in all"
    figures = [
        Figure("growth.total", "µs/token", values, None, note, (), count)
        for count, values in totals.items()
    ]
    for process in ("api", "worker", "store"):
        for count in parts:
            values = {STREAMHOLD: parts[count][process]}
            figures.append(Figure(f"growth.{process}", "µs/token", values, None, "", (), count))
    return figures + ratios


async def _step(run: Run, count: int) -> dict[str, Window]:
    """A window with so many streams, by subject."""
    windows = await run.of_each(f"growth to {count}", partial(_window, run, count), run.strong)
    for subject in run.strong:
        subject.pool.close()
    return windows


def _ratio(first: dict[str, float], later: dict[str, float], count: int) -> Figure:
    values = {name: later[name] / first[name] for name in later if first.get(name)}
    goals = (at_most(_GOALS[count]),) if count in _GOALS else ()
    return Figure("growth.ratio", "", values, None, "to the first, about it", goals, count)


def _cost(found: Window, *processes: str) -> float:
    """µs a token of these processes."""
    return sum(found.used[process] for process in processes) / found.tokens * 1e6


async def _window(run: Run, count: int, subject: Subject) -> Window:
    plan = run.plan
    interval = count / plan.token_rate
    ramp = max(2.0, count / plan.growth_ramp)
    at = ramp + max(plan.growth_settle, interval)
    end = at + plan.growth_seconds + _SLACK
    calls = []
    for delay in spread_over(ramp, count):
        tokens = ceil((end - delay) / interval) + 1  # the first one comes at once
        calls.append((delay, subject.chat(f"tokens={tokens},interval={interval * 1000:g}ms")))
    found = await window(subject, calls, subject.pids, at, plan.growth_seconds)
    if found.tokens_a_second < _KEPT * plan.token_rate:
        raise TooSlow(f"{found.tokens_a_second:,.0f} tokens/s of {plan.token_rate:,.0f}")
    return found
