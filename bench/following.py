"""Streams with many readers: one that is begun, and connections that follow it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from bench.client import Connection
from bench.exchange import Exchange
from bench.subject import Subject

_AT_ONCE = 50  # connections being made
_A_SOURCE = 5000  # connections from one address, which has some 28,000 ports
_PATIENCE = 60.0  # seconds for one answer to begin

Reader = tuple[Connection, Exchange]
OnTokens = Callable[[int, int, float], None]


@asynccontextmanager
async def begun(subject: Subject, model: str) -> AsyncIterator[str]:
    """The id of a stream that was just begun. Where jobs need a caller, it stays to the end."""
    request_id = f"bench-{secrets.token_hex(6)}"
    if subject.submits:
        await subject.pool.call(subject.submit(model, request_id))
        yield request_id
        return
    caller = await Connection.connect(subject.host, subject.port)
    try:
        await asyncio.wait_for(
            caller.begin(subject.chat(model, request_id)).headed(), timeout=_PATIENCE
        )
        yield request_id
    finally:
        caller.close()


async def follow(
    subject: Subject, ids: list[str], count: int, on_tokens: OnTokens | None = None
) -> list[Reader]:
    """``count`` readers, dealt out over the streams; all of them have been answered."""
    gate, sources = asyncio.Semaphore(_AT_ONCE), _sources(count)
    requests = [subject.events(request_id) for request_id in ids]

    async def one(place: int, source: str) -> Reader:
        async with gate:
            connection = await Connection.connect(subject.host, subject.port, source)
            exchange = connection.begin(requests[place % len(requests)], on_tokens=on_tokens)
            await asyncio.wait_for(exchange.headed(), _PATIENCE)
            return connection, exchange

    places = enumerate(sources)
    return await asyncio.gather(*(one(place, source) for place, source in places))


async def finish(readers: list[Reader]) -> list[Exchange]:
    """Every reader's whole exchange; their connections are closed. Raises as a call does."""
    try:
        return await asyncio.gather(*(connection.finish(each) for connection, each in readers))
    finally:
        for connection, _ in readers:
            connection.close()


def _sources(count: int) -> Iterator[str]:
    """The address that each connection comes from: its own choice, or one of loopback's many."""
    for place in range(count):
        yield "" if count <= _A_SOURCE else f"127.0.0.{2 + place // _A_SOURCE}"
