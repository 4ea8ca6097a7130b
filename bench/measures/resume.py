"""Resume: how soon a reader that comes back has its first byte, and how fast a long replay is.

The stream is a finished one, stored as fast as the provider sent it. A reader comes back near
its end (a dropped connection), and from nothing (a page that was loaded again).
"""

import secrets
from time import perf_counter

from bench.client import Refused
from bench.figures import STREAMHOLD, Figure, Goal, at_most
from bench.percentiles import median, percentile
from bench.run import Run

_FIRST_GOAL, _REPLAY_GOAL = at_most(3), at_most(60)  # ms
_MISSED = 20  # tokens that a reader with a dropped connection has missed


async def measure(run: Run) -> list[Figure]:
    """Time to the first byte after a drop, and of the replay of the whole stream."""
    plan, broker = run.plan, run.streamhold.broker
    request_id = f"bench-{secrets.token_hex(6)}"
    await broker.pool.call(broker.submit(f"tokens={plan.replay_tokens},interval=0", request_id))
    await broker.pool.call(broker.events(request_id))  # to its end
    first: list[float] = []
    for _ in range(plan.resumes):
        each = await broker.pool.call(broker.events(request_id, plan.replay_tokens - _MISSED))
        first.append((each.first_byte - each.sent) * 1000)
    opening: list[float] = []
    whole: list[float] = []
    for _ in range(plan.replays):
        each = await broker.pool.call(broker.events(request_id))
        whole.append((perf_counter() - each.sent) * 1000)
        opening.append((each.first_byte - each.sent) * 1000)
        if each.counter.tokens != plan.replay_tokens:
            raise Refused(f"a replay of {each.counter.tokens} tokens of {plan.replay_tokens}")
    figures: dict[str, tuple[str, float, str, tuple[Goal, ...]]] = {
        "first_byte_median": ("ms", median(first), f"{_MISSED} tokens missed", (_FIRST_GOAL,)),
        "first_byte_p99": ("ms", percentile(first, 99), f"{plan.resumes} calls", ()),
        "replay_first_byte_median": ("ms", median(opening), "from the start", (_FIRST_GOAL,)),
        "replay_median": ("ms", median(whole), f"{plan.replay_tokens:,} tokens", (_REPLAY_GOAL,)),
        "replay_tokens_a_second": ("1/s", plan.replay_tokens / median(whole) * 1000, "", ()),
    }
    return [
        Figure(f"resume.{name}", unit, {STREAMHOLD: value}, None, note, goals)
        for name, (unit, value, note, goals) in figures.items()
    ]
