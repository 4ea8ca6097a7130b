"""Resume: how soon a reader that comes back has its first byte, and how fast a long replay is.

The stream was sent as fast as the provider can. A reader comes back near its end (a dropped
connection), and from nothing (a page that was loaded again). Streamhold's stream has ended and
is read from the store; a peer that keeps only running streams has one whose provider sends
nothing more, and its cursor counts characters.
"""

import asyncio
from dataclasses import dataclass

from bench.figures import Figure, at_most
from bench.following import begun
from bench.percentiles import median, percentile
from bench.run import Run
from bench.subject import Subject

_FIRST_GOALS, _REPLAY_GOALS = (at_most(3),), (at_most(60),)  # ms
_MISSED = 20  # tokens that a reader with a dropped connection has missed
_WAIT = 30.0  # seconds for one replay


class NotWhole(Exception):
    """A replay ended before it had brought all its tokens."""


@dataclass(frozen=True)
class _Read:
    """One reader that came back: ms to its first byte and to its last token, and bytes."""

    first: float
    whole: float
    length: int


async def measure(run: Run) -> list[Figure]:
    """Time to the first byte after a drop, and of the replay of the whole stream."""
    plan = run.plan
    found = await run.of_each("resume", lambda subject: _reads(run, subject), run.followed)
    first = {name: [each.first for each in late] for name, (late, _) in found.items()}
    opening = {name: median([each.first for each in rest]) for name, (_, rest) in found.items()}
    whole = {name: median([each.whole for each in rest]) for name, (_, rest) in found.items()}
    medians = {name: median(values) for name, values in first.items()}
    highs = {name: percentile(values, 99) for name, values in first.items()}
    rates = {name: plan.replay_tokens / took * 1000 for name, took in whole.items()}
    missed, start = f"{_MISSED} tokens missed", "from the stream's start"
    tokens = f"{plan.replay_tokens:,} tokens"
    return [
        Figure("resume.first_byte_median", "ms", medians, None, missed, _FIRST_GOALS),
        Figure("resume.first_byte_p99", "ms", highs, None, f"{plan.resumes} calls"),
        Figure("resume.replay_first_byte_median", "ms", opening, None, start, _FIRST_GOALS),
        Figure("resume.replay_median", "ms", whole, None, tokens, _REPLAY_GOALS),
        Figure("resume.replay_tokens_a_second", "1/s", rates),
    ]


async def _reads(run: Run, subject: Subject) -> tuple[list[_Read], list[_Read]]:
    """(readers that missed the last tokens, readers from the start)."""
    plan, tokens = run.plan, run.plan.replay_tokens
    model = f"tokens={tokens},interval=0,size=5"
    if not subject.submits:
        model = f"tokens={tokens + 1},interval=0,size=5,hangafter={tokens}"
    async with begun(subject, model) as request_id:
        every = await _read(subject, request_id, 0, tokens)  # as it comes
        late = tokens - _MISSED
        after = late if subject.submits else every.length * late // tokens
        missed = [await _read(subject, request_id, after, _MISSED - 1) for _ in range(plan.resumes)]
        return missed, [await _read(subject, request_id, 0, tokens) for _ in range(plan.replays)]


async def _read(subject: Subject, request_id: str, after: int, tokens: int) -> _Read:
    """Follow until so many tokens have come; a stream that ends, to its end."""
    had: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def note(_: int, so_far: int, now: float) -> None:
        if so_far >= tokens and not had.done():
            had.set_result(now)

    connection = await subject.pool.take()
    exchange = connection.begin(subject.events(request_id, after), on_tokens=note)
    try:
        async with asyncio.timeout(_WAIT):
            await asyncio.wait((had, exchange.done), return_when=asyncio.FIRST_COMPLETED)
        if subject.submits or not had.done():
            await connection.finish(exchange)
        if not had.done():
            raise NotWhole(f"{exchange.counter.tokens} tokens of {tokens}")
    except BaseException:
        connection.close()
        raise
    if subject.submits:
        subject.pool.give(connection)
    else:
        connection.close()
    first, whole = exchange.first_byte - exchange.sent, had.result() - exchange.sent
    return _Read(first * 1000, whole * 1000, exchange.length)
