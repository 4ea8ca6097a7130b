"""Saturation: as many tokens, and as many short calls, as go through at once.

The provider sends without a pause and each client calls again as soon as it is answered. All
processes, the client's too, share the machine, so what the provider alone does here is the
ceiling of client and simulator together: a subject close to it is not what is measured.
"""

from bench.figures import Figure
from bench.load import Rate, closed_loop
from bench.processes import cpu_of, spent
from bench.run import Run
from bench.subject import Subject


async def measure(run: Run) -> list[Figure]:
    """Tokens a second of long calls; calls a second and CPU a call of short ones."""
    plan = run.plan
    tokens: dict[str, float] = {}
    batched: dict[str, float] = {}
    calls: dict[str, float] = {}
    costs: dict[str, float] = {}
    for subject in run.subjects:
        tokens[subject.name] = (await _loop(run, subject, plan.long_model)).tokens_a_second
        batched[subject.name] = (await _loop(run, subject, plan.batched_model)).tokens_a_second
        before = cpu_of(subject.pids)
        rate = await _loop(run, subject, plan.short_model)
        used = spent(before, cpu_of(subject.pids))
        calls[subject.name] = rate.calls_a_second
        own = sum(used[process] for process in subject.pids)
        costs[subject.name] = own / rate.calls * 1000
    clients = plan.saturation_clients
    return [
        Figure("saturation.tokens", "1/s", tokens, note=f"{clients} clients, a write each"),
        Figure(
            "saturation.tokens_batched", "1/s", batched, note=f"{plan.saturation_batch} a write"
        ),
        Figure("saturation.calls", "1/s", calls, note=f"{clients} clients, 20 tokens a call"),
        Figure("saturation.cpu_a_call", "ms", costs, note="its own processes"),
    ]


async def _loop(run: Run, subject: Subject, model: str) -> Rate:
    plan = run.plan
    return await closed_loop(subject, model, plan.saturation_clients, plan.saturation_seconds)
