"""The LeaseWorker's leases: renewed, taken away, and terminals that the store lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from broker.errors import ConfigError, StoreAway
from broker.frames import Frame, Kind
from broker.model import JobState
from broker.store import Store
from broker.store.keys import Partition
from broker.store.queue import Released
from broker.store.scripts import ReplyError
from tests.store.crashing import Crashing
from tests.store.samples import HOLDER, frames, raw
from tests.unit.worker_bench import Bench, open_bench


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with open_bench() as bench:
        yield bench


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
        bench.store.keys.partitions[0], HOLDER, [Released(*old.lease)], leaving=False
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


# ── A store that lost a terminal ─────────────────────────────────────────────────────


class Renewals:
    """The rounds of a worker's renewer, one when the test says so.

    The leases of the next round are drawn up when the one before it is over.
    """

    def __init__(self, bench: Bench) -> None:
        self.leases: list[tuple[str, int]] = []  # of the round that waits
        self._renew = bench.store.leases.renew
        self._waits = asyncio.Event()
        self._go = asyncio.Semaphore(0)
        cast(Any, bench.store.leases).renew = self._held

    async def round(self) -> None:
        """One renewal, and what the worker makes of its answer."""
        async with asyncio.timeout(5):
            await self._waits.wait()
            self._waits.clear()
            self._go.release()
            await self._waits.wait()

    async def _held(
        self, partition: Partition, holder: str, leases: list[tuple[str, int]]
    ) -> list[bool]:
        self.leases = leases
        self._waits.set()
        await self._go.acquire()
        return await self._renew(partition, holder, leases)


@asynccontextmanager
async def open_renewed(keep: float = 60.0) -> AsyncIterator[tuple[Bench, Renewals]]:
    """``keep`` is for how many seconds an acknowledged terminal is watched over."""
    async with open_bench(worker={"renew": 0.0, "keep_acknowledged": keep}) as bench:
        yield bench, Renewals(bench)


async def snapshot(store: Store) -> dict[bytes, bytes]:
    """All that is in the store."""
    return {key: await raw(store).dump(key) for key in await raw(store).keys()}


async def go_back(store: Store, then: dict[bytes, bytes]) -> None:
    """The store's host crashed: what was written since the snapshot is lost."""
    async with raw(store).pipeline(transaction=True) as pipe:
        pipe.flushdb()
        for key, value in then.items():
            pipe.restore(key, 0, value)
        await pipe.execute()


def appends(bench: Bench) -> int:
    return bench.worker.writers[0].appends


