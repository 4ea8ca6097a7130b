"""The pipelined connection over real servers: order, errors, losses, messages."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from broker.errors import StoreAway
from broker.store.scripts import ReplyError
from broker.store.wire import Wire
from broker.store.wire_protocol import Alarm
from rig.store_server import StoreServer
from tests.conftest import STORES
from tests.store.samples import until

Make = Callable[..., StoreServer]


@pytest.fixture
async def wire(store_url: str) -> AsyncIterator[Wire]:
    wire = Wire(store_url, name="wire", timeout=5)
    yield wire
    await wire.close()


@pytest.fixture(params=STORES)
def server(request: pytest.FixtureRequest, make_store: Make) -> StoreServer:
    """A server of the test's own, to be stopped and killed."""
    return make_store(request.param)


@pytest.fixture
async def own(server: StoreServer) -> AsyncIterator[Wire]:
    """A wire to that server; a command may take a fifth of a second."""
    wire = Wire(server.url, name="own", timeout=0.2)
    yield wire
    await wire.close()


async def test_replies_come_in_the_order_of_the_commands(wire: Wire) -> None:
    replies = await asyncio.gather(*(wire.execute("ECHO", n) for n in range(500)))
    assert replies == [b"%d" % n for n in range(500)]


async def test_each_start_of_a_server_is_told_from_the_one_before(
    own: Wire, server: StoreServer
) -> None:
    first = await own.server()
    info = await own.execute("INFO", "server")
    assert f"run_id:{first}\r\n".encode() in info
    assert await own.server() == first
    server.kill()
    server.start()
    with pytest.raises(StoreAway):  # over a connection to the one that is gone
        await own.execute("PING")
    second = await own.server()
    assert second[0] == "~"
    assert second[1:] != first
    other = Wire(server.url, name="other", timeout=5)  # has known no other
    assert await other.server() == second[1:]
    await other.close()


async def test_commands_are_sent_without_waiting_for_replies(wire: Wire, store_url: str) -> None:
    other = Wire(store_url, name="other", timeout=5)
    blocked = asyncio.create_task(wire.execute("BLPOP", "wire:list", 0))
    behind = [asyncio.create_task(wire.execute("ECHO", n)) for n in range(3)]
    await other.execute("LPUSH", "wire:list", "x")
    assert await blocked == [b"wire:list", b"x"]
    assert [await task for task in behind] == [b"0", b"1", b"2"]
    await other.close()


async def test_bytes_texts_and_numbers(wire: Wire) -> None:
    big = bytes(range(256)) * 4096
    assert await wire.execute("SET", "wire:big", big) == b"OK"
    assert await wire.execute("GET", b"wire:big") == big
    assert await wire.execute("ECHO", "é") == "é".encode()
    assert await wire.execute("DEL", "wire:big", "wire:none") == 1
    assert await wire.execute("GET", "wire:none") is None


async def test_one_connection_for_all_who_come_first(wire: Wire) -> None:
    assert len(set(await asyncio.gather(*(wire.execute("CLIENT", "ID") for _ in range(20))))) == 1
    assert await wire.execute("CLIENT", "GETNAME") == b"wire"


async def test_an_error_reply_fails_its_own_command_only(wire: Wire) -> None:
    calls = [wire.execute("ECHO", "a"), wire.execute("NONSENSE"), wire.execute("ECHO", "b")]
    first, second, third = await asyncio.gather(*calls, return_exceptions=True)
    assert (first, third) == (b"a", b"b")
    assert isinstance(second, ReplyError)
    assert str(second).startswith("ERR unknown command")


async def test_what_cannot_be_sent_disturbs_no_other_reply(wire: Wire) -> None:
    await wire.execute("PING")
    for wrong in (None, "\ud800"):
        with pytest.raises((TypeError, UnicodeEncodeError)):
            await wire.execute("ECHO", wrong)  # type: ignore[arg-type]
    assert await wire.execute("ECHO", "a") == b"a"


async def test_a_caller_that_left_takes_no_other_ones_reply(wire: Wire) -> None:
    await wire.execute("PING")
    gone = asyncio.create_task(wire.execute("ECHO", "gone"))
    await asyncio.sleep(0)  # one turn: it is sent
    gone.cancel()
    assert await wire.execute("ECHO", "a") == b"a"
    assert gone.cancelled()


