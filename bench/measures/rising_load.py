"""Time to the first token at rising load: calls that come by the clock, answered or not.

A subject that falls behind, half of its calls being a second late, is not asked for more; where
its line ends is what it stands.
"""

import asyncio

from bench.figures import Figure
from bench.load import open_loop
from bench.percentiles import median, percentile
from bench.run import Run
from bench.subject import Subject

_LATE = 1.0  # seconds
_SETTLE = 0.5

Found = dict[float, tuple[float, float]]  # calls a second: median and p99 in seconds


async def measure(run: Run) -> list[Figure]:
    """Median and 99th percentile of every subject at each rate that it stood."""
    found: dict[str, Found] = await run.of_each(
        "rising load", lambda subject: _rise(run, subject), run.subjects
    )
    figures = []
    for place, name in enumerate(("median", "p99")):
        for rate in run.plan.rates:
            values = {
                subject: stood[rate][place] * 1000
                for subject, stood in found.items()
                if rate in stood
            }
            note = "calls/s of 20 tokens, from when each was due"
            note = "" if place or rate != run.plan.rates[0] else note
            figures.append(Figure(f"rising_load.{name}", "ms", values, None, note, (), rate))
    most = {subject: max(stood, default=0.0) for subject, stood in found.items()}
    return [*figures, Figure("rising_load.stood", "calls/s", most, None, "the highest one asked")]


async def _rise(run: Run, subject: Subject) -> Found:
    stood: Found = {}
    for rate in run.plan.rates:
        times = await open_loop(subject, run.plan.open_loop_model, rate, run.plan.rate_seconds)
        if not times or median(times) > _LATE:
            break
        stood[rate] = (median(times), percentile(times, 99))
        await asyncio.sleep(_SETTLE)
    return stood
