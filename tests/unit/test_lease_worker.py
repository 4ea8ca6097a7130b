"""The arq subclass: what of arq it stands on, and claims, leases, control and drain."""

import asyncio
import inspect
import itertools
import signal
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytest
from arq import jobs as arq_jobs
from arq.cron import CronJob, cron
from arq.worker import Function, Worker, func

from broker.errors import StoreAway
from broker.frames import Frame, Kind
from broker.model import JobState, job_key
from broker.queue import GENERATE, Submission, deserialize, enqueue, serialize
from broker.store import Store
from tests.store.samples import HOLDER, raw, until
from tests.unit.stores import FakeWire, make_settings, open_fake
from workers import lease_worker
from workers.hold import Hold
from workers.lease_worker import LeaseWorker
from workers.writer import FramesLost

# ── What arq must stay like ──────────────────────────────────────────────────────────


def shape(function: Callable[..., Any]) -> dict[str, Any]:
    """The parameters by name, with the default of each that has one."""
    parameters = inspect.signature(function).parameters.values()
    return {each.name: None if each.default is each.empty else each.default for each in parameters}


def test_arq_is_the_release_that_was_read() -> None:
    assert version("arq") == "0.28.0"
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert "arq==0.28.0" in project["project"]["dependencies"]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (Worker.main, {"self": None}),
        (Worker.async_run, {"self": None}),
        (Worker.run_job, {"self": None, "job_id": None, "score": None}),
        (Worker.run_cron, {"self": None, "n": None, "delay": None, "num_windows": 2}),
        (Worker.close, {"self": None}),
        (Worker._wait_for_tasks_to_complete, {"self": None, "signum": None}),
        (Worker.handle_sig_wait_for_completion, {"self": None, "signum": None}),
        (CronJob.calculate_next, {"self": None, "prev_run": None}),
        (arq_jobs.deserialize_job_raw, {"r": None, "deserializer": None}),
        (
            arq_jobs.serialize_job,
            {
                "function_name": None,
                "args": None,
                "kwargs": None,
                "job_try": None,
                "enqueue_time_ms": None,
                "serializer": None,
            },
        ),
    ],
)
def test_what_is_used_of_arq_takes_what_it_took(
    function: Callable[..., Any], expected: dict[str, Any]
) -> None:
    assert shape(function) == expected


@pytest.mark.parametrize("name", ["main", "run_job", "run_cron", "close"])
def test_what_is_overridden_is_a_coroutine_and_stays_one(name: str) -> None:
    assert inspect.iscoroutinefunction(getattr(Worker, name))
    assert inspect.iscoroutinefunction(getattr(LeaseWorker, name))
    assert shape(getattr(LeaseWorker, name)) == shape(getattr(Worker, name))


def test_the_worker_s_options_are_arq_s() -> None:
    known = shape(Worker.__init__)
    used = {
        "functions": (),
        "max_jobs": 10,
        "job_completion_wait": 0,
        "job_timeout": 300,
        "job_serializer": None,
        "job_deserializer": None,
        "log_results": True,
        "handle_signals": True,
        "cron_jobs": None,
        "on_startup": None,
        "on_shutdown": None,
        "on_job_start": None,
        "on_job_end": None,
        "ctx": None,
    }
    assert {name: known[name] for name in used} == used


def test_a_packed_job_is_unpacked() -> None:
    packed = arq_jobs.serialize_job("f", ("k",), {}, None, 5, serializer=serialize)
    name, args, kwargs, *rest = arq_jobs.deserialize_job_raw(packed, deserializer=deserialize)
    assert (name, list(args), kwargs, rest) == ("f", ["k"], {}, [None, 5])


# ── The worker ───────────────────────────────────────────────────────────────────────


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

    def __init__(self, store: Store, options: dict[str, Any]) -> None:
        self.store = store
        self.work = Work()
        functions = [func(cast(Any, self.work.run), name=GENERATE)]
        options = {"handle_signals": False, **options}
        self.worker = LeaseWorker(functions, store=store, holder=HOLDER, **options)
        self.task: asyncio.Task[None]

    @property
    def control(self) -> FakeWire:
        return cast(FakeWire, self.worker._control)

    def start(self) -> None:
        self.task = asyncio.create_task(self.worker.async_run())

    async def submit(self, name: str, function: str = GENERATE) -> str:
        submission = Submission("acme", name, "chat", {"model": "m"}, b'{"model":"m"}')
        assert await enqueue(self.store, submission, function)
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
            bench.task.cancel()
            await asyncio.gather(bench.task, return_exceptions=True)
            await bench.worker.close()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with open_bench() as bench:
        yield bench


