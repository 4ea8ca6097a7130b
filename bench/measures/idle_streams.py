"""Idle streams: what jobs cost while their provider says nothing, their callers waiting."""

from bench.figures import STREAMHOLD, Figure
from bench.load import Window, window
from bench.processes import resident
from bench.run import Run
from bench.subject import Subject

_SETTLE = 2.0  # seconds
_SLACK = 2.0


async def measure(run: Run) -> list[Figure]:
    """CPU as share of a core, by process, and what worker and store grew by a stream."""
    plan, strong = run.plan, run.strong
    before = {
        subject.name: {name: resident(pid) for name, pid in subject.pids.items()}
        for subject in strong
    }
    windows = await run.of_each("idle streams", lambda subject: _window(run, subject), strong)
    busy = {
        name: {process: used / found.seconds * 100 for process, used in found.used.items()}
        for name, found in windows.items()
    }
    own = {subject.name: subject.pids for subject in strong}
    totals = {name: sum(shares[each] for each in own[name]) for name, shares in busy.items()}
    note = f"{plan.silent_streams:,} silent streams with a caller each"
    figures = [Figure("idle_streams.total", "% of a core", totals, None, note)]
    for process in ("api", "worker", "store"):
        share = {STREAMHOLD: busy[STREAMHOLD][process]}
        figures.append(Figure(f"idle_streams.{process}", "% of a core", share))
    for process in ("worker", "store"):  # for what the API holds see idle_readers
        grown = windows[STREAMHOLD].memory[process] - before[STREAMHOLD][process]
        value = {STREAMHOLD: grown / plan.silent_streams / 1024}
        figures.append(Figure(f"idle_streams.memory_{process}", "KB/stream", value))
    return figures


async def _window(run: Run, subject: Subject) -> Window:
    """Each stream brings one token at its begin and one after the window."""
    plan = run.plan
    ramp = plan.silent_streams / plan.growth_ramp
    at = ramp + _SETTLE
    silent = at + plan.idle_seconds + _SLACK
    request = subject.chat(f"tokens=2,interval={silent:g}s")
    delays = (ramp * place / plan.silent_streams for place in range(plan.silent_streams))
    calls = [(delay, request) for delay in delays]
    found = await window(subject, calls, subject.pids, at, plan.idle_seconds)
    subject.pool.close()
    return found
