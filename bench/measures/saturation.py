"""Saturation: as many tokens, and as many short calls, as go through at once.

The provider sends without a pause and each client calls again as soon as it is answered. All
processes, the client's too, share the machine, so what the provider alone does here is the
ceiling of client and simulator together: a subject close to it is not what is measured.
"""

from bench.figures import LITELLM, RESUMABLE_STREAM, STREAMHOLD, Figure, at_least
from bench.load import Rate, closed_loop
from bench.run import Run
from bench.subject import Subject

_TOKEN_GOALS = (at_least(30, LITELLM), at_least(0.5, RESUMABLE_STREAM))
_CALL_GOALS = (at_least(8, LITELLM),)


async def measure(run: Run) -> list[Figure]:
    """Tokens a second of long calls; calls a second of short ones; and the CPU of each."""
    plan = run.plan

    async def rates(name: str, model: str) -> dict[str, Rate]:
        return await run.of_each(name, lambda subject: _loop(run, subject, model), run.subjects)

    dense = await rates("tokens at saturation", plan.dense_model)
    batched = await rates("batched tokens at saturation", plan.batched_model)
    short = await rates("calls at saturation", plan.short_model)
    clients = plan.saturation_clients
    figures = [
        Figure(
            "saturation.tokens",
            "1/s",
            _tokens(dense),
            None,
            f"{clients} clients, a write each",
            _TOKEN_GOALS,
        ),
        Figure(
            "saturation.tokens_batched",
            "1/s",
            _tokens(batched),
            None,
            f"{plan.saturation_batch} a write",
            _TOKEN_GOALS,
        ),
        Figure(
            "saturation.calls",
            "1/s",
            {name: rate.calls_a_second for name, rate in short.items()},
            None,
            f"{clients} clients, 20 tokens a call",
            _CALL_GOALS,
        ),
        Figure(
            "saturation.cpu_a_call",
            "ms",
            _costs(run, short, 1e3, calls=True),
            None,
            "its own processes",
        ),
    ]
    for process, used in _by_process(run, short[STREAMHOLD]).items():
        value = {STREAMHOLD: used / short[STREAMHOLD].calls * 1e3}
        figures.append(Figure(f"saturation.cpu_a_call_{process}", "ms", value))
    figures.append(Figure("saturation.cpu_a_token", "µs", _costs(run, dense, 1e6)))
    for process, used in _by_process(run, dense[STREAMHOLD]).items():
        value = {STREAMHOLD: used / dense[STREAMHOLD].tokens * 1e6}
        figures.append(Figure(f"saturation.cpu_a_token_{process}", "µs", value))
    return figures


def _tokens(rates: dict[str, Rate]) -> dict[str, float]:
    return {name: rate.tokens_a_second for name, rate in rates.items()}


def _costs(
    run: Run, rates: dict[str, Rate], scale: float, *, calls: bool = False
) -> dict[str, float]:
    """CPU of a subject's own processes, a token or a call."""
    own = {subject.name: subject.pids for subject in run.subjects}
    return {
        name: sum(rate.used[each] for each in own[name])
        / (rate.calls if calls else rate.tokens)
        * scale
        for name, rate in rates.items()
    }


def _by_process(run: Run, rate: Rate) -> dict[str, float]:
    return {process: rate.used[process] for process in run.streamhold.broker.pids}


async def _loop(run: Run, subject: Subject, model: str) -> Rate:
    plan = run.plan
    return await closed_loop(
        subject, model, plan.saturation_clients, plan.saturation_seconds, subject.pids
    )
