"""What unit tests above the store stand on: a store in fakeredis, wires of no kind."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import fakeredis

from broker import settings
from broker.errors import StoreAway
from broker.store import Store
from broker.store.connection import ClientExecutor


def make_settings(
    *, worker: dict[str, Any] | None = None, store: dict[str, Any] | None = None, **tables: Any
) -> settings.Settings:
    """Settings under which no lease ends and no tick goes missing while a test runs.

    The model ``m`` has two targets, ``one/a`` and ``two/b``.
    """
    return settings.Settings(
        store=settings.Store(**(store or {})),
        worker=settings.Worker(
            **{"lease": 30.0, "rescue_tick": 20.0, "backoff": 0.0, **(worker or {})}
        ),
        providers={
            name: settings.Provider(base_url="http://provider.invalid") for name in ("one", "two")
        },
        routes={"m": settings.Route(targets=("one/a", "two/b"))},
        **tables,
    )


@asynccontextmanager
async def open_fake(
    options: settings.Settings | None = None, server: fakeredis.FakeServer | None = None
) -> AsyncIterator[Store]:
    """A store in a fake server of its own, or in the one given."""
    client = fakeredis.FakeAsyncRedis(server=server or fakeredis.FakeServer())
    store = Store(options or make_settings(), ClientExecutor(client), client, client, shebang=False)
    try:
        yield store
    finally:
        await store.close()


class FakeWire:
    """Stands for ``broker.store.wire.Wire``: notes commands, and is lost when a test says so.

    While ``away`` every command fails; ``refusal`` is an error reply to everything.
    """

    made: "list[FakeWire]"

    def __init__(
        self,
        url: str,
        *,
        name: str,
        timeout: float,
        push: Callable[[bytes, bytes], None] | None = None,
        pushed: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
        home: object = None,
    ) -> None:
        self.commands: list[tuple[str | bytes | int, ...]] = []
        self.subscribed: set[str] = set()
        self.away = False
        self.refusal: Exception | None = None
        self.closed = False
        self.push = push
        self.pushed = pushed
        self._lost = lost
        self._connected = False
        self._changed = asyncio.Event()

    async def connect(self) -> None:
        if self.away:
            raise StoreAway()
        self._connected = True

    @property
    def usable(self) -> bool:
        return self._connected and not self.away

    def begin(self, *args: str | bytes | int) -> "asyncio.Future[Any]":
        if not self.usable:
            raise StoreAway()
        return asyncio.ensure_future(self.execute(*args))

    async def execute(self, *args: str | bytes | int) -> Any:
        await self.connect()
        await asyncio.sleep(0)  # the way there and back
        self._note(args)
        if self.away:
            raise StoreAway()
        if self.refusal is not None:
            raise self.refusal
        if args[0] == "SUBSCRIBE":
            self.subscribed.add(str(args[1]))
        return b"OK"

    def post(self, *args: str | bytes | int) -> None:
        self._note(args)
        if args[0] == "UNSUBSCRIBE":
            self.subscribed.discard(str(args[1]))

    def lose(self) -> None:
        """The connection ends, and with it every subscription."""
        self.subscribed.clear()
        if self._connected:
            self._connected = False
            if self._lost is not None:
                self._lost()

    async def sent(self, *command: str | bytes | int, times: int = 1) -> None:
        """Return once the command was sent so often."""
        while self.commands.count(command) < times:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        self.closed = True

    def _note(self, command: tuple[str | bytes | int, ...]) -> None:
        self.commands.append(command)
        self._changed.set()
