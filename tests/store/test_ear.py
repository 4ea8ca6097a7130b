"""An ear: the wake and the claim in one answer, and what becomes of them when things go wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from broker.errors import StoreAway
from broker.model import JobState
from broker.settings import Secret, Settings
from broker.store import Store, open_store
from broker.store.ear import Ear, Heard
from broker.store.keys import Partition
from broker.store.wire import Wire
from rig.store_server import StoreServer
from tests.conftest import STORES
from tests.store.samples import BATCH, HOLDER, arm, expire, new_job, raw, rescue, until, waiting

LONG = 30.0  # seconds; no test waits for it


@pytest.fixture
async def ear(store: Store) -> AsyncIterator[Ear]:
    await store.leases.renew(store.keys.partitions[0], HOLDER, [])
    ear = store.queue.ear(store.keys.partitions[0], HOLDER)
    yield ear
    await ear.close()


def names(heard: Heard) -> list[str]:
    return [claim.job.request_id for claim in heard.claims]


async def heard(ear: Ear, most: int = 4, most_batch: int = 4) -> list[str]:
    async with asyncio.timeout(5):
        return names(await ear.next(LONG, most, most_batch))


async def listening(ear: Ear) -> "asyncio.Task[Heard]":
    """A wait that has been sent."""
    task = asyncio.create_task(ear.next(LONG, 4, 4))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_a_wake_brings_its_claim(store: Store, ear: Ear) -> None:
    task = await listening(ear)
    await store.jobs.create(new_job("r1"))
    async with asyncio.timeout(5):
        assert names(await task) == ["r1"]
    assert (await store.jobs.get(new_job("r1").key)).state is JobState.RUNNING
    assert await waiting(store) == (0, 0)


async def test_no_wake_is_lost_between_two_waits(store: Store, ear: Ear) -> None:
    for name in ("r1", "r2", "r3"):
        await store.jobs.create(new_job(name))
        assert await heard(ear) == [name]


async def test_a_wake_brings_what_is_there_up_to_the_promise(store: Store, ear: Ear) -> None:
    for n in range(6):
        await store.jobs.create(new_job(f"r{n}"))
    assert await heard(ear) == ["r0", "r1", "r2", "r3"]
    assert await waiting(store) == (2, 2), "tokens and jobs"
    assert await heard(ear) == ["r4", "r5"]


async def test_without_room_for_batch_jobs_they_wake_nobody(store: Store, ear: Ear) -> None:
    await store.jobs.create(new_job("batch", options=BATCH))
    assert names(await ear.next(0.05, 4, 0)) == []
    assert await heard(ear) == ["batch"]


async def test_the_end_of_the_time_takes_what_nobody_was_woken_for(store: Store, ear: Ear) -> None:
    await store.jobs.create(new_job("r1"))
    await raw(store).delete(store.keys.partitions[0].wake)  # by a worker that died of it
    assert names(await ear.next(0.05, 4, 4)) == ["r1"]
    assert names(await ear.next(0.05, 4, 4)) == []


async def test_a_recall_ends_the_wait(store: Store, ear: Ear) -> None:
    task = await listening(ear)
    await store.queue.recall(store.keys.partitions[0], HOLDER)
    async with asyncio.timeout(5):
        assert await task == ([], False)
    assert await waiting(store) == (0, 0)


async def test_a_recall_that_comes_early_ends_the_next_wait(store: Store, ear: Ear) -> None:
    partition = store.keys.partitions[0]
    await store.queue.recall(partition, "another")
    await store.queue.recall(partition, HOLDER)
    assert await heard(ear) == []
    left = await raw(store).ttl(partition.recall("another"))
    assert 0 < left <= 10, "one that nobody hears is forgotten"


async def test_a_worker_that_stands_still_is_passed_over(store: Store, ear: Ear) -> None:
    """It would keep the job until its lease had expired; the wake is the next one's."""
    partition = store.keys.partitions[0]
    await raw(store).zincrby(partition.prefix + "beats", -60_000, HOLDER)
    task = await listening(ear)
    await store.jobs.create(new_job("r1"))
    async with asyncio.timeout(5):
        assert await task == ([], True)
    assert await waiting(store) == (1, 1)
    other = store.queue.ear(partition, "worker-2")
    await store.leases.renew(partition, "worker-2", [])
    assert await heard(other) == ["r1"]
    await other.close()