async def test_a_job_is_claimed_run_and_done(bench: Bench) -> None:
    key = await bench.submit("r1")
    hold = await bench.taken()
    assert (hold.key, await bench.state(key)) == (key, JobState.RUNNING)
    assert list(bench.worker.holds) == list(bench.worker.tasks) == [key]
    bench.work.let(key)
    await bench.ended(hold)
    assert await bench.state(key) is JobState.COMPLETED
    assert not bench.worker.holds
    assert not bench.worker.tasks
    assert (bench.worker.jobs_complete, bench.worker.jobs_failed) == (1, 0)


async def test_a_waiting_worker_is_woken(bench: Bench) -> None:
    for name in ("r1", "r2"):
        key = await bench.submit(name)
        hold = await bench.taken()
        bench.work.let(key)
        await bench.ended(hold)
    assert bench.worker.jobs_complete == 2


async def test_concurrency_is_never_exceeded() -> None:
    async with open_bench(worker={"concurrency": 2}) as bench:
        keys = [await bench.submit(f"r{n}") for n in range(7)]
        for key in keys:
            bench.work.let(key)
        for _ in keys:
            await bench.ended(await bench.taken())
        assert bench.work.most == 2
        assert bench.worker.jobs_complete == 7


async def test_every_partition_is_served_by_an_idle_worker() -> None:
    async with open_bench(store={"partitions": 4}) as bench:
        numbered: dict[int, str] = {}
        for n in itertools.count():
            key = job_key("acme", f"r{n}")
            numbered.setdefault(bench.store.keys.partition(key).number, f"r{n}")
            if len(numbered) == 4:
                break
        for number in sorted(numbered, reverse=True):
            key = await bench.submit(numbered[number])
            hold = await bench.taken()
            bench.work.let(key)
            await bench.ended(hold)
        assert bench.worker.jobs_complete == 4


async def test_concurrency_holds_over_all_partitions() -> None:
    async with open_bench(worker={"concurrency": 3}, store={"partitions": 3}) as bench:
        keys = [await bench.submit(f"r{n}") for n in range(12)]
        for key in keys:
            bench.work.let(key)
        for _ in keys:
            await bench.ended(await bench.taken())
        assert bench.work.most <= 3


async def test_a_store_that_was_away_is_polled_again(bench: Bench) -> None:
    claim, fails = bench.store.queue.claim, 2

    async def away(*args: Any) -> Any:
        nonlocal fails
        if fails:
            fails -= 1
            raise StoreAway()
        return await claim(*args)

    cast(Any, bench.store.queue).claim = away
    key = await bench.submit("r1")
    hold = await bench.taken()
    bench.work.let(key)
    await bench.ended(hold)
    assert bench.worker.jobs_complete == 1


async def test_a_lease_that_is_not_renewed_takes_the_job_away() -> None:
    async with open_bench(worker={"renew": 0.01}) as bench:
        key = await bench.submit("r1")
        hold = await bench.taken()
        kept = await bench.submit("r2")
        other = await bench.taken()
        await bench.store.jobs.cancel(key)
        async with asyncio.timeout(5):
            assert await bench.work.cancelled.get() == key
        await bench.ended(hold)
        assert list(bench.worker.holds) == [kept]
        assert bench.worker.jobs_retried == 1
        bench.work.let(kept)
        await bench.ended(other)
        assert await bench.state(kept) is JobState.COMPLETED


async def test_a_store_that_is_away_takes_no_job_away() -> None:
    async with open_bench(worker={"renew": 0.0}) as bench:
        away = asyncio.Event()

        async def renew(*args: Any) -> Any:
            away.set()
            await asyncio.sleep(0)
            raise StoreAway()

        cast(Any, bench.store.leases).renew = renew
        key = await bench.submit("r1")
        hold = await bench.taken()
        away.clear()
        await away.wait()
        bench.work.let(key)
        await bench.ended(hold)
        assert bench.worker.jobs_complete == 1


async def test_a_control_message_takes_the_job_away(bench: Bench) -> None:
    channel = bench.store.keys.control_prefix + HOLDER
    await bench.control.sent("SUBSCRIBE", channel)
    key = await bench.submit("r1")
    hold = await bench.taken()
    assert bench.control.push is not None
    bench.control.push(channel.encode(), b"another")
    bench.control.push(channel.encode(), key.encode())
    bench.control.push(channel.encode(), key.encode())
    await bench.ended(hold)
    assert await bench.work.cancelled.get() == key
    assert bench.work.cancelled.empty()
    assert bench.worker.holds == {}


async def test_a_lost_control_connection_is_made_again(bench: Bench) -> None:
    channel = bench.store.keys.control_prefix + HOLDER
    await bench.control.sent("SUBSCRIBE", channel)
    await asyncio.sleep(0)
    bench.control.away = True
    bench.control.lose()
    await asyncio.sleep(0)
    bench.control.away = False
    await bench.control.sent("SUBSCRIBE", channel, times=2)


