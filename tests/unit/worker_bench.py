"""What the LeaseWorker's tests stand on: a worker over a fake server, work that waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from arq.worker import func

from broker.frames import Frame, Kind
from broker.model import JobState, Options
from broker.queue import GENERATE, Submission, enqueue
from broker.store import Store
from tests.store.samples import HOLDER
from tests.unit.stores import FakeWire, make_settings, open_fake
from workers import lease_worker
from workers.hold import Hold
from workers.lease_worker import LeaseWorker


class Work:
    """What the worker's function does: waits until the test lets it, then ends its job."""

    def __init__(self) -> None:
        self.started: asyncio.Queue[Hold] = asyncio.Queue()
        self.cancelled: asyncio.Queue[str] = asyncio.Queue()
        self.now = self.most = 0
        self.crash: Exception | None = None
        self._let: dict[str, asyncio.Event] = {}

    def let(self, key: str) -> None:
        self._let.setdefault(key, asyncio.Event()).set()

    async def run(self, ctx: dict[str, Any], key: str) -> None:
        hold: Hold = ctx["hold"]
        self.now += 1
        self.most = max(self.most, self.now)
        self.started.put_nowait(hold)
        try:
            await self._let.setdefault(key, asyncio.Event()).wait()
            if self.crash is not None:
                raise self.crash
            end = Frame(Kind.TERMINAL, b'{"state":"completed"}')
            hold.pen.write([end], final=JobState.COMPLETED)
            await hold.pen.settled()
        except asyncio.CancelledError:
            self.cancelled.put_nowait(key)
            raise
        finally:
            self.now -= 1


class Bench:
    """A worker over a fake server."""

    def __init__(self, store: Store, options: dict[str, Any], holder: str = HOLDER) -> None:
        self.store = store
        self.work = Work()
        functions = [func(cast(Any, self.work.run), name=GENERATE)]
        options = {"handle_signals": False, **options}
        self.worker = LeaseWorker(functions, store=store, holder=holder, **options)
        self.task: asyncio.Task[None]

    @property
    def control(self) -> FakeWire:
        return cast(FakeWire, self.worker._control)

    def start(self) -> None:
        self.task = asyncio.create_task(self.worker.async_run())

    async def submit(self, name: str, function: str = GENERATE, *, batch: bool = False) -> str:
        options = Options(priority="batch" if batch else "interactive")
        body = {"model": "m"}
        submission = Submission("acme", name, "chat", body, b'{"model":"m"}', options=options)
        assert (await enqueue(self.store, submission, function)).created
        return submission.key

    async def taken(self) -> Hold:
        async with asyncio.timeout(5):
            return await self.work.started.get()

    async def ended(self, hold: Hold) -> None:
        assert hold.task is not None
        async with asyncio.timeout(5):
            await asyncio.wait([hold.task])
        await asyncio.sleep(0)  # its callbacks

    async def state(self, key: str) -> JobState:
        return (await self.store.jobs.get(key)).state

    async def stopped(self) -> None:
        """The drain is over."""
        async with asyncio.timeout(5):
            await asyncio.wait([self.task])
        assert self.task.cancelled()

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.worker.close()


@asynccontextmanager
async def open_bench(
    worker: dict[str, Any] | None = None,
    store: dict[str, Any] | None = None,
    begin: bool = True,
    **options: Any,
) -> AsyncIterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease_worker, "Wire", FakeWire)
        async with open_fake(make_settings(worker=worker, store=store)) as opened:
            bench = Bench(opened, options)
            if begin:
                bench.start()
            yield bench
            await bench.close()
