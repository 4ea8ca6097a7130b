"""A deployment of several partitions: a job's keys are all in its own, whatever happens to it."""

import pytest

from broker.model import JobState
from broker.store import Store
from broker.store.keys import Partition
from tests.store.conftest import Open
from tests.store.samples import append, arm, batch, expire, frames, names, new_job, raw


@pytest.fixture
def store(open_here: Open) -> Store:
    return open_here(partitions=4)


async def all_keys(store: Store) -> set[str]:
    found = await raw(store).keys(store.settings.store.deployment + ":*")
    return {key.decode() for key in found}


async def claim_all(store: Store, partition: Partition) -> list[str]:
    claims = await store.queue.claim(partition, "worker-1", 100)
    for claim in claims:
        await append(store, batch(claim, 1, b"data: a", definitions=((0, b"\x01x"),)))
    return [claim.job.key for claim in claims]


async def test_every_key_is_in_the_partition_of_its_job(store: Store) -> None:
    jobs = [new_job(f"r{n}") for n in range(24)]
    for new in jobs:
        await store.jobs.create(new)
    claimed = {p.number: await claim_all(store, p) for p in store.keys.partitions}
    assert all(claimed.values()), "24 jobs are spread over all four"
    for number, keys in claimed.items():
        assert keys == [new.key for new in jobs if store.keys.partition(new.key).number == number]
    prefixes = tuple(partition.prefix for partition in store.keys.partitions)
    for name in await all_keys(store):
        assert name.startswith(prefixes), name
        if name.rpartition(":")[2] in {new.key for new in jobs}:
            assert name in names(store, name.rpartition(":")[2]).values()


async def test_a_job_lives_and_ends_in_its_partition(store: Store) -> None:
    new = new_job()
    await store.jobs.create(new)
    partition = store.keys.partition(new.key)
    others = [other for other in store.keys.partitions if other is not partition]
    for other in others:
        assert await store.queue.claim(other, "worker-1", 10) == []
    (claim,) = await store.queue.claim(partition, "worker-1", 10)
    await arm(store, partition)
    await expire(store, new.key)
    assert [(await store.leases.rescue(other)).rescued for other in others] == [[], [], []]
    assert (await store.leases.rescue(partition)).rescued == [new.key]
    (claim,) = await store.queue.claim(partition, "worker-1", 10)
    await append(store, batch(claim, 1, final=JobState.FAILED))
    await store.jobs.retry(new.key)
    assert await store.jobs.cancel(new.key) is JobState.CANCELLED
    assert list(await frames(store, new.key)) == [2]
    await store.jobs.delete(new.key)
    left = {name for name in await all_keys(store) if name.endswith(new.key)}
    assert left == {partition.job(new.key)}


async def test_deployments_share_no_key(open_here: Open) -> None:
    mine = open_here()
    other = open_here(deployment=mine.settings.store.deployment + "0")
    await mine.jobs.create(new_job())
    assert (await other.jobs.create(new_job(body=b'{"model":"other"}'))).created