async def test_a_caller_that_left_while_connecting_leaves_no_connection(own: Wire) -> None:
    for _ in range(5):
        first = asyncio.create_task(own.execute("PING"))
        await asyncio.sleep(0)
        first.cancel()
    assert await own.execute("ECHO", "a") == b"a"

    async def alone() -> bool:
        found: bytes = await own.execute("CLIENT", "LIST")
        return len(found.splitlines()) == 1

    await until(alone)


async def test_a_stopped_server_is_away_after_the_timeout(server: StoreServer, own: Wire) -> None:
    await own.execute("PING")
    server.pause()
    calls = [own.execute("ECHO", n) for n in range(3)]
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(reply) for reply in replies] == [StoreAway] * 3
    with pytest.raises(StoreAway):  # the socket still takes connections
        await own.execute("PING")
    server.resume()
    assert await own.execute("ECHO", "a") == b"a"


async def test_a_killed_connection_fails_what_is_unanswered(wire: Wire, store_url: str) -> None:
    other = Wire(store_url, name="other", timeout=5)
    identity: int = await wire.execute("CLIENT", "ID")
    calls = [asyncio.create_task(wire.execute("BLPOP", "wire:never", 0)) for _ in range(2)]

    async def blocked() -> bool:
        return b"cmd=blpop" in await other.execute("CLIENT", "LIST", "ID", identity)

    await until(blocked)
    assert await other.execute("CLIENT", "KILL", "ID", identity) == 1
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(reply) for reply in replies] == [StoreAway] * 2
    assert await wire.execute("CLIENT", "ID") > identity
    await other.close()


async def test_a_dropped_connection_is_made_again_at_once(wire: Wire) -> None:
    identity: int = await wire.execute("CLIENT", "ID")
    wire.drop()
    assert await wire.execute("CLIENT", "ID") > identity


async def test_a_killed_server_is_found_again(server: StoreServer, own: Wire) -> None:
    await own.execute("SET", "kept", "yes")
    hanging = asyncio.create_task(own.execute("BLPOP", "never", 0))
    await asyncio.sleep(0)
    server.kill()
    with pytest.raises(StoreAway):
        await hanging
    for _ in range(2):
        with pytest.raises(StoreAway, match="Connecting failed"):
            await own.execute("PING")
    server.start()
    assert await own.execute("GET", "kept") == b"yes"


async def test_a_closed_wire_stays_closed(own: Wire) -> None:
    await own.execute("PING")
    await own.close()
    with pytest.raises(StoreAway):
        await own.execute("PING")


async def test_closing_while_connecting_leaves_nothing_open(own: Wire) -> None:
    connecting = asyncio.create_task(own.execute("PING"))
    await asyncio.sleep(0)
    await own.close()
    with pytest.raises(StoreAway):
        await connecting


async def test_a_password_is_given_and_a_wrong_one_is_away(server: StoreServer, own: Wire) -> None:
    await own.execute("CONFIG", "SET", "requirepass", "s3cret")
    url = server.url.replace("unix://", "unix://:s3cret@")
    right = Wire(url, name="right", timeout=1)
    assert await right.execute("ECHO", "a") == b"a"
    wrong = Wire(url.replace("s3cret", "other"), name="wrong", timeout=1)
    with pytest.raises(StoreAway, match="WRONGPASS"):
        await wrong.execute("ECHO", "a")
    none = Wire(server.url, name="none", timeout=1)
    with pytest.raises(StoreAway, match="NOAUTH"):
        await none.execute("ECHO", "a")
    for each in (right, wrong, none):
        await each.close()


async def test_the_database_of_the_address(server: StoreServer, own: Wire) -> None:
    third = Wire(server.url + "?db=3", name="third", timeout=1)
    await third.execute("SET", "mine", "yes")
    assert await own.execute("GET", "mine") is None
    await third.close()


