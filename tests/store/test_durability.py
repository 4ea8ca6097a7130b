"""What a store's configuration puts at risk, told by real servers of a test's own."""

from collections.abc import Callable

import pytest

from broker.settings import Secret, Settings
from broker.store import open_store
from rig.store_server import StoreServer
from tests.conftest import STORES


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), []),
        (("--maxmemory", "0"), ["maxmemory is 0"]),
        (("--appendonly", "no"), ["appendonly"]),
        (("--appendfsync", "no"), ["appendfsync"]),
        (("--maxmemory-policy", "volatile-lru"), ["maxmemory-policy"]),
        (("--appendonly", "no", "--maxmemory-policy", "allkeys-lru"), ["appendonly", "maxmemory"]),
    ],
)
async def test_dangers_are_told(
    make_store: Callable[..., StoreServer], kind: str, options: tuple[str, ...], said: list[str]
) -> None:
    server = make_store(kind, "--maxmemory", "1gb", *options)
    store = open_store(Settings(store_url=Secret(server.url)), "test")
    dangers = await store.warn()
    assert len(dangers) == len(said)
    assert all(danger.startswith(word) for danger, word in zip(dangers, said, strict=True))
    await store.close()


async def test_a_store_that_does_not_tell(make_store: Callable[..., StoreServer]) -> None:
    server = make_store("valkey", "--rename-command", "CONFIG", "")
    store = open_store(Settings(store_url=Secret(server.url)), "test")
    assert await store.warn() == []
    server.kill()
    assert await store.warn() == []
    await store.close()
