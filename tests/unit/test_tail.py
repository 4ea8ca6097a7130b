"""The tail: counted subscriptions over one connection that comes and goes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from broker import tail as tail_module
from broker.codec import verbatim
from broker.errors import StoreAway
from broker.frames import Kind, message_head
from broker.store import Store
from broker.store.scripts import ReplyError
from broker.tail import Tail
from tests.store.samples import new_job
from tests.unit.stores import FakeWire, open_fake

KEY = new_job().key


class StoredTail(Tail):
    def __init__(self, store: Store, name: str) -> None:
        super().__init__(store, name)
        self.store = store


@asynccontextmanager
async def open_tail(*, runs: bool = True) -> AsyncIterator[tuple["StoredTail", FakeWire]]:
    """A tail over a fake wire, with one queued job in its store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail_module, "Wire", FakeWire)
        patch.setattr(tail_module, "_AWAY_WAIT", 0.0)
        async with open_fake() as store:
            await store.jobs.create(new_job())
            tail = StoredTail(store, "test")
            wire = cast(FakeWire, tail._wire)
            task = asyncio.create_task(tail.run()) if runs else None
            yield tail, wire
            if task is not None:
                assert not task.done(), "the tail's loop died"
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert wire.closed


def channel(tail: Tail, key: str = KEY) -> str:
    return tail._keys.channel(key)


def say(tail: Tail, wire: FakeWire, number: int) -> None:
    """A message of one frame."""
    assert wire.push is not None
    payload = verbatim(Kind.DIALECT, b"data: %d" % number)
    wire.push(channel(tail).encode(), message_head(number, number, []) + payload)
    assert wire.pushed is not None
    wire.pushed()


async def until_up(tail: Tail) -> None:
    await tail.connected(asyncio.get_running_loop().time() + 5)


async def test_readers_of_a_stream_share_a_subscription() -> None:
    async with open_tail() as (tail, wire):
        one, other = await asyncio.gather(tail.follow(KEY, 0), tail.follow(KEY, 0))
        assert wire.commands.count(("SUBSCRIBE", channel(tail))) == 1
        assert tail.readers == 2
        one.close()
        assert wire.subscribed == {channel(tail)}
        other.close()
        assert (wire.subscribed, tail.readers) == (set(), 0)
        (await tail.follow(KEY, 0)).close()
        assert wire.commands.count(("SUBSCRIBE", channel(tail))) == 2


async def test_a_message_reaches_its_readers_alone() -> None:
    async with open_tail() as (tail, wire):
        reader, elsewhere = await tail.follow(KEY, 0), await tail.follow("other", 0)
        reader.begin()
        elsewhere.begin()
        say(tail, wire, 1)
        assert wire.push is not None
        wire.push(channel(tail, "nobody").encode(), b"1 1\n")
        (segment,) = await reader.next()
        assert (segment.last, segment.frames[0].body) == (1, b"data: 1")
        elsewhere.poke()
        assert await elsewhere.next() == []


async def test_without_a_connection_no_reader_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "_SUBSCRIBE_WAIT", 0.01)
    async with open_tail(runs=False) as (tail, wire):
        with pytest.raises(StoreAway):
            await tail.follow(KEY, 0)
        assert (tail.readers, wire.commands.count(("SUBSCRIBE", channel(tail)))) == (0, 0)
        with pytest.raises(StoreAway):
            await tail.follow(KEY, 0)


async def test_a_caller_that_left_while_subscribing_leaves_nothing() -> None:
    async with open_tail(runs=False) as (tail, wire):
        gone = asyncio.create_task(tail.follow(KEY, 0))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert tail.readers == 0
        running = asyncio.create_task(tail.run())
        await until_up(tail)
        await wire.sent("PING")
        assert wire.subscribed == set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_lost_connection_is_made_again_at_once_with_all_subscriptions() -> None:
    async with open_tail() as (tail, wire):
        reader, other = await tail.follow(KEY, 0), await tail.follow("other", 0)
        before = tail.generation
        begun = asyncio.get_running_loop().time()
        wire.lose()
        assert not tail.is_up
        await until_up(tail)
        assert tail.generation == before + 1
        assert wire.subscribed == {channel(tail), channel(tail, "other")}
        assert asyncio.get_running_loop().time() - begun < 1.0, "it waited for the next ping"
        reader.close()
        other.close()


async def test_a_live_reader_catches_up_after_a_loss() -> None:
    async with open_tail() as (tail, wire):
        reader = await tail.follow(KEY, 0)
        reader.begin()
        waiting = asyncio.create_task(reader.next())
        await asyncio.sleep(0)
        await tail.store.jobs.cancel(KEY)  # no message of it comes here
        wire.lose()
        async with asyncio.timeout(5):
            (segment,) = await waiting
        assert segment.terminal is not None


async def test_a_store_that_is_away_is_tried_again() -> None:
    async with open_tail() as (tail, wire):
        reader = await tail.follow(KEY, 0)
        wire.away = True
        wire.lose()
        await asyncio.sleep(0)
        assert not tail.is_up
        wire.away = False
        await until_up(tail)
        assert wire.subscribed == {channel(tail)}
        reader.close()


async def test_a_store_that_loads_its_data_is_not_the_end() -> None:
    async with open_tail() as (tail, wire):
        await wire.sent("PING")
        wire.refusal = ReplyError("LOADING the dataset")
        wire.lose()
        await wire.sent("PING", times=2)
        wire.refusal = None
        await until_up(tail)


async def test_a_connection_lost_while_subscribing_again_is_not_taken_for_whole() -> None:
    async with open_tail() as (tail, wire):
        readers = [await tail.follow(key, 0) for key in ("a", "b", "c")]
        execute, losses = wire.execute, 1

        async def losing(*args: str | bytes | int) -> object:
            nonlocal losses
            reply = await execute(*args)
            if args == ("SUBSCRIBE", channel(tail, "b")) and losses:
                losses -= 1
                wire.lose()  # once answered: no command is left to fail
            return reply

        wire.execute = losing  # type: ignore[method-assign]
        wire.lose()
        await until_up(tail)
        assert losses == 0
        assert wire.subscribed == {channel(tail, key) for key in "abc"}
        for reader in readers:
            reader.close()


async def test_a_subscription_of_an_older_connection_is_known_to_be_old() -> None:
    async with open_tail() as (tail, wire):
        first = await tail.follow(KEY, 0)
        wire.lose()  # not subscribed again yet
        second = await tail.follow(KEY, 0)
        second.begin()
        assert second._generation != tail.generation
        first.close()
        second.close()


@pytest.mark.parametrize("word", ["NOPERM", "NEWWORD", "WRONGTYPE"])
async def test_a_server_that_refuses_to_subscribe_is_asked_again(word: str) -> None:
    async with open_tail() as (tail, wire):
        await until_up(tail)
        wire.refusal = ReplyError(f"{word} and why")
        with pytest.raises(StoreAway):  # of a kind that is logged
            await tail.follow(KEY, 0)
        wire.lose()
        wire.refusal = None
        await until_up(tail)
        reader = await tail.follow(KEY, 0)
        assert wire.subscribed == {channel(tail)}
        reader.close()
