"""The Rescuer's rounds, over leases that tick when the test says so."""

import asyncio
from typing import cast

import msgspec
import pytest

from broker.errors import StoreAway, StoreRefused
from broker.queue.rescuer import Rescuer
from broker.settings import Settings, Worker
from broker.store import Store
from broker.store.keys import Keys, Partition
from broker.store.leases import Tick


def tick(*rescued: str, queued: int = 0, running: int = 0, workers: int = 0) -> Tick:
    return Tick(
        held_off=False,
        rescued=list(rescued),
        timed_out=[],
        late=[],
        abandoned=[],
        mended=[],
        damaged=[],
        unsettled=[],
        queued=queued,
        queued_batch=0,
        running=running,
        workers=workers,
        used=0,
        allowed=0,
        totals={},
    )


class Leases:
    """Answers each tick of each partition with what the test puts there."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[int] = asyncio.Queue()
        self.answers: asyncio.Queue[Tick | Exception] = asyncio.Queue()

    async def rescue(self, partition: Partition, *, settles: bool = False) -> Tick:
        self.asked.put_nowait(partition.number)
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeStore:
    def __init__(self, partitions: int) -> None:
        self.leases = Leases()
        self.keys = Keys("test", partitions)
        self.settings = Settings(worker=Worker(rescue_tick=0.0))


async def rounds(partitions: int, *answers: Tick | Exception) -> Rescuer:
    """A rescuer that got these answers and asks for the next."""
    store = FakeStore(partitions)
    rescuer = Rescuer(cast(Store, store))
    task = asyncio.create_task(rescuer.run())
    for answer in answers:
        await store.leases.asked.get()
        store.leases.answers.put_nowait(answer)
    await store.leases.asked.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return rescuer


async def test_nothing_is_known_before_the_first_round() -> None:
    rescuer = await rounds(1)
    assert (rescuer.ticks, rescuer.seen, rescuer.workers, rescuer.queued) == ({}, 0.0, 0, 0)


async def test_partitions_are_summed_up_and_workers_are_not() -> None:
    rescuer = await rounds(
        2, tick("a", queued=2, running=1, workers=3), tick("b", "c", queued=5, workers=2)
    )
    assert (rescuer.queued, rescuer.running, rescuer.workers) == (7, 1, 3)
    assert rescuer.rescued == 3
    assert rescuer.seen > 0


async def test_the_latest_tick_counts() -> None:
    rescuer = await rounds(1, tick("a", queued=2), tick("b", queued=1))
    assert (rescuer.queued, rescuer.rescued) == (1, 2)


async def test_a_store_that_is_away_leaves_nothing_known() -> None:
    rescuer = await rounds(2, tick(queued=2), StoreAway())
    assert (rescuer.ticks, rescuer.queued) == ({}, 0)
    assert rescuer.seen == 0.0
    rescuer = await rounds(2, tick(queued=2), StoreAway(), tick(queued=1), tick(queued=1))
    assert rescuer.queued == 2


async def test_what_it_did_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    done = msgspec.structs.replace(
        tick("a"), timed_out=["b"], mended=["c"], late=["d"], abandoned=["e"], damaged=["f"]
    )
    await rounds(1, done)
    lines = [(record.msg, record.__dict__["fields"]["job_key"]) for record in caplog.records]
    assert lines == [
        ("job.rescued", "a"),
        ("job.queue_timeout", "b"),
        ("job.deadline_exceeded", "d"),
        ("job.abandoned", "e"),
        ("job.mended", "c"),
        ("job.damaged", "f"),
    ]


async def test_a_partition_that_is_refused_stops_no_other() -> None:
    rescuer = await rounds(3, tick(queued=2), StoreRefused("WRONGTYPE"), tick("a", queued=1))
    assert (rescuer.queued, rescuer.rescued, sorted(rescuer.ticks)) == (3, 1, [0, 2])
    assert rescuer.seen == 0.0, "not ready: a part of the jobs is not looked after"