async def test_a_job_rescued_from_ourselves_has_one_task(bench: Bench) -> None:
    key = await bench.submit("r1")
    old = await bench.taken()
    await bench.store.queue.release(
        bench.store.keys.partitions[0], HOLDER, [old.lease], leaving=False
    )
    new = await bench.taken()
    assert new is not old
    async with asyncio.timeout(5):
        assert await bench.work.cancelled.get() == key
    await bench.ended(old)
    assert bench.worker.holds == {key: new}
    assert bench.worker.tasks == {key: new.task}
    bench.work.let(key)
    await bench.ended(new)
    assert await bench.state(key) is JobState.COMPLETED


@pytest.mark.parametrize("damage", [False, True])
async def test_a_task_that_can_t_be_run_fails_its_job(damage: bool) -> None:
    async with open_bench(begin=False) as bench:
        key = await bench.submit("r1", GENERATE if damage else "unheard of")
        if damage:
            await raw(bench.store).hset(bench.store.keys.partitions[0].job(key), "task", b"\xc1")
        bench.start()

        async def failed() -> bool:
            return await bench.state(key) is JobState.FAILED

        await until(failed)
        job = await bench.store.jobs.get(key)
        assert (job.claims, job.last, job.attempts) == (1, 1, [])
        assert job.error is not None
        assert (job.error.type, job.error.status) == ("internal_error", 500)


async def test_a_crash_is_counted_and_left_to_the_rescuer(bench: Bench) -> None:
    bench.work.crash = FramesLost(3)
    key = await bench.submit("r1")
    hold = await bench.taken()
    bench.work.let(key)
    await bench.ended(hold)
    assert bench.worker.jobs_failed == 1
    assert bench.worker.holds == {}
    assert await bench.state(key) is JobState.RUNNING


async def test_the_hooks_around_a_job() -> None:
    heard: list[str] = []

    async def hook(ctx: dict[Any, Any]) -> None:
        heard.append(f"{ctx.get('job_id')} {ctx.get('job_try')}")

    hooks: dict[str, Any] = {
        "on_startup": hook,
        "on_job_start": hook,
        "on_job_end": hook,
        "on_shutdown": hook,
    }
    async with open_bench(**hooks) as bench:
        key = await bench.submit("r1")
        hold = await bench.taken()
        bench.work.let(key)
        await bench.ended(hold)
    assert heard == ["None None", f"{key} 1", f"{key} 1", "None None"]


# ── The drain ────────────────────────────────────────────────────────────────────────


async def test_a_drain_waits_for_what_ends_in_time(bench: Bench) -> None:
    key = await bench.submit("r1")
    (await bench.taken()).pen.delivered = True
    bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
    waiting = await bench.submit("r2")
    bench.work.let(key)
    await bench.stopped()
    assert await bench.state(key) is JobState.COMPLETED
    assert await bench.state(waiting) is JobState.QUEUED


async def test_a_drain_hands_over_at_once_what_delivered_nothing(bench: Bench) -> None:
    key = await bench.submit("r1")
    await bench.taken()
    begun = asyncio.get_running_loop().time()
    bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
    await bench.stopped()
    assert await bench.state(key) is JobState.QUEUED
    assert asyncio.get_running_loop().time() - begun < make_settings().worker.drain


async def test_a_drain_hands_the_rest_over() -> None:
    async with open_bench(worker={"drain": 0.0}) as bench:
        key = await bench.submit("r1")
        hold = await bench.taken()
        hold.pen.write([Frame(Kind.DIALECT, b"data: hi")])
        hold.pen.delivered = True
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await bench.stopped()
        assert await bench.work.cancelled.get() == key
        job = await bench.store.jobs.get(key)
        assert (job.state, job.losses, job.last) == (JobState.QUEUED, 0, 1)
        (claim,) = await bench.store.queue.claim(bench.store.keys.partitions[0], "other", 1)
        assert claim.token > hold.claim.token
        assert bench.worker.holds == {}


async def test_a_drain_hands_over_what_a_claim_under_way_brings() -> None:
    async with open_bench(worker={"drain": 0.0}) as bench:
        claim = bench.store.queue.claim
        begun, answer = asyncio.Event(), asyncio.Event()

        async def slow(*args: Any) -> Any:
            found = await claim(*args)
            if found:
                begun.set()
                await answer.wait()
            return found

        cast(Any, bench.store.queue).claim = slow
        key = await bench.submit("r1")
        await begun.wait()
        assert await bench.state(key) is JobState.RUNNING
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        asyncio.get_running_loop().call_soon(answer.set)
        await bench.stopped()
        assert await bench.state(key) is JobState.QUEUED


