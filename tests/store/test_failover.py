"""Another server behind the store's address: when the connections of a process go there."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from broker.errors import StoreAway
from broker.store import failover, refusals
from broker.store.connection import make_client
from broker.store.failover import Connections
from broker.store.scripts import ReplyError
from broker.store.wire import Wire
from rig.relay import Relay
from tests.store import scripted_server
from tests.store.samples import until
from tests.store.scripted_server import ScriptedServer

WITHIN = 3.0  # seconds
WORDS = sorted(refusals._DOUBTFUL)
PASSING = ["BUSY", "ERR", "EXECABORT", "NOSCRIPT", "OOM", "TRYAGAIN", "WRONGTYPE"]


class Process:
    """The connections of one process: a wire for commands, one that listens, a pool."""

    def __init__(self, url: str) -> None:
        self.connections = Connections(url, name="p", timeout=1.0)
        home = self.connections
        self.lost = 0
        self.executor = Wire(url, name="executor", timeout=1.0, home=home)
        self.tail = Wire(
            url, name="tail", timeout=1.0, home=home, push=lambda *_: None, lost=self._on_lost
        )
        self.client = make_client(url, self.connections, name="pool", timeout=1.0)
        self._watch = asyncio.create_task(self.connections.watch())

    def _on_lost(self) -> None:
        self.lost += 1

    async def use(self) -> None:
        """Send something over each of them, as all of them do in a real process all the time."""
        calls: tuple[Callable[[], Awaitable[Any]], ...] = (
            lambda: self.executor.execute("EVALSHA", "x"),
            lambda: self.tail.execute("SUBSCRIBE", "c"),
            self.client.ping,
        )
        for call in calls:
            try:
                await call()
            except (StoreAway, ReplyError, OSError):
                pass
            except Exception as error:
                if not type(error).__module__.startswith("redis"):
                    raise

    async def until_at(self, server: ScriptedServer) -> None:
        """Return once each of them leads there."""

        async def there() -> bool:
            await self.use()
            return set(server.names) >= {"executor", "tail", "pool"}

        await until(there, WITHIN)

    async def close(self) -> None:
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await self.executor.close()
        await self.tail.close()
        await self.client.aclose()


class Stage:
    """Two servers, and an address that leads to one of them."""

    def __init__(self, old: ScriptedServer, new: ScriptedServer, relay: Relay) -> None:
        self.old, self.new, self._relay = old, new, relay
        self.process = Process(f"redis://127.0.0.1:{relay.port}")

    def readdress(self) -> None:
        self._relay.target = ("127.0.0.1", self.new.port)


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(failover, "_PAUSE", 0.05)
    monkeypatch.setattr(failover, "_LONG_PAUSE", 0.1)
    monkeypatch.setattr(failover, "_EVERY", 0.1)
    old, new = await ScriptedServer("aa").start(), await ScriptedServer("bb").start()
    relay = Relay(("127.0.0.1", old.port))
    relay.start()
    made = Stage(old, new, relay)
    await made.process.until_at(old)
    yield made
    await made.process.close()
    await asyncio.to_thread(relay.close)
    await old.close()
    await new.close()


@pytest.mark.parametrize("word", WORDS)
async def test_what_raises_a_doubt_moves_every_connection(stage: Stage, word: str) -> None:
    stage.old.refusal = f"{word} as a server says it"
    stage.readdress()
    await stage.process.until_at(stage.new)
    await until(lambda: _true(stage.old.names == []), WITHIN)
    assert stage.process.lost == 1
    assert stage.process.connections.epoch >= 1


@pytest.mark.parametrize("word", [*WORDS, *PASSING])
async def test_a_passing_error_cuts_no_connection(stage: Stage, word: str) -> None:
    process = stage.process
    before = [process.executor._protocol, process.tail._protocol]
    stage.old.refusal = f"{word} as a server says it"
    for _ in range(5):
        await process.use()
        await asyncio.sleep(0.05)
    stage.old.refusal = ""
    await process.use()
    assert [process.executor._protocol, process.tail._protocol] == before
    assert (process.lost, process.connections.epoch) == (0, 0)


@pytest.mark.parametrize("says", [scripted_server.REPLICA, scripted_server.LOADING])
async def test_nothing_is_cut_before_the_new_server_can_serve(stage: Stage, says: str) -> None:
    stage.new.says = says
    stage.old.refusal = "READONLY You can't write against a read only replica."
    stage.readdress()
    for _ in range(5):
        await stage.process.use()
        await asyncio.sleep(0.05)
    assert stage.process.lost == 0
    stage.new.says = scripted_server.PRIMARY
    await stage.process.until_at(stage.new)


@pytest.mark.parametrize(
    ("says", "word"),
    [
        (scripted_server.REPLICA, "READONLY"),
        (scripted_server.LOADING, "LOADING"),
        ("role:slave\r\nslave_read_only:1\r\nloading:1\r\n", "READONLY"),
        ("role:replica\r\nreplica_read_only:1\r\n", "READONLY"),
    ],
)
async def test_no_connection_is_made_to_a_server_that_is_no_store(
    stage: Stage, says: str, word: str
) -> None:
    stage.old.says = says
    url = f"redis://127.0.0.1:{stage.old.port}"
    wire = Wire(url, name="late", timeout=1.0)
    with pytest.raises(StoreAway, match=word):
        await wire.execute("PING")
    assert not wire.usable
    client = make_client(url, Connections(), name="late", timeout=1.0)
    served = stage.old.served
    with pytest.raises(Exception, match=word):
        await client.get("x")
    assert stage.old.served == served, "nothing was read from it"
    await client.aclose()


async def test_a_replica_that_takes_writes_is_a_store(stage: Stage) -> None:
    stage.old.says = "role:slave\r\nslave_read_only:0\r\n"
    wire = Wire(f"redis://127.0.0.1:{stage.old.port}", name="late", timeout=1.0)
    assert await wire.execute("PING") == b"OK"
    await wire.close()


async def test_one_connection_that_came_to_the_new_server_takes_the_others_along(
    stage: Stage,
) -> None:
    """The old one says nothing: it was cut off from the rest, and knows of no other."""
    stage.readdress()
    stage.process.executor.drop()
    await stage.process.until_at(stage.new)
    await until(lambda: _true(stage.old.names == []), WITHIN)


@pytest.mark.parametrize("word", ["READONLY", "MASTERDOWN"])
async def test_servers_that_do_not_say_which_they_are(stage: Stage, word: str) -> None:
    process = stage.process
    for server in (stage.old, stage.new):
        server.tells = False
    for wire in (process.executor, process.tail):
        wire.drop()
    await process.until_at(stage.old)
    stage.old.refusal = f"{word} as a server says it"
    stage.readdress()
    await process.until_at(stage.new)


async def test_a_name_that_has_another_address(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old host answers as before, to those who are connected to it."""
    old = await ScriptedServer("cc").start("127.0.0.1")
    new = await ScriptedServer("dd").start("127.0.0.2", old.port)
    address = "127.0.0.1"
    known = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **more: Any) -> Any:
        return known(address if host == "store.example" else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    process = Process(f"redis://store.example:{old.port}")
    await process.until_at(old)
    await asyncio.sleep(0.5)
    assert process.lost == 0
    address = "127.0.0.2"
    await process.until_at(new)
    await until(lambda: _true(old.names == []), WITHIN)
    await process.close()
    await old.close()
    await new.close()


async def test_a_name_of_one_server_with_several_addresses(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lookup names another way in, and none of them is a reason to leave."""
    first = await ScriptedServer("cc").start("127.0.0.1")
    second = await ScriptedServer("cc").start("127.0.0.2", first.port)
    address = "127.0.0.1"
    known = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **more: Any) -> Any:
        return known(address if host == "store.example" else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    process = Process(f"redis://store.example:{first.port}")
    await process.until_at(first)
    address = "127.0.0.2"
    await asyncio.sleep(0.5)
    assert (process.lost, process.connections.epoch) == (0, 0)
    await process.close()
    await first.close()
    await second.close()


async def test_a_name_that_can_not_be_looked_up_is_no_reason_to_leave(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    process = Process(f"redis://localhost:{stage.old.port}")
    await process.until_at(stage.old)
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    await asyncio.sleep(0.5)
    assert (process.lost, process.connections.epoch) == (0, 0)
    await process.close()


async def test_a_store_that_is_no_server_is_not_watched() -> None:
    await Connections().watch()


async def _true(held: bool) -> bool:
    return held
