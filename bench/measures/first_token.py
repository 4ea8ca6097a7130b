"""Time to the first token: one call at a time, the subjects taking turns.

Taking turns, call by call, cancels whatever drifts on the machine. The time runs from the
write of the request to the read that holds the first delta with content; the simulator sends
it at once. Connections are kept alive, as every SDK does.
"""

from functools import partial

from bench.figures import LITELLM, Figure, at_most
from bench.percentiles import median, percentile
from bench.run import Run
from bench.subject import Subject

_WARM_UP = 20  # calls of each that are not counted
_MEDIAN_GOALS = (at_most(1.5), at_most(0.1, LITELLM))
_P99_GOALS = (at_most(6.0),)


async def measure(run: Run) -> list[Figure]:
    """Median and 99th percentile of every subject, and what they add to the provider's own."""
    able = list(run.subjects)
    times: dict[str, list[float]] = {subject.name: [] for subject in able}
    for number in range(_WARM_UP + run.plan.calls):
        taken = await run.of_each("first token", partial(_call, run), able)
        able = [subject for subject in able if subject.name in taken]
        if number >= _WARM_UP:
            for name, milliseconds in taken.items():
                times[name].append(milliseconds)
    times = {subject.name: times[subject.name] for subject in able}
    medians = {name: median(values) for name, values in times.items()}
    highs = {name: percentile(values, 99) for name, values in times.items()}
    note = f"{run.plan.calls} calls, sequential"
    return [
        Figure("first_token.median", "ms", medians, note=note),
        Figure("first_token.p99", "ms", highs),
        Figure("first_token.added_median", "ms", _added(run, medians), goals=_MEDIAN_GOALS),
        Figure("first_token.added_p99", "ms", _added(run, highs), goals=_P99_GOALS),
    ]


async def _call(run: Run, subject: Subject) -> float:
    """Milliseconds to the first token."""
    exchange = await subject.pool.call(subject.chat(run.plan.first_token_model))
    return (exchange.first_token - exchange.sent) * 1000


def _added(run: Run, values: dict[str, float]) -> dict[str, float]:
    direct = run.streamhold.direct.name
    return {name: value - values[direct] for name, value in values.items() if name != direct}
