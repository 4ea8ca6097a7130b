"""Ids of responses: made and known by every process, computed by nobody else."""

import pytest

from broker.dialects.responses.minted import is_minted
from broker.errors import StoreAway
from broker.model import job_key
from broker.store import Store
from broker.store.response_ids import ResponseIds
from tests.store.conftest import Open
from tests.store.samples import raw

KEY = job_key("account", "request")


async def name_of(store: Store, key: str = KEY) -> str:
    return (await store.response_ids.ready()).of(key)


async def test_every_process_makes_the_same_and_knows_it(open_here: Open) -> None:
    one, two = open_here(), open_here()
    name = await name_of(one)
    assert is_minted(name)
    assert name.startswith(f"resp_{KEY}")
    assert await name_of(two) == name
    assert await two.response_ids.key_of(name) == KEY
    assert await name_of(one, job_key("account", "other")) != name


async def test_another_deployment_makes_others(open_here: Open) -> None:
    """Who knows the account and the request id knows nothing yet."""
    one, two = open_here(), open_here(deployment="another")
    assert await name_of(one) != await name_of(two)
    assert await two.response_ids.key_of(await name_of(one)) is None


@pytest.mark.parametrize("change", ["tag", "key", "old", "longer", "line", "theirs", ""])
async def test_what_was_not_made_here(store: Store, change: str) -> None:
    name = await name_of(store)
    other = "A" if name[-1] != "A" else "B"
    odd = {
        "tag": name[:-1] + other,
        "key": name.replace(KEY, job_key("account", "other")),
        "old": f"resp_{KEY}",
        "longer": name + "A",
        "line": name + "\n",
        "theirs": "resp_" + "0a" * 24,
    }
    assert await store.response_ids.key_of(odd.get(change, change)) is None


async def test_the_secret_is_looked_at_again(store: Store) -> None:
    """A store that lost its data has another; one that is away changes nothing."""
    now = 0.0
    ids = ResponseIds(store.ticket_key, lambda: now)
    before = (await ids.ready()).of(KEY)
    await raw(store).delete(store.keys.ticket_key)
    assert (await ids.ready()).of(KEY) == before
    now = 6.0
    assert (await ids.ready()).of(KEY) != before


async def test_without_the_store_it_goes_on_once_it_knows(store: Store) -> None:
    now = 0.0
    away = False

    class Shared:
        async def get(self) -> bytes:
            if away:
                raise StoreAway()
            return b"secret"

    ids = ResponseIds(Shared(), lambda: now)  # type: ignore[arg-type]
    away = True
    with pytest.raises(StoreAway):
        await ids.ready()
    away = False
    before = (await ids.ready()).of(KEY)
    away, now = True, 100.0
    assert (await ids.ready()).of(KEY) == before
