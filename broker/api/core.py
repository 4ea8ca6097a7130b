"""What every request of an API process shares."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from starlette.applications import Starlette
from starlette.requests import Request

from broker.api.metrics import Metrics
from broker.errors import Draining
from broker.queue.rescuer import Rescuer
from broker.settings import Settings
from broker.store import Store, open_store
from broker.tail import Reader, Tail


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
        self.draining = asyncio.Event()
        self.streams: dict[asyncio.Task[None], Reader] = {}  # responses being streamed

    def admit(self) -> None:
        """Raise Draining if this process takes no new calls."""
        if self.draining.is_set():
            raise Draining()

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[dict[str, "Core"]]:
        """Start-up and shutdown of what runs beside the requests."""
        loops = [
            asyncio.create_task(self.tail.run(), name="tail"),
            asyncio.create_task(self.rescuer.run(), name="rescuer"),
        ]
        try:
            yield {"core": self}
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await self.store.close()


def core_of(request: Request) -> Core:
    """The process's core."""
    return cast(Core, request.state.core)


def account_of(request: Request) -> str:
    """The caller's account, as the door found it."""
    return cast(str, request.scope["account"])
