"""The deployment's own ticket key: made once, whoever is first, and kept."""

import asyncio

from tests.store.conftest import Open


async def test_the_first_of_many_is_everyone_s(open_here: Open) -> None:
    stores = [open_here() for _ in range(4)]
    keys = await asyncio.gather(*(store.ticket_key.get() for store in stores * 3))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert await open_here().ticket_key.get() == keys[0]
    assert await stores[0].client.ttl(stores[0].keys.ticket_key) == -1