@pytest.mark.parametrize("stored", [0, 1, 2])
async def test_a_terminal_that_the_store_lost_is_appended_again_within_a_renewal(
    stored: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Of two frames and the terminal, each a batch of its own, the store keeps ``stored``."""
    async with open_renewed() as (bench, renewals):
        key = await bench.submit("r1")
        hold = await bench.taken()
        then = await snapshot(bench.store)
        for number in (1, 2):
            hold.pen.write([Frame(Kind.DIALECT, b"data: %d" % number)], [("delivered", b"1")])
            await hold.pen.settled()
            if number == stored:
                then = await snapshot(bench.store)
        bench.work.let(key)
        await bench.ended(hold)
        told, job = await frames(bench.store, key), await bench.store.jobs.get(key)
        assert (len(told), job.state) == (3, JobState.COMPLETED)
        await renewals.round()  # begun before the end
        assert renewals.leases == [hold.lease]

        await go_back(bench.store, then)
        assert await bench.state(key) is JobState.RUNNING
        assert len(await frames(bench.store, key)) == stored
        await renewals.round()
        await hold.pen.settled()
        assert await frames(bench.store, key) == told
        again = await bench.store.jobs.get(key)
        assert msgspec.structs.replace(again, ended_ms=job.ended_ms) == job
        assert await raw(bench.store).zcard(bench.store.keys.partitions[0].prefix + "leases") == 0
        assert [r.msg for r in caplog.records].count("job.terminal_lost") == 1

        count = appends(bench)
        await renewals.round()
        await hold.pen.settled()
        assert appends(bench) == count


async def test_nothing_is_sent_again_after_a_terminal_that_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_renewed() as (bench, renewals):
        key = await bench.submit("r1")
        hold = await bench.taken()
        await renewals.round()
        await renewals.round()
        assert renewals.leases == [hold.lease]
        bench.work.let(key)
        await bench.ended(hold)
        for _ in range(3):
            await renewals.round()
            assert renewals.leases == [hold.lease]
            assert not hold.pen.dirty
            await hold.pen.settled()
        assert appends(bench) == 1
        assert "job.terminal_lost" not in [record.msg for record in caplog.records]


async def test_a_terminal_is_watched_over_for_so_long_only() -> None:
    async with open_renewed(keep=0.0) as (bench, renewals):
        key = await bench.submit("r1")
        hold = await bench.taken()
        bench.work.let(key)
        await bench.ended(hold)
        await renewals.round()
        assert renewals.leases == []


async def test_what_was_taken_away_is_not_watched_over() -> None:
    async with open_renewed() as (bench, renewals):
        key = await bench.submit("r1")
        hold = await bench.taken()
        await renewals.round()
        assert renewals.leases == [hold.lease]
        await bench.store.jobs.cancel(key)
        await renewals.round()
        await bench.ended(hold)
        await renewals.round()
        assert renewals.leases == []
        assert not hold.over


async def test_a_terminal_that_met_another_token_is_not_watched_over() -> None:
    async with open_renewed() as (bench, renewals):
        key = await bench.submit("r1")
        hold = await bench.taken()
        await bench.store.jobs.cancel(key)
        bench.work.let(key)
        await bench.ended(hold)
        assert (hold.finished, hold.over) == (True, False)
        await renewals.round()
        assert renewals.leases == []


async def test_a_lease_that_an_append_has_renewed_is_left_to_it(bench: Bench) -> None:
    key = await bench.submit("r1")
    hold = await bench.taken()
    asked: asyncio.Queue[list[tuple[str, int]]] = asyncio.Queue()
    renew = bench.store.leases.renew

    async def noted(partition: Partition, holder: str, leases: Any) -> Any:
        asked.put_nowait(leases)
        return await renew(partition, holder, leases)

    cast(Any, bench.store.leases).renew = noted
    async with asyncio.timeout(5):
        assert hold.lease in await asked.get()  # it has appended nothing yet
        before = asyncio.get_running_loop().time()
        hold.pen.write([Frame(Kind.DIALECT, b"data: x")])
        await hold.pen.settled()
        assert hold.pen.renewed >= before
        hold.pen.renewed = before + 3600
        while hold.lease in await asked.get():
            pass  # of a renewal that was under way
        hold.pen.renewed = before - 3600
        while hold.lease not in await asked.get():
            pass
    bench.work.let(key)
    await bench.ended(hold)


async def test_a_restarted_store_is_sent_what_silent_streams_hold_and_lost_claims(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody would append to learn of the loss; of one job the claim is lost, of one the job."""
    async with open_renewed() as (bench, renewals):
        server = Crashing(bench.store)
        await renewals.round()
        holds, then = [], {}
        for name in ("r1", "r2", "r3"):
            key = await bench.submit(name)
            if name == "r2":
                then = await server.snapshot()  # r1 has its claim alone, and r3 is not there
            holds.append(await bench.taken())
        for hold in holds:
            hold.pen.write([Frame(Kind.DIALECT, b"data: 1")], [("delivered", b"1")])
            await hold.pen.settled()
        told = [await frames(bench.store, hold.key) for hold in holds]
        await server.go_back(then)
        for _ in range(2):  # the first was begun before
            await renewals.round()
        for hold, was in zip(holds, told, strict=True):
            await hold.pen.settled()
            assert await frames(bench.store, hold.key) == was
            assert (await bench.store.jobs.get(hold.key)).state is JobState.RUNNING
            bench.work.let(hold.key)
            await bench.ended(hold)
            assert await bench.state(hold.key) is JobState.COMPLETED
        assert bench.worker.jobs_retried == 0
        assert key == holds[-1].key


async def test_of_a_job_that_is_another_s_nothing_is_claimed_again() -> None:
    async with open_renewed() as (bench, renewals):
        server = Crashing(bench.store)
        await renewals.round()
        key = await bench.submit("r1")
        hold = await bench.taken()
        await bench.store.jobs.cancel(key)
        await server.go_back(await server.snapshot())
        for _ in range(2):  # the first was begun before
            await renewals.round()
        await bench.ended(hold)
        assert await bench.state(key) is JobState.CANCELLED
        assert bench.worker.jobs_retried == 1


async def test_a_server_that_refuses_the_control_channel_is_asked_again(bench: Bench) -> None:
    channel = bench.store.keys.control_prefix + HOLDER
    await bench.control.sent("SUBSCRIBE", channel)
    bench.control.refusal = ReplyError("NOPERM and why")
    bench.control.lose()
    await bench.control.sent("SUBSCRIBE", channel, times=3)
    bench.control.refusal = None
    await bench.control.sent("SUBSCRIBE", channel, times=4)
    assert not bench.task.done()


async def test_no_job_is_taken_before_the_layout_is_known() -> None:
    async with open_bench(begin=False) as bench:
        await bench.store.client.set(bench.store.keys.layout, 3)
        key = await bench.submit("r1")
        bench.start()
        with pytest.raises(ConfigError):
            await bench.task
        assert await bench.state(key) is JobState.QUEUED
