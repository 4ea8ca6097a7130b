"""What every request of an API process shares."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import cast

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request

from broker import log
from broker.api.body import BodyLimits
from broker.api.booth import Booth
from broker.api.conversations import Conversations
from broker.api.joining import Joining
from broker.api.metrics import Metrics
from broker.api.model_lists import ModelListKeeper
from broker.api.passing import Passing
from broker.api.retrying import Retrying
from broker.api.rounds import Rounds
from broker.api.takers import Takers
from broker.ending import end
from broker.errors import Draining, StoreAway
from broker.model import check_request_id
from broker.offload import Offload
from broker.queue.rescuer import Rescuer
from broker.settings import Settings
from broker.store import Store, open_store
from broker.store.keys import Partition
from broker.store.new_job import Limits
from broker.store.stand_in import Order
from broker.tail import Reader, Tail
from broker.turns import Turns

Cut = Callable[[], None]

_ATTEND = 0.5  # seconds between two reports of our readers
_LEEWAY = 2 * _ATTEND  # seconds that one may come late, before their jobs' grace runs
_BEGUN = 0.25  # seconds that a flow is the server's: most short answers are over by then


class Core:
    """The store, the tail and the state of this process.

    ``draining`` is set when the process is asked to stop: it takes no new calls then. ``failed``
    says that it stops because of a defect, or a configuration that doesn't fit the store.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings = settings
        self.store: Store = open_store(settings, name)
        self.tail = Tail(self.store, f"{name}-tail")
        self.rescuer = Rescuer(self.store)
        self.metrics = Metrics(self)
        self.booth = Booth(settings, self.store.ticket_key)
        self.offload = Offload(settings, lambda: self.store.connections.epoch)
        self.retrying = Retrying(settings.server)
        self.model_lists = ModelListKeeper(settings, self.store, lambda: self.http)
        self.passing = Passing(settings.server.passed_calls, settings.server.passed_timeout)
        self.conversations = Conversations()
        self.draining = asyncio.Event()
        self.failed = False
        self.followed: dict[Reader, Cut] = {}  # what a drain waits for, and its end
        self.quiet = settings.server.ping / 2  # seconds without an event until a ping
        self.begun = Rounds(min(self.quiet, _BEGUN))  # flows that are to take their connections
        self.open = Rounds(self.quiet)  # and all others
        self.takers = Takers(settings.server.send_timeout, self.metrics.cut)
        self._none_followed = asyncio.Event()
        self._http: aiohttp.ClientSession | None = None
        self._watched: dict[Reader, int] = {}  # with the grace (ms) of their jobs
        # What a client has not taken by then, it is cut for.
        patience = settings.server.send_timeout + settings.server.ping
        self.joining = Joining(self.store.joins, self.tail, name, patience)
        self.turns = Turns()
        self._stand_in = self.store.stand_in(
            "api", self.turns, self._attendance, every=_ATTEND, stuck=settings.server.stuck
        )

    @property
    def has_memory(self) -> bool:
        """Whether the store has memory for new jobs, beside what the running ones may take."""
        return self.rescuer.free_memory > self.settings.store.headroom

    def limits_of(self, account: str) -> Limits:
        """What an account may have at once. Without accounts one caller is all there are."""
        settings, known = self.settings, self.settings.accounts.get(account)
        if known is None:
            return Limits()
        store, most = settings.store, settings.store.account_bytes
        if allowed := self.rescuer.allowed_memory:
            most = min(most, int(store.account_share * (1 - store.headroom) * allowed))
        return Limits(open=known.concurrency, share=store.account_share, bytes=most)

    @property
    def http(self) -> aiohttp.ClientSession:
        """For what is passed through to a provider; made at the first use, on a running loop."""
        if self._http is None:
            jar = aiohttp.DummyCookieJar()
            connector = aiohttp.TCPConnector(limit=0)  # ``passing`` limits each account
            self._http = aiohttp.ClientSession(connector=connector, cookie_jar=jar, trust_env=False)
        return self._http

    def admit(self) -> None:
        """Return if this process takes new calls.

        Raises:
            Draining: it doesn't any more. StoreAway: it doesn't know yet where jobs are kept.
        """
        if self.draining.is_set():
            raise Draining()
        if not self.store.layout.known:
            raise StoreAway()

    def follow(self, reader: Reader, cut: Cut) -> None:
        """A drain waits for this reader from now on, and makes the ``cut`` if it still reads."""
        self.followed[reader] = cut
        if reader.grace_ms is not None:
            self._watched[reader] = reader.grace_ms

    def unfollow(self, reader: Reader) -> None:
        """Close a reader that was followed."""
        del self.followed[reader]
        self._watched.pop(reader, None)
        reader.close()
        if not self.followed:
            self._none_followed.set()

    @contextmanager
    def following(self, reader: Reader) -> Iterator[None]:
        """For as long as the server's task reads, which the server cuts. Closes the reader."""
        self.follow(reader, _nothing)
        try:
            yield
        finally:
            self.unfollow(reader)

    async def drain(self) -> None:
        """Take no new calls; hand back what can be handed back; give the rest its time."""
        self.draining.set()
        for reader in self.followed:
            reader.poke()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.server.drain):
                while self.followed:
                    self._none_followed.clear()
                    await self._none_followed.wait()
        for cut in list(self.followed.values()):
            cut()

    async def _attend(self) -> None:
        """Say of the jobs that readers' leaving cancels which of them have one here.

        Nothing is said when a reader leaves, or this process dies: its grace then runs from
        the last time, and ends unless it has come back, here or elsewhere. While the loop is held
        a thread says it instead: see ``broker.store.stand_in``.
        """
        while True:
            await asyncio.sleep(_ATTEND)
            everywhere = True
            for partition, here in self._attended().items():
                try:
                    await self.store.leases.attend(partition, here)
                except StoreAway:  # its ticks are missing then: nothing is cancelled
                    everywhere = False
            if everywhere:
                self._stand_in.said()

    def _attended(self) -> dict[Partition, list[tuple[str, int]]]:
        """The jobs that have a reader here, each with its grace (ms), by partition."""
        pairs = {reader.key: grace for reader, grace in self._watched.copy().items()}
        found: dict[Partition, list[tuple[str, int]]] = {}
        for key, grace in pairs.items():
            here = found.setdefault(self.store.keys.partition(key), [])
            here.append((key, grace + int(_LEEWAY * 1000)))
        return found

    def _attendance(self) -> list[Order]:
        """What the store is sent about them. Called in a thread: it only reads."""
        attended = self._attended()
        said = [self.store.leases.attendance(at, here) for at, here in attended.items()]
        return [*said, *self.joining.orders()]

    async def _know_layout(self) -> None:
        """Ask a store that was away at the start how its data is laid out.

        Raises:
            ConfigError: otherwise than the settings say.
        """
        while not self.store.layout.known:
            with suppress(StoreAway):
                await self.store.layout.check()
                return
            await asyncio.sleep(_ATTEND)

    def _on_loop_end(self, loop: "asyncio.Task[None]") -> None:
        """A loop that died of a defect ends the process, which its supervisor starts anew."""
        if not loop.cancelled() and (error := loop.exception()) is not None:
            self.failed = True
            log.warning("api.defect", loop=loop.get_name(), error=repr(error))
            os.kill(os.getpid(), signal.SIGTERM)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[dict[str, "Core"]]:
        """Start-up and shutdown of what runs beside the requests."""
        loops = [
            asyncio.create_task(self.tail.run(), name="tail"),
            asyncio.create_task(self.rescuer.run(), name="rescuer"),
            asyncio.create_task(self.store.connections.watch(), name="connections"),
            asyncio.create_task(self._attend(), name="attendance"),
            asyncio.create_task(self.joining.run(), name="joining"),
            asyncio.create_task(self.takers.run(), name="takers"),
            asyncio.create_task(self.model_lists.run(), name="model lists"),
            asyncio.create_task(self._know_layout(), name="layout"),
        ]
        for loop in loops:
            loop.add_done_callback(self._on_loop_end)
        self.turns.start()
        self._stand_in.start()
        await self.store.warn()
        try:
            yield {"core": self}
        finally:
            await self.joining.close()
            await end(loops)
            self.turns.stop()
            await self._stand_in.close()
            if self._http is not None:
                await self._http.close()
            await self.offload.close()
            await self.store.close()


def _nothing() -> None:
    """The cut of what the server cuts."""


def core_of(request: Request) -> Core:
    """The process's core."""
    return cast(Core, request.scope["state"]["core"])


def body_limits_of(request: Request) -> BodyLimits:
    """What the body of a call may have."""
    core = core_of(request)
    server = core.settings.server
    return BodyLimits(server.max_body, server.max_parts, core.offload.budget, account_of(request))


def account_of(request: Request) -> str:
    """The caller's account, as the door found it."""
    return cast(str, request.scope["account"])


def request_id_of(request: Request, given: str | None) -> str:
    """The id of the job that a call makes: the one that it gives, else what it is stamped with.

    Raises:
        BadRequestId: it is none.
    """
    return cast(str, request.scope["request_id"]) if given is None else check_request_id(given)
