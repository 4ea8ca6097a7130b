"""All that touches Redis or Valkey: in modules named for what they store.

``Store`` bundles them over one deployment's connections. Scripts run over a ``Wire``; reads
and listings over redis-py.
"""

import secrets
from collections.abc import Callable, Sequence

from redis import Redis as PlainRedis
from redis.asyncio import Redis

from broker.settings import Settings
from broker.store import durability
from broker.store.breakers import Breakers
from broker.store.connection import ClientLine, make_client, store_errors
from broker.store.ear import Line
from broker.store.failover import Connections
from broker.store.items import Items
from broker.store.jobs import Jobs
from broker.store.joins import Joins
from broker.store.keys import Keys
from broker.store.layout import Layout
from broker.store.leases import Leases
from broker.store.listing import Listing
from broker.store.model_lists import ModelLists
from broker.store.queue import Queue
from broker.store.response_ids import ResponseIds
from broker.store.scripts import Executor, Scripts
from broker.store.stand_in import Client, Order, StandIn
from broker.store.streams import Streams
from broker.store.ticket_key import TicketKey
from broker.store.wire import Wire
from broker.turns import Turns


class Store:
    """One process's view of the store."""

    def __init__(
        self,
        settings: Settings,
        executor: Executor,
        client: Redis,
        blocking: Redis,
        *,
        line: Callable[[], Line] | None = None,
        plain: Callable[[], Client] | None = None,
        connections: Connections | None = None,
        shebang: bool = True,
    ) -> None:
        self.settings = settings
        self.connections = connections or Connections()
        self.keys = Keys(settings.store.deployment, settings.store.partitions)
        self.client = client
        self._blocking = blocking
        self._plain = plain
        self._executor = executor
        scripts = Scripts(executor, shebang=shebang)
        self.jobs = Jobs(scripts, client, self.keys, settings)
        self.joins = Joins(scripts, self.keys, settings)
        self.listing = Listing(client, self.keys)
        lines = line or (lambda: ClientLine(blocking))
        self.queue = Queue(scripts, blocking, self.keys, settings, lines)
        self.leases = Leases(scripts, self.keys, settings)
        self.streams = Streams(scripts, client, self.keys, settings)
        self.model_lists = ModelLists(client, self.keys)
        self.breakers = Breakers(scripts, client, self.keys, settings)
        self.ticket_key = TicketKey(scripts, self.keys)
        self.response_ids = ResponseIds(self.ticket_key)
        self.items = Items(client, self.keys, settings)
        self.layout = Layout(scripts, self.keys)
        self._scripts = scripts

    def stand_in(
        self,
        name: str,
        turns: Turns,
        orders: Callable[[], Sequence[Order]],
        *,
        every: float,
        stuck: float,
    ) -> StandIn:
        """A thread that says to the store what the loop is too busy to say: see ``StandIn``."""
        return StandIn(
            name,
            self._plain,
            turns,
            orders,
            every=every,
            stuck=stuck,
            epoch=lambda: self.connections.epoch,
        )

    async def warn(self) -> list[str]:
        """Say loudly what the store's configuration puts at risk."""
        return await durability.warn(self.client)

    async def mark(self, name: str, seconds: float) -> bool:
        """Whether we are the first to set a mark of that name, which stands for so many seconds.

        Raises:
            StoreAway.
        """
        key = self.keys.partitions[0].prefix + name
        ours = secrets.token_bytes(8)
        first: bytes = await self._scripts.run("first", key, ours, int(seconds * 1000))
        return first == ours

    async def server(self) -> str:
        """Which server runs the scripts; another one after each start. See ``Wire.server``.

        Raises:
            StoreAway.
        """
        return await self._executor.server()

    async def ping(self) -> None:
        """Return if the store answers.

        Raises:
            StoreAway: it does not.
        """
        with store_errors():
            await self.client.ping()

    async def close(self) -> None:
        """Close every connection."""
        if isinstance(self._executor, Wire):
            await self._executor.close()
        await self.client.aclose()
        if self._blocking is not self.client:
            await self._blocking.aclose()


def open_store(settings: Settings, name: str) -> Store:
    """The store at the settings' address; connections are made when they are needed.

    ``name`` is shown in the server's list of clients.
    """
    url, timeout = settings.store_url.reveal(), settings.store.timeout
    connections = Connections(url, name=name, timeout=timeout)

    def plain() -> Client:
        # An answer that takes longer than half a lease comes too late to keep one.
        wait = min(timeout, settings.worker.lease / 2)
        client: PlainRedis = PlainRedis.from_url(
            url,
            client_name=f"{name}-stand-in",
            socket_timeout=wait,
            socket_connect_timeout=wait,
            health_check_interval=0,
        )
        return client

    return Store(
        settings,
        Wire(url, name=name, timeout=timeout, home=connections),
        make_client(url, connections, name=name, timeout=timeout),
        make_client(url, connections, name=f"{name}-wait", timeout=2 * BLOCK),
        line=lambda: Wire(url, name=f"{name}-ear", timeout=2 * BLOCK, home=connections),
        plain=plain,
        connections=connections,
    )


BLOCK = 5.0  # seconds that a worker waits for a wake token at a time
