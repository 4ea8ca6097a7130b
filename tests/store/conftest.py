"""The same tests over every store: fakeredis in the process, the embedded Valkey, a Redis 7.

Each test has a deployment of its own, so that they can share servers.
"""

import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import fakeredis
import pytest

from broker import settings
from broker.store import Store, open_store
from broker.store.connection import ClientExecutor
from tests.conftest import STORES

_NUMBERS = itertools.count(1)

Open = Callable[..., Store]
_BREAKER = settings.Breaker()


@pytest.fixture(params=("fake", *STORES))
def address(request: pytest.FixtureRequest) -> str | None:
    """The address of each store in turn; None for fakeredis."""
    fixture = {"valkey": "valkey_url", "redis7": "redis_url"}.get(request.param)
    return request.getfixturevalue(fixture) if fixture else None


def make_settings(
    url: str | None,
    *,
    deployment: str,
    lease: float = 30.0,
    rescue_tick: float = 20.0,
    queue_timeout: float = 600.0,
    breaker: settings.Breaker = _BREAKER,
    routes: dict[str, settings.Route] | None = None,
    **store: Any,
) -> settings.Settings:
    """Settings under which no lease ends and no tick goes missing while a test runs."""
    return settings.Settings(
        store_url=settings.Secret(url or ""),
        store=settings.Store(deployment=deployment, **store),
        worker=settings.Worker(lease=lease, rescue_tick=rescue_tick, queue_timeout=queue_timeout),
        breaker=breaker,
        routes=routes or {},
    )


def open_at(url: str | None, server: fakeredis.FakeServer, options: settings.Settings) -> Store:
    """The store at an address, or in the fake server."""
    if url is not None:
        return open_store(options, "test")
    client = fakeredis.FakeAsyncRedis(server=server)
    return Store(options, ClientExecutor(client), client, client, shebang=False)


@pytest.fixture
async def open_here(address: str | None) -> AsyncIterator[Open]:
    """Opens the test's deployment, as often as it likes, each time over new connections.

    Takes what ``make_settings`` takes, the fields of the ``[store]`` table among it.
    """
    deployment = f"test{next(_NUMBERS)}"
    server = fakeredis.FakeServer()
    opened: list[Store] = []

    def open_one(**options: Any) -> Store:
        options.setdefault("deployment", deployment)
        store = open_at(address, server, make_settings(address, **options))
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
def store(open_here: Open) -> Store:
    """A store with a deployment of the test's own."""
    return open_here()