async def test_published_messages_are_pushed_between_replies(store_url: str) -> None:
    heard: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
    reader = Wire(store_url, name="r", timeout=5, push=lambda *pair: heard.put_nowait(pair))
    writer = Wire(store_url, name="w", timeout=5)
    assert await reader.execute("SUBSCRIBE", "wire:a") == [b"subscribe", b"wire:a", 1]
    assert await reader.execute("SUBSCRIBE", "wire:b") == [b"subscribe", b"wire:b", 2]
    for n in range(3):
        assert await writer.execute("PUBLISH", "wire:a", n) == 1
    assert await reader.execute("PING") == b"PONG"
    await writer.execute("PUBLISH", "wire:b", b"\x00\xff")
    async with asyncio.timeout(5):
        messages = [await heard.get() for _ in range(4)]
    assert messages == [
        (b"wire:a", b"0"),
        (b"wire:a", b"1"),
        (b"wire:a", b"2"),
        (b"wire:b", b"\x00\xff"),
    ]
    assert await reader.execute("UNSUBSCRIBE", "wire:a") == [b"unsubscribe", b"wire:a", 1]
    await reader.close()
    await writer.close()


async def test_a_wire_with_push_takes_ordinary_replies_too(store_url: str) -> None:
    reader = Wire(store_url, name="r", timeout=5, push=lambda channel, data: None)
    assert await reader.execute("LRANGE", "wire:none", 0, -1) == []
    assert await reader.execute("ECHO", "a") == b"a"
    await reader.close()


async def test_the_loss_of_a_connection_is_told(server: StoreServer) -> None:
    lost = asyncio.Event()
    wire = Wire(server.url, name="r", timeout=1, lost=lost.set)
    await wire.execute("PING")
    server.kill()
    async with asyncio.timeout(5):
        await lost.wait()
    lost.clear()
    with pytest.raises(StoreAway):
        await wire.execute("PING")
    assert not lost.is_set(), "what was never made is not lost"
    server.start()
    await wire.execute("PING")
    await wire.close()
    await asyncio.sleep(0)
    assert not lost.is_set(), "nor is what was closed"


async def test_a_loop_that_is_late_takes_no_connection_for_lost(own: Wire) -> None:
    """Its own process was busy for longer than the timeout, and the answer lies there unread."""
    await own.execute("PING")
    lost: list[bool] = []
    own._lost = lambda: lost.append(True)
    asked = asyncio.create_task(own.execute("ECHO", "a"))
    await asyncio.sleep(0)
    time.sleep(0.3)  # noqa: ASYNC251 - nothing is read meanwhile
    assert await asked == b"a"
    assert not lost


async def test_a_server_that_answers_others_is_not_away(server: StoreServer, own: Wire) -> None:
    """What is behind is waited for, as long as anything is heard."""
    heard: list[bytes] = []
    reader = Wire(server.url, name="reader", timeout=0.2, push=lambda _, data: heard.append(data))
    await reader.execute("SUBSCRIBE", "c")
    protocol = reader._protocol
    assert protocol is not None
    unanswered = asyncio.get_running_loop().create_future()
    protocol.waiting.append(unanswered)
    alarm = Alarm(protocol, 0.2)
    for n in range(6):
        await own.execute("PUBLISH", "c", n)
        await asyncio.sleep(0.1)
    assert (len(heard), protocol.usable) == (6, True)
    await asyncio.sleep(0.5)  # and now nothing
    assert not protocol.usable
    assert isinstance(unanswered.exception(), StoreAway)
    alarm.cancel()
    await reader.close()


async def test_a_command_that_is_begun_leaves_with_the_next_one(wire: Wire) -> None:
    await wire.execute("SET", "k", "1")
    protocol = await wire.connect()
    transport = protocol.transport
    assert transport is not None
    written: list[bytes] = []
    protocol.transport = Noting(transport, written)  # type: ignore[assignment]
    begun = wire.begin("INCR", "k")
    assert written == []
    assert await wire.execute("INCR", "k") == 3
    assert (len(written), await begun) == (1, 2)
    assert await wire.begin("INCR", "k") == 4  # alone, at the end of the turn
    assert len(written) == 2
    protocol.transport = transport


class Noting:
    """A transport, and what is written to it."""

    def __init__(self, transport: asyncio.Transport, written: list[bytes]) -> None:
        self._transport = transport
        self._written = written

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        self._written.append(data)
        self._transport.write(data)
