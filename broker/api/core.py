"""What every request of an API process shares."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, cast

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request

from broker import log
from broker.api.booth import Booth
from broker.api.metrics import Metrics
from broker.errors import Draining, StoreAway
from broker.queue.rescuer import Rescuer
from broker.settings import Settings
from broker.store import Store, open_store
from broker.tail import Reader, Tail

_ATTEND = 0.5  # seconds


class Core:
    """The store, the tail and the state of this process.

    ``draining`` is set when the process is told to stop: it takes no new calls then.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings = settings
        self.store: Store = open_store(settings, name)
        self.tail = Tail(self.store, f"{name}-tail")
        self.rescuer = Rescuer(self.store)
        self.metrics = Metrics(self)
        self.booth = Booth(settings, self.store.ticket_key)
        self.draining = asyncio.Event()
        self.followed: dict[asyncio.Task[Any], Reader] = {}  # what a drain waits for
        self._http: aiohttp.ClientSession | None = None
        self._watched: dict[Reader, int] = {}  # with the grace (ms) of their jobs

    @property
    def has_memory(self) -> bool:
        """Whether the store has memory for new jobs, beside what the running ones may take."""
        return self.rescuer.free_memory > self.settings.store.headroom

    @property
    def http(self) -> aiohttp.ClientSession:
        """For what is passed through to a provider; made at the first use, on a running loop."""
        if self._http is None:
            jar = aiohttp.DummyCookieJar()
            self._http = aiohttp.ClientSession(cookie_jar=jar, trust_env=False)
        return self._http

    def admit(self) -> None:
        """Raise Draining if this process takes no new calls."""
        if self.draining.is_set():
            raise Draining()

    @contextmanager
    def following(self, reader: Reader) -> Iterator[None]:
        """For as long as the current task reads: a drain waits for it. Closes the reader."""
        task = asyncio.current_task()
        assert task is not None
        self.followed[task] = reader
        if reader.grace_ms is not None:
            self._watched[reader] = reader.grace_ms
        try:
            yield
        finally:
            del self.followed[task]
            self._watched.pop(reader, None)
            reader.close()

    async def _attend(self) -> None:
        """Say of the jobs that readers' leaving cancels which of them have one here.

        Nothing is said when a reader leaves, or this process dies: its grace then runs from
        the last time, and ends unless it has come back, here or elsewhere.
        """
        while True:
            await asyncio.sleep(_ATTEND)
            pairs = {reader.key: grace for reader, grace in self._watched.items()}
            for partition in self.store.keys.partitions:
                here = [
                    (key, grace + int(_ATTEND * 1000))
                    for key, grace in pairs.items()
                    if self.store.keys.partition(key) is partition
                ]
                if here:
                    with suppress(StoreAway):  # its ticks are missing then: nothing is cancelled
                        await self.store.leases.attend(partition, here)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[dict[str, "Core"]]:
        """Start-up and shutdown of what runs beside the requests."""
        loops = [
            asyncio.create_task(self.tail.run(), name="tail"),
            asyncio.create_task(self.rescuer.run(), name="rescuer"),
            asyncio.create_task(self._attend(), name="attendance"),
        ]
        for loop in loops:
            loop.add_done_callback(_must_not_end)
        await self.store.warn()
        try:
            yield {"core": self}
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            if self._http is not None:
                await self._http.close()
            await self.store.close()


def _must_not_end(loop: "asyncio.Task[None]") -> None:
    """A loop that died of a defect ends the process, which its supervisor starts anew."""
    if not loop.cancelled() and (error := loop.exception()) is not None:
        log.warning("api.defect", loop=loop.get_name(), error=repr(error))
        os.kill(os.getpid(), signal.SIGTERM)


def core_of(request: Request) -> Core:
    """The process's core."""
    return cast(Core, request.state.core)


def account_of(request: Request) -> str:
    """The caller's account, as the door found it."""
    return cast(str, request.scope["account"])
