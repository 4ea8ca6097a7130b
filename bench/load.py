"""Load: many exchanges at once, by the simulator's pace, by the clock, or as fast as answered."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter

from bench.client import Pool
from bench.exchange import Exchange, Tally
from bench.processes import Cpu, cpu_of, resident, spent
from bench.stamps import Stamps
from bench.subject import Subject

_MOST_OPEN = 500  # calls of an open loop in flight; with more the subject is beyond its limit
_GOLDEN = (5**0.5 - 1) / 2  # its multiples fall evenly, whatever they are taken modulo


@dataclass(frozen=True)
class Rate:
    """What was received within ``seconds``, and what each process used for it."""

    tokens: int
    calls: int
    seconds: float
    used: Cpu

    @property
    def tokens_a_second(self) -> float:
        return self.tokens / self.seconds

    @property
    def calls_a_second(self) -> float:
        return self.calls / self.seconds


@dataclass(frozen=True)
class Window(Rate):
    """The same, and the bytes of memory that each process held at its begin."""

    memory: dict[str, int]


def spread_over(seconds: float, count: int) -> list[float]:
    """When to begin ``count`` streams: all over the ``seconds``, and over every interval of theirs.

    Begun together they would send their tokens together, which flatters whatever batches; and so
    would streams that are begun at even distances, if those divide their tokens' interval.
    """
    return [seconds * (place * _GOLDEN % 1) for place in range(count)]


async def streams(
    subject: Subject, model: str, count: int, spread: float, *, stamped: bool = False
) -> list[Exchange]:
    """``count`` calls at once, begun all over ``spread`` seconds, each to its end."""
    request = subject.chat(model)

    async def one(delay: float) -> Exchange:
        await asyncio.sleep(delay)
        return await subject.pool.call(request, stamps=Stamps() if stamped else None)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(delay)) for delay in spread_over(spread, count)]
    return [task.result() for task in tasks]


async def closed_loop(
    subject: Subject, model: str, clients: int, seconds: float, pids: Mapping[str, int]
) -> Rate:
    """Each client calls again as soon as it was answered; counted until the time is up.

    Calls then in flight are let run to their end, uncounted: a cut would be work of its own.
    """
    tally = Tally()
    before, begun = cpu_of(pids), perf_counter()
    counted: list[Rate] = []

    def count() -> None:
        used = spent(before, cpu_of(pids))
        counted.append(Rate(tally.tokens, tally.calls, perf_counter() - begun, used))

    async def client(request: bytes, pool: Pool) -> None:
        while not counted:
            await pool.call(request, tally)

    asyncio.get_running_loop().call_later(seconds, count)
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client(subject.chat(model), subject.pool))
    return counted[0]


async def open_loop(subject: Subject, model: str, rate: float, seconds: float) -> list[float]:
    """Seconds to the first token of calls that come by the clock, at random times (Poisson).

    Each counts from when it was due, so that waiting for a busy client or server is not left
    out. Empty if the subject fell so far behind that calls were left out.
    """
    random = Random(f"{rate}")  # the same arrivals for every subject
    request, begun = subject.chat(model), perf_counter()
    due = begun
    done: list[float] = []

    async def one(due: float) -> None:
        exchange = await subject.pool.call(request)
        done.append(exchange.first_token - due)

    waiting: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as group:
        while (due := due + random.expovariate(rate)) < begun + seconds:
            await asyncio.sleep(max(0.0, due - perf_counter()))
            if len(waiting) >= _MOST_OPEN:
                return []
            task = group.create_task(one(due))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
    return done


async def window(
    subject: Subject,
    calls: Sequence[tuple[float, bytes]],
    pids: Mapping[str, int],
    at: float,
    seconds: float,
) -> Window:
    """What is received and used in the ``seconds`` from ``at`` on, while calls go on.

    ``calls`` are (seconds from now, request); each runs to its end before this returns.
    """
    tally = Tally()

    async def one(delay: float, request: bytes) -> None:
        await asyncio.sleep(delay)
        await subject.pool.call(request, tally)

    async with asyncio.TaskGroup() as group:
        for delay, request in calls:
            group.create_task(one(delay, request))
        await asyncio.sleep(at)
        memory = {name: resident(pid) for name, pid in pids.items()}
        tokens, done = tally.tokens, tally.calls
        before, begun = cpu_of(pids), perf_counter()
        await asyncio.sleep(seconds)
        took = perf_counter() - begun
        used = spent(before, cpu_of(pids))
        tokens, done = tally.tokens - tokens, tally.calls - done
    return Window(tokens, done, took, used, memory)
