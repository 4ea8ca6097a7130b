"""The keeper of the catalog ends when it is told to, whatever happens at that moment."""

import asyncio
from typing import Any, cast

from broker.api.model_lists import ModelListKeeper
from broker.errors import StoreAway
from broker.settings import Provider, Settings
from broker.store import Store

PROVIDERS = {
    name: Provider(base_url="http://127.0.0.1:9/v1") for name in ("first", "second", "third")
}


class Lists:
    async def version(self) -> int:
        return 0


class Marking:
    """A store that is away for one provider, and never answers for the others."""

    model_lists = Lists()

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.fails: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def mark(self, name: str, seconds: float) -> bool:
        if name.endswith("first"):
            self.asked.set()
            await self.fails
        await asyncio.Event().wait()
        return False


async def test_it_ends_though_the_store_goes_away_in_the_same_turn() -> None:
    store = Marking()
    settings = Settings(providers=PROVIDERS)
    keeper = ModelListKeeper(settings, cast(Store, store), cast(Any, None))
    running = asyncio.create_task(keeper.run())
    await store.asked.wait()
    store.fails.set_exception(StoreAway())
    await asyncio.sleep(0)  # the first one has failed, and nobody has heard of it yet
    running.cancel()
    await asyncio.wait([running], timeout=0.5)
    assert running.cancelled()
