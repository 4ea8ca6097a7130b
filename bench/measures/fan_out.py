"""Fan-out: a thousand readers follow one stream, and each must get all of it.

All are connected before the first token is due. For every event the time from the first
reader that had it to the last is taken; what a reader costs is what the API process grew by
while they connected. "Nothing lost" is checked to the byte: all transcripts are the same.
"""

import asyncio
import secrets
from time import perf_counter

from bench.client import Connection
from bench.exchange import Exchange
from bench.figures import STREAMHOLD, Figure
from bench.percentiles import median, percentile
from bench.processes import CLIENT, cpu_of, resident, spent
from bench.run import Run

_AT_ONCE = 50  # connections being made
_READERS_A_SECOND = 200  # as many at least must connect, on a busy machine too
_OPENING = 2  # events before the first token: the attempt, and the chunk with the role


class Lost(Exception):
    """A reader's transcript is not whole, or not the same as the others'."""


class Spread:
    """When the first and the last reader had each event, by its place in the stream."""

    def __init__(self) -> None:
        self.first: dict[int, float] = {}
        self.last: dict[int, float] = {}
        self.events = 0

    def note(self, before: int, after: int, now: float) -> None:
        """A reader had its events ``before`` + 1 to ``after`` at this time."""
        self.events += after - before
        for place in range(before + 1, after + 1):
            self.first.setdefault(place, now)
            self.last[place] = now

    def delays(self, from_place: int) -> list[float]:
        """Seconds from the first reader to the last, of each event from this place on."""
        return [self.last[place] - self.first[place] for place in self.first if place > from_place]


async def measure(run: Run) -> list[Figure]:
    """Events a second delivered, how far the readers lie apart, and memory a reader."""
    plan, broker, api = run.plan, run.streamhold.broker, run.streamhold.api_pid
    wait = max(2.0, plan.readers / _READERS_A_SECOND)
    request_id = f"bench-{secrets.token_hex(6)}"
    model = f"tokens={plan.reader_tokens},interval={plan.interval_ms}ms,ttft={wait:g}s"
    await broker.pool.call(broker.submit(model, request_id))
    spread, before = Spread(), resident(api)
    readers = await _connect(run, broker.events(request_id), spread)
    begun = perf_counter()
    grown, watched = resident(api) - before, broker.pids
    used = cpu_of(watched)
    done = await asyncio.gather(*(connection.finish(each) for connection, each in readers))
    used = spent(used, cpu_of(watched))
    for connection, _ in readers:
        connection.close()
    _check(done, plan.reader_tokens)
    if spread.first[_OPENING + 1] < begun:
        raise Lost("tokens came before all readers had connected; the machine is too busy")
    delays = [delay * 1000 for delay in spread.delays(_OPENING)]
    events = len(done) * len(delays)
    took = max(spread.last.values()) - spread.first[_OPENING + 1]
    figures = {
        "events_a_second": ("1/s", events / took, f"{len(done):,} readers, nothing lost"),
        "first_to_last_reader_median": ("ms", median(delays), ""),
        "first_to_last_reader_p99": ("ms", percentile(delays, 99), f"{len(delays)} events"),
        "memory_a_reader": ("KB", grown / len(done) / 1024, "growth of the API process"),
        "api_cpu": ("µs/event", used["api"] / events * 1e6, ""),
        "client_busy": ("% of a core", used[CLIENT] / took * 100, ""),
    }
    return [
        Figure(f"fan_out.{name}", unit, {STREAMHOLD: value}, None, note)
        for name, (unit, value, note) in figures.items()
    ]


async def _connect(run: Run, request: bytes, spread: Spread) -> list[tuple[Connection, Exchange]]:
    broker, gate = run.streamhold.broker, asyncio.Semaphore(_AT_ONCE)

    async def one() -> tuple[Connection, Exchange]:
        async with gate:
            connection = await Connection.connect(broker.host, broker.port)
            following = asyncio.Event()

            def note(before: int, after: int, now: float) -> None:
                following.set()
                spread.note(before, after, now)

            exchange = connection.begin(request, on_events=note)
            await asyncio.wait_for(following.wait(), 30)
            return connection, exchange

    return await asyncio.gather(*(one() for _ in range(run.plan.readers)))


def _check(done: list[Exchange], tokens: int) -> None:
    whole = done[0]
    if whole.counter.tokens != tokens or b"event: end" not in whole.last:
        raise Lost(f"{whole.counter.tokens} tokens of {tokens}: {whole.last[-200:]!r}")
    for exchange in done:
        if (exchange.length, exchange.checksum) != (whole.length, whole.checksum):
            raise Lost("two readers of one stream have different transcripts")
