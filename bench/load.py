"""Load: many exchanges at once, paced by the simulator or as fast as they are answered."""

import asyncio
from dataclasses import dataclass
from time import perf_counter

from bench.client import Pool
from bench.exchange import Exchange, Tally
from bench.subject import Subject


@dataclass(frozen=True)
class Rate:
    """What was received within ``seconds``."""

    tokens: int
    calls: int
    seconds: float

    @property
    def tokens_a_second(self) -> float:
        return self.tokens / self.seconds

    @property
    def calls_a_second(self) -> float:
        return self.calls / self.seconds


async def streams(
    subject: Subject, model: str, count: int, spread: float, tally: Tally | None = None
) -> list[Exchange]:
    """``count`` calls at once, begun evenly over ``spread`` seconds, each to its end.

    Begun together they would send their tokens together, which flatters whatever batches.
    """
    request = subject.chat(model)

    async def one(delay: float) -> Exchange:
        await asyncio.sleep(delay)
        return await subject.pool.call(request, tally)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(spread * place / count)) for place in range(count)]
    return [task.result() for task in tasks]


async def closed_loop(subject: Subject, model: str, clients: int, seconds: float) -> Rate:
    """Each client calls again as soon as it was answered; counted until the time is up.

    Calls then in flight are let run to their end, uncounted: a cut would be work of its own.
    """
    tally = Tally()
    begun = perf_counter()
    counted: list[Rate] = []

    def count() -> None:
        counted.append(Rate(tally.tokens, tally.calls, perf_counter() - begun))

    async def client(request: bytes, pool: Pool) -> None:
        while not counted:
            await pool.call(request, tally)

    asyncio.get_running_loop().call_later(seconds, count)
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client(subject.chat(model), subject.pool))
    return counted[0]
