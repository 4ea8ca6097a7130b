"""redis-py's errors in our terms."""

import asyncio
from collections.abc import Callable

import pytest
from redis import exceptions

from broker.errors import StoreAway, StoreFull, StoreRefused, StreamholdError
from broker.settings import Secret, Settings
from broker.settings import Store as StoreSettings
from broker.store import Store, open_store
from broker.store.connection import as_sent, store_errors
from broker.store.scripts import translate
from rig.store_server import StoreServer
from tests.conftest import STORES
from tests.store.samples import names, new_job, raw, until


@pytest.mark.parametrize(
    ("raised", "ours"),
    [
        (exceptions.ConnectionError("refused"), StoreAway),
        (exceptions.TimeoutError("slow"), StoreAway),
        (exceptions.BusyLoadingError("loading the dataset"), StoreAway),
        (exceptions.AuthenticationError("wrong"), StoreAway),
        (exceptions.ReadOnlyError("You can't write against a read only replica."), StoreAway),
        (exceptions.NoScriptError("No matching script."), StoreAway),
        (OSError("no route"), StoreAway),
        (exceptions.OutOfMemoryError("command not allowed"), StoreFull),
        (exceptions.ResponseError("UNBLOCKED force unblock"), StoreAway),
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), StoreRefused),
    ],
)
def test_what_redis_py_raises(raised: Exception, ours: type[StreamholdError]) -> None:
    with pytest.raises(ours), store_errors():
        raise raised


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), store_errors():
        raise KeyError("x")


def test_code_words_are_put_back() -> None:
    assert str(as_sent(exceptions.NoScriptError("No matching script."))).startswith("NOSCRIPT ")
    assert str(as_sent(exceptions.ResponseError("ERR wrong"))) == "ERR wrong"
    assert isinstance(translate(as_sent(exceptions.OutOfMemoryError("refused"))), StoreFull)


async def test_a_store_that_answers(store: Store) -> None:
    await store.ping()


async def test_a_key_of_another_type_is_refused(store: Store) -> None:
    await store.jobs.create(new_job())
    await raw(store).set(names(store, new_job().key)["stream"], "text")
    with pytest.raises(StoreRefused):
        await store.streams.read(new_job().key, 0, 10)


@pytest.mark.parametrize("kind", STORES)
async def test_every_call_says_away_while_the_server_is_down(
    make_store: Callable[..., StoreServer], kind: str
) -> None:
    server = make_store(kind)
    store = open_store(
        Settings(store_url=Secret(server.url), store=StoreSettings(timeout=1.0)), "test"
    )
    partition = store.keys.partitions[0]
    new = new_job()
    assert (await store.jobs.create(new)).created
    asleep = asyncio.create_task(store.queue.wait(store.keys.partitions[0], 4))
    await asleep  # its token was there
    asleep = asyncio.create_task(store.queue.wait(partition, 4))

    async def blocked() -> bool:
        clients = await raw(store).client_list()
        return any(client["cmd"] == "blpop" for client in clients)

    await until(blocked)
    server.kill()
    calls = (
        asleep,
        store.ping(),
        store.jobs.create(new),
        store.jobs.get(new.key),
        store.jobs.cancel(new.key),
        store.streams.read(new.key, 0, 1),
        store.queue.wait(partition, 1),
        store.queue.claim(partition, "worker-1", 1),
        store.leases.rescue(partition),
    )
    for call in calls:
        with pytest.raises(StoreAway):
            await call
    server.start()
    await store.ping()
    assert not (await store.jobs.create(new)).created, "what was acknowledged is there"

    async def claimed() -> bool:
        return len(await store.queue.claim(partition, "worker-1", 1)) == 1

    await until(claimed)  # for a lease its holder may come back, should the claim have been lost
    await store.close()
