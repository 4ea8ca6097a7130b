"""Latency of a token: from the simulator's write to the client's read, with many streams open.

The simulator puts its clock into every token. The first half of a second is not counted: calls
begin in it.
"""

from bench.figures import DIRECT, Figure
from bench.load import streams
from bench.percentiles import median, percentile
from bench.run import Run
from bench.subject import Subject

_SPREAD = 0.5  # seconds over which the streams begin


class Unstamped(Exception):
    """A stream did not bring a time with every token."""


async def measure(run: Run) -> list[Figure]:
    """Median and high percentiles of every subject, and what they add to the provider's own."""
    found = await run.of_each("token latency", lambda subject: _delays(run, subject), run.subjects)
    plan = run.plan
    note = f"{plan.streams} streams, {plan.token_rate:,.0f} tokens/s"
    figures = [
        Figure(f"token_latency.{name}", "ms", {n: percentile(v, p) for n, v in found.items()})
        for name, p in (("p99", 99), ("p99.9", 99.9))
    ]
    medians = {name: median(values) for name, values in found.items()}
    added = {name: value - medians[DIRECT] for name, value in medians.items() if name != DIRECT}
    return [
        Figure("token_latency.median", "ms", medians, None, note),
        *figures,
        Figure("token_latency.added_median", "ms", added),
    ]


async def _delays(run: Run, subject: Subject) -> list[float]:
    """Milliseconds of every token of every stream."""
    plan = run.plan
    await streams(subject, plan.ramp_model, plan.streams, 0.2)  # connections are made
    heard = await streams(subject, plan.latency_model, plan.streams, _SPREAD, stamped=True)
    skipped = round(_SPREAD * 1000 / plan.interval_ms)
    delays: list[float] = []
    for exchange in heard:
        assert exchange.stamps is not None
        if len(exchange.stamps.delays) != plan.latency_tokens:
            raise Unstamped(f"{len(exchange.stamps.delays)} of {plan.latency_tokens}")
        delays += (delay * 1000 for delay in exchange.stamps.delays[skipped:])
    return delays
