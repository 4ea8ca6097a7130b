"""A loop that is held: its leases and its readers' presence outlast it, until it counts as stuck.

The loop of each test is held by a busy Python loop, for three times what a lease lasts; another
thread's rescuer looks for what has expired meanwhile.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import pytest
from arq.worker import func
from redis import Redis

from broker import settings
from broker.api.core import Core
from broker.model import JobState
from broker.queue import GENERATE, Submission, enqueue
from broker.store import Store, open_store
from broker.tail import Reader
from tests.conftest import STORES
from tests.store.samples import new_job
from tests.unit.worker_bench import Bench, Work
from workers.lease_worker import LeaseWorker

pytestmark = pytest.mark.slow  # they hold a core for seconds, and time what others do meanwhile

LEASE, RENEW, TICK = 1.5, 0.2, 0.1  # seconds
GRACE = 1.0
PATIENCE = 60.0  # seconds until what must happen is said not to

_NUMBERS = itertools.count(1)


@pytest.fixture(params=STORES)
def options(request: pytest.FixtureRequest) -> Callable[..., settings.Settings]:
    url = request.getfixturevalue({"valkey": "valkey_url", "redis7": "redis_url"}[request.param])
    deployment = f"held{next(_NUMBERS)}"

    def make(stuck: float = 60.0) -> settings.Settings:
        return settings.Settings(
            store_url=settings.Secret(url),
            store=settings.Store(deployment=deployment),
            worker=settings.Worker(lease=LEASE, renew=RENEW, rescue_tick=TICK, stuck=stuck),
            server=settings.Server(stuck=stuck),
        )

    return make


class Elsewhere:
    """A rescuer in a thread of its own, and a look at the store that needs no loop."""

    def __init__(self, options: settings.Settings) -> None:
        self._options = options
        self._over = threading.Event()
        self.ticking = threading.Event()
        self.plain: Any = Redis.from_url(options.store_url.reveal(), decode_responses=True)

    def field(self, key: str, name: str) -> str | None:
        prefix = f"{self._options.store.deployment}:{{p0}}:"
        found: str | None = self.plain.hget(f"{prefix}job:{key}", name)
        return found

    async def _tick(self) -> None:
        store = open_store(self._options, "elsewhere")
        try:
            while not self._over.is_set():
                tick = await store.leases.rescue(store.keys.partitions[0])
                if not tick.held_off:
                    self.ticking.set()
                await asyncio.sleep(TICK)
        finally:
            await store.close()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._tick()))
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self.plain.close()


def hold_loop(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))


def hold_loop_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        sum(range(1000))


@asynccontextmanager
async def opened(options: settings.Settings) -> AsyncIterator[tuple[Store, Bench, Elsewhere]]:
    """A worker over the store, and a rescuer that is past its first lease, elsewhere."""
    store, elsewhere = open_store(options, "test"), Elsewhere(options)
    work = Work()
    bench = Bench.__new__(Bench)
    bench.store, bench.work = store, work
    functions = [func(cast(Any, work.run), name=GENERATE)]
    bench.worker = LeaseWorker(functions, store=store, holder="held", handle_signals=False)
    bench.start()
    try:
        with elsewhere.running():
            await asyncio.to_thread(elsewhere.ticking.wait, PATIENCE)
            yield store, bench, elsewhere
    finally:
        await bench.close()
        await store.close()


async def submit(store: Store) -> str:
    submission = Submission("acme", "r1", "chat", {"model": "m"}, b'{"model":"m"}')
    assert (await enqueue(store, submission)).created
    return submission.key


async def test_a_worker_that_is_busy_keeps_its_jobs(
    options: Callable[..., settings.Settings],
) -> None:
    async with opened(options()) as (store, bench, _):
        key = await submit(store)
        hold = await bench.taken()
        hold_loop(3 * LEASE)
        assert bench.worker.renewal.stand_in.times >= 3
        assert not hold.finished
        bench.work.let(key)
        await bench.ended(hold)
        job = await store.jobs.get(key)
        assert (job.state, job.losses, job.claims) == (JobState.COMPLETED, 0, 1)
        assert bench.worker.turns.longest >= 2 * LEASE


async def test_a_worker_that_is_busy_is_given_no_further_job(
    options: Callable[..., settings.Settings],
) -> None:
    """Its wait for jobs is still open; what comes now is for others."""
    async with opened(options()) as (store, bench, elsewhere):
        hold_loop(2 * LEASE)
        prefix = store.keys.partitions[0].prefix
        beat = float(elsewhere.plain.zscore(f"{prefix}beats", "held"))
        seconds, micros = elsewhere.plain.time()
        assert seconds * 1000 + micros / 1000 - beat >= 2 * LEASE * 1000 - RENEW * 1000
        key = await submit(store)
        bench.work.let(key)
        await bench.ended(await bench.taken())  # free again, it takes it


async def test_a_worker_that_is_stuck_loses_its_jobs(
    options: Callable[..., settings.Settings], caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(options(stuck=2 * LEASE)) as (store, bench, elsewhere):
        key = await submit(store)
        hold = await bench.taken()
        hold_loop_until(lambda: elsewhere.field(key, "losses") == "1")
        assert bench.worker.renewal.stand_in.times >= 1
        again = await bench.taken()  # the loop is free, and takes it anew
        assert again.claim.token > hold.claim.token
        await bench.ended(hold)
        bench.work.let(key)
        await bench.ended(again)
        job = await store.jobs.get(key)
        assert (job.state, job.losses, job.claims) == (JobState.COMPLETED, 1, 2)
        assert [r.msg for r in caplog.records].count("worker.stuck") == 1


class Present:
    """As much of a reader as its presence takes."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.grace_ms = int(GRACE * 1000)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("stuck", [60.0, 1.0])
async def test_a_reader_is_there_while_its_process_is_busy_but_not_stuck(
    options: Callable[..., settings.Settings], stuck: float
) -> None:
    made = options(stuck)
    core, elsewhere = Core(made, "test"), Elsewhere(made)
    async with core.lifespan(cast(Any, None)):
        with elsewhere.running():
            await asyncio.to_thread(elsewhere.ticking.wait, PATIENCE)
            await core.store.jobs.create(new_job(grace=GRACE))
            key = new_job().key
            core.follow(cast(Reader, Present(key)), lambda: None)
            if stuck == 60.0:
                hold_loop(GRACE + 3 * LEASE)
                state = elsewhere.field(key, "state")
                assert state == "queued"
            else:
                hold_loop_until(lambda: elsewhere.field(key, "state") == "cancelled")
