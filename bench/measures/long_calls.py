"""Long calls: tens of thousands of tokens each, as fast as they go through."""

from time import perf_counter

from bench.figures import Figure
from bench.load import streams
from bench.measures.cpu import Incomplete
from bench.processes import cpu_of, spent
from bench.run import Run
from bench.subject import Subject


async def measure(run: Run) -> list[Figure]:
    """Tokens a second, and CPU a token, of every subject."""
    found = await run.of_each("long calls", lambda subject: _calls(run, subject), run.subjects)
    note = f"{run.plan.long_calls} calls of {run.plan.long_tokens:,} tokens at once"
    rates = {name: rate for name, (rate, _) in found.items()}
    costs = {name: cost for name, (_, cost) in found.items()}
    return [
        Figure("long_calls.tokens", "1/s", rates, None, note),
        Figure("long_calls.cpu", "µs/token", costs, None, "its own processes"),
    ]


async def _calls(run: Run, subject: Subject) -> tuple[float, float]:
    """(tokens a second, µs a token)."""
    plan = run.plan
    before, begun = cpu_of(subject.pids), perf_counter()
    done = await streams(subject, plan.long_model, plan.long_calls, 0.0)
    took = perf_counter() - begun
    used = spent(before, cpu_of(subject.pids))
    for exchange in done:
        if exchange.counter.tokens != plan.long_tokens:
            raise Incomplete(f"{exchange.counter.tokens} tokens of {plan.long_tokens}")
    tokens = plan.long_tokens * len(done)
    return tokens / took, sum(used[each] for each in subject.pids) / tokens * 1e6
