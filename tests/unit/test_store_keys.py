"""Names in the store."""

import re
from collections import Counter

import pytest

from broker.model import job_key
from broker.store.keys import Keys

JOBS = [job_key("acme", f"r{n}") for n in range(400)]


@pytest.mark.parametrize("partitions", [1, 4])
def test_every_key_of_a_job_has_the_tag_of_its_partition(partitions: int) -> None:
    keys = Keys("dep", partitions)
    for job in JOBS[:20]:
        partition = keys.partition(job)
        names = (partition.job(job), partition.stream(job), partition.templates(job))
        assert {re.findall(r"\{(.+?)\}", name)[0] for name in names} == {f"p{partition.number}"}
        assert len(set(names)) == 3
        assert all(name.startswith(partition.prefix) and name.endswith(job) for name in names)


def test_the_names_of_a_partition() -> None:
    (partition,) = Keys("dep", 1).partitions
    assert partition.prefix == "dep:{p0}:"
    assert partition.wake == "dep:{p0}:wake"
    assert partition.account("acme") == "dep:{p0}:account:acme"


def test_a_job_stays_in_its_partition() -> None:
    one, two = Keys("dep", 4), Keys("dep", 4)
    assert [one.partition(job) for job in JOBS] == [two.partition(job) for job in JOBS]


def test_jobs_spread_over_the_partitions() -> None:
    counts = Counter(Keys("dep", 4).partition(job).number for job in JOBS)
    assert sorted(counts) == [0, 1, 2, 3]
    assert min(counts.values()) > 60


def test_channels_begin_with_the_deployment_and_differ() -> None:
    keys = Keys("dep", 1)
    assert keys.channel("k") == keys.channel_prefix + "k"
    assert keys.channel_prefix != keys.control_prefix
    assert all(name.startswith("dep:") for name in (keys.channel_prefix, keys.control_prefix))