async def test_nor_is_one_listened_to_whose_last_sign_is_forgotten(store: Store, ear: Ear) -> None:
    partition = store.keys.partitions[0]
    await raw(store).delete(partition.prefix + "beats")
    await store.jobs.create(new_job("r1"))
    assert await heard(ear) == []
    await store.leases.renew(partition, HOLDER, [])
    assert await heard(ear) == ["r1"]


class Alone:
    """A server of the test's own, and an ear at it."""

    def __init__(self, server: StoreServer) -> None:
        self.server = server
        self.store = open_store(Settings(store_url=Secret(server.url)), "test")
        self.partition: Partition = self.store.keys.partitions[0]
        self.ear = self.store.queue.ear(self.partition, HOLDER)

    @property
    def wire(self) -> Wire:
        return cast(Wire, self.ear._line)

    async def blocked(self) -> bool:
        return any(client["cmd"] == "blpop" for client in await raw(self.store).client_list())

    async def live(self) -> None:
        """The ear's worker lives, as it says every now and then."""
        await self.store.leases.renew(self.partition, HOLDER, [])

    async def wait(self) -> "asyncio.Task[Heard]":
        """A wait that has reached the server."""
        await self.live()
        task = asyncio.create_task(self.ear.next(LONG, 4, 4))
        await until(self.blocked)
        return task


@pytest.fixture(params=STORES)
async def alone(
    request: pytest.FixtureRequest, make_store: Callable[..., StoreServer]
) -> AsyncIterator[Alone]:
    alone = Alone(make_store(request.param))
    yield alone
    await alone.ear.close()
    await alone.store.close()


async def test_a_server_that_forgot_the_script_is_taught_it_again(alone: Alone) -> None:
    task = await alone.wait()
    await raw(alone.store).script_flush()
    await alone.store.jobs.create(new_job("r1"))
    async with asyncio.timeout(5):
        assert names(await task) == ["r1"]


async def test_a_server_that_was_killed_is_listened_to_again(alone: Alone) -> None:
    task = await alone.wait()
    alone.server.kill()
    with pytest.raises(StoreAway):
        await task
    with pytest.raises(StoreAway):
        await alone.ear.next(LONG, 4, 4)
    alone.server.start()
    await alone.live()
    await alone.store.jobs.create(new_job("r1"))
    assert await heard(alone.ear) == ["r1"]


async def test_a_connection_cut_while_it_waits_takes_no_job_with_it(alone: Alone) -> None:
    task = await alone.wait()
    alone.wire.drop()
    with pytest.raises(StoreAway):
        await task

    async def gone() -> bool:
        return not await alone.blocked()

    await until(gone)
    await alone.store.jobs.create(new_job("r1"))
    assert await waiting(alone.store) == (1, 1)
    assert await heard(alone.ear) == ["r1"]


async def test_a_claim_lost_with_its_connection_is_rescued(alone: Alone) -> None:
    store, key = alone.store, new_job("r1").key
    assert await store.queue.claim(alone.partition, HOLDER, 1) == []  # the server knows the script
    task = await alone.wait()
    protocol = alone.wire._protocol
    assert protocol is not None
    assert protocol.transport is not None
    protocol.transport.pause_reading()  # the answer is on its way, and does not arrive
    await store.jobs.create(new_job("r1"))

    async def claimed() -> bool:
        return (await store.jobs.get(key)).state is JobState.RUNNING

    await until(claimed)
    alone.wire.drop()
    with pytest.raises(StoreAway):
        await task
    await arm(store)
    await expire(store, key)
    assert (await rescue(store)).rescued == [key]
    assert await heard(alone.ear) == ["r1"]