async def test_a_drain_ends_though_the_store_is_away() -> None:
    async with open_bench(worker={"drain": 0.0, "renew": 0.01}) as bench:
        key = await bench.submit("r1")
        await bench.taken()

        async def away(*args: Any, **options: Any) -> Any:
            raise StoreAway()

        cast(Any, bench.store.queue).release = away
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await bench.stopped()
        assert await bench.work.cancelled.get() == key
        assert await bench.state(key) is JobState.RUNNING  # until the rescuer sees it


async def test_a_drain_with_a_defect_still_stops_the_worker() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # never retrieved
    async with open_bench(worker={"drain": 0.0}) as bench:

        async def broken(*args: Any, **options: Any) -> Any:
            raise ZeroDivisionError

        cast(Any, bench.store.queue).release = broken
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        await bench.stopped()


async def test_a_second_signal_changes_nothing() -> None:
    async with open_bench(worker={"drain": 0.0}) as bench:
        key = await bench.submit("r1")
        await bench.taken()
        bench.worker.handle_sig_wait_for_completion(signal.SIGTERM)
        bench.worker.handle_sig_wait_for_completion(signal.SIGINT)
        await bench.stopped()
        assert await bench.state(key) is JobState.QUEUED


async def test_a_loop_that_dies_ends_the_worker_and_its_jobs() -> None:
    async with open_bench() as bench:
        key = await bench.submit("r1")
        await bench.taken()

        async def broken(*args: Any) -> Any:
            raise ZeroDivisionError

        cast(Any, bench.store.queue).claim = broken
        await bench.submit("r2")
        async with asyncio.timeout(5):
            await asyncio.wait([bench.task])
        assert bench.task.exception() is not None
        await bench.worker.close()
        assert await bench.work.cancelled.get() == key
        assert bench.worker.tasks == {}
        assert bench.control.closed


# ── Cron ─────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def open_cron(*crons: CronJob) -> AsyncIterator[Bench]:
    """A worker whose loops don't run: the test looks at the clock for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease_worker, "Wire", FakeWire)
        async with open_fake() as store:
            yield Bench(store, {"cron_jobs": list(crons)})


NOON = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


def ticking(heard: list[str], name: str = "tick", **options: Any) -> CronJob:
    async def tick(ctx: dict[Any, Any]) -> None:
        heard.append(name)
        if name == "broken":
            raise ZeroDivisionError

    return cron(cast(Any, tick), name=name, second=30, **options)


async def test_cron_runs_what_is_due_once() -> None:
    heard: list[str] = []
    async with open_cron(ticking(heard)) as bench:
        for seconds in (0, 29, 31, 31.5, 89, 91):
            await bench.worker.run_cron(NOON + timedelta(seconds=seconds), 0.5)
            heard.append(str(seconds))
    assert heard == ["0", "29", "tick", "31", "31.5", "89", "tick", "91"]


async def test_a_unique_cron_job_runs_in_one_worker() -> None:
    heard: list[str] = []
    unique, everywhere = ticking(heard), ticking(heard, "each", unique=False)
    again, everywhere_again = ticking(heard), ticking(heard, "each", unique=False)
    async with open_cron(unique, everywhere) as bench:
        other = Bench(bench.store, {"cron_jobs": [again, everywhere_again]})
        for seconds in (0, 31):
            for each in (bench, other):
                await each.worker.run_cron(NOON + timedelta(seconds=seconds), 0.5)
    assert sorted(heard) == ["each", "each", "tick"]


async def test_a_cron_job_waits_for_a_store_that_is_away() -> None:
    heard: list[str] = []
    async with open_cron(ticking(heard)) as bench:
        await bench.worker.run_cron(NOON, 0.5)
        mark = bench.worker._mark

        async def away(name: str, due: datetime) -> bool:
            raise StoreAway()

        cast(Any, bench.worker)._mark = away
        await bench.worker.run_cron(NOON + timedelta(seconds=31), 0.5)
        assert heard == []
        cast(Any, bench.worker)._mark = mark
        await bench.worker.run_cron(NOON + timedelta(seconds=32), 0.5)
        assert heard == ["tick"]


async def test_a_cron_job_s_defect_stops_no_other() -> None:
    heard: list[str] = []
    async with open_cron(ticking(heard, "broken"), ticking(heard)) as bench:
        for seconds in (0, 31):
            await bench.worker.run_cron(NOON + timedelta(seconds=seconds), 0.5)
    assert heard == ["broken", "tick"]


def test_functions_are_arq_s_own() -> None:
    async def nothing(ctx: dict[Any, Any]) -> None: ...

    made = func(cast(Any, nothing), name="n")
    assert isinstance(made, Function)
    assert (made.name, made.coroutine) == ("n", nothing)
