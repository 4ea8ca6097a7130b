"""The timers of idle connections, over a server that notes when it closes one."""

import asyncio
from types import SimpleNamespace
from typing import Any

from hypercorn.asyncio.worker_context import WorkerContext

from broker.api.idle import IdleTimer


class Group:
    """In place of a connection's tasks."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def spawn(self, work: Any) -> None:
        self.tasks.append(asyncio.ensure_future(work()))


class Server:
    """In place of a connection's server."""

    def __init__(self, context: WorkerContext, seconds: float) -> None:
        self.context = context
        self.config = SimpleNamespace(keep_alive_timeout=seconds)
        self.closed = asyncio.Event()

    async def wait(self) -> None: ...

    async def _initiate_server_close(self) -> None:
        self.closed.set()


async def test_a_connection_is_closed_when_its_time_is_over() -> None:
    server = Server(WorkerContext(None), 0)
    await IdleTimer().restart(Group(), server.wait)
    async with asyncio.timeout(5):
        await server.closed.wait()


async def test_one_in_use_is_not() -> None:
    context = WorkerContext(None)
    server, other = Server(context, 0), Server(context, 0)
    timer = IdleTimer()
    await timer.restart(Group(), server.wait)
    await timer.stop()
    await IdleTimer().restart(Group(), other.wait)
    async with asyncio.timeout(5):
        await other.closed.wait()
    assert not server.closed.is_set()


async def test_the_end_of_the_server_closes_those_that_are_idle() -> None:
    context = WorkerContext(None)
    idle, used, late = (Server(context, 3600) for _ in range(3))
    timer = IdleTimer()
    await timer.restart(Group(), used.wait)
    await timer.stop()
    await IdleTimer().restart(Group(), idle.wait)
    await context.terminated.set()
    async with asyncio.timeout(5):
        await idle.closed.wait()
        await IdleTimer().restart(Group(), late.wait)
        await late.closed.wait()
    assert not used.closed.is_set()
