"""The number of partitions, kept in the store: data is not looked for where it is not."""

import asyncio

import pytest

from broker.errors import ConfigError
from tests.store.conftest import Open
from tests.store.samples import raw


async def test_the_first_writes_it_down_and_the_same_number_fits(open_here: Open) -> None:
    store = open_here(partitions=4)
    await store.layout.check()
    await store.layout.check()
    other = open_here(partitions=4)
    await other.layout.check()
    assert store.layout.known
    assert other.layout.known
    assert await raw(store).ttl(store.keys.layout) == -1


async def test_another_number_is_refused_with_both_and_the_way_out(open_here: Open) -> None:
    await open_here(partitions=4).layout.check()
    store = open_here(partitions=8)
    assert not store.layout.known
    with pytest.raises(ConfigError) as caught:
        await store.layout.check()
    assert "partitions is 8" in caught.value.message
    assert "back to 4" in caught.value.message
    assert not store.layout.known


async def test_of_several_at_once_one_wins(open_here: Open) -> None:
    stores = [open_here(partitions=n) for n in (1, 2, 3, 1, 2, 3)]
    answers = await asyncio.gather(
        *(store.layout.check() for store in stores), return_exceptions=True
    )
    assert sum(answer is None for answer in answers) == 2
    assert len({store.settings.store.partitions for store in stores if store.layout.known}) == 1


async def test_each_deployment_has_its_own(open_here: Open) -> None:
    await open_here(partitions=4).layout.check()
    other = open_here(partitions=8, deployment="another")
    await other.layout.check()
    assert other.layout.known
