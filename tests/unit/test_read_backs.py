"""Read-backs: in steps between which the loop turns, and of long streams a few at once."""

import asyncio
from itertools import pairwise
from typing import Any, cast

import pytest

from broker.dialects.registry import DIALECTS
from broker.frames import ATTEMPT, Frame, Kind, data_frame
from broker.store import Store
from broker.store.queue import Claim
from broker.tail import back
from broker.tail.back import pages
from tests.store.samples import append, batch, running
from tests.unit.generate_rig import chunk
from tests.unit.stores import open_fake
from workers import read_backs
from workers.attaching import Stand
from workers.read_backs import ReadBacks

CHAT = DIALECTS["chat"]


async def written(store: Store, name: str, *texts: str) -> Claim:
    """A stream of one attempt, an entry a frame."""
    claim = await running(store, name)
    notice = data_frame(Kind.NATIVE, b'{"number":1,"provider":"one","model":"a"}', ATTEMPT)
    await append(store, batch(claim, 1, notice.body, kind=Kind.NATIVE))
    for number, text in enumerate(texts, 2):
        await append(store, batch(claim, number, chunk(text)[0].body))
    return claim


async def test_a_large_entry_is_given_in_steps_and_the_loop_turns_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(back, "_STEP", 3)
    monkeypatch.setattr(back, "_STEP_BYTES", 100)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with open_fake() as store:
        claim = await running(store)
        bodies = [b"data: %d" % n for n in range(7)] + [b"data: " + b"x" * 200] * 2 + [b"data: e"]
        await append(store, batch(claim, 1, *bodies))
        turning = asyncio.create_task(turn())
        seen, lengths = [], []
        async for part in pages(store, claim.job.key):
            lengths.append(len(part.frames))
            seen.append((part.last, turns))
            assert part.last == sum(lengths)
        turning.cancel()
        assert lengths == [3, 3, 1, 1, 1, 1]
        marks = [mark for _, mark in seen]
        assert all(b > a for a, b in pairwise(marks))


async def test_a_page_has_as_many_entries_as_their_size_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(back, "_FIRST_PAGE", 2)
    monkeypatch.setattr(back, "_PAGE", 6)
    monkeypatch.setattr(back, "_PAGE_BYTES", 1000)
    asked: list[int] = []
    async with open_fake() as store:
        claim = await running(store)
        for number in range(1, 11):
            await append(store, batch(claim, number, b"data: " + b"x" * (480 if number > 4 else 1)))
        read = store.streams.read

        async def noted(key: str, after: int, count: int) -> Any:
            asked.append(count)
            return await read(key, after, count)

        monkeypatch.setattr(store.streams, "read", noted)
        parts = [part async for part in pages(store, claim.job.key)]
        assert parts[-1].last == 10
        assert asked[:2] == [2, 6], "small ones, so that more may come"
        assert set(asked[2:]) <= {1, 2, 3}, "large ones: fewer"


async def test_a_stream_is_read_from_a_cursor_on() -> None:
    async with open_fake() as store:
        claim = await written(store, "r1", "a", "b")
        assert [part.last async for part in pages(store, claim.job.key, 2)] == [3]
        assert [part async for part in pages(store, claim.job.key, 3)] == []


async def test_what_is_found_and_what_was_found_before() -> None:
    async with open_fake() as store:
        claim = await written(store, "r1", "Hel", "lo", " you")
        reads = ReadBacks(store)
        found = await reads.read(claim.job.key, CHAT, 4)
        assert (found.last, found.stand.stored, found.stand.place) == (4, 3, 0)
        assert found.transcript.length == 9
        before = await reads.read(claim.job.key, CHAT, 4, until=3)
        assert (before.last, before.transcript.length) == (3, 5)


def test_a_stand_is_of_the_last_attempt() -> None:
    def notice(number: int) -> Frame:
        return data_frame(Kind.NATIVE, b'{"number":%d}' % number, ATTEMPT)

    stand = Stand()
    assert (stand.count, stand.notice) == (0, None)
    stand.take([notice(1)])
    assert (stand.place, stand.begun, stand.stored) == (0, False, 0)
    stand.take([*chunk("a"), *chunk("b"), Frame(Kind.NATIVE, b"event: attached\ndata: {}")])
    assert (stand.place, stand.begun, stand.stored) == (0, False, 2)
    stand.take([notice(2), *chunk("c")])
    assert (stand.notice, stand.place, stand.begun, stand.stored) == ({"number": 2}, 4, True, 1)


async def test_few_streams_are_read_at_once_and_short_ones_don_t_wait_for_long_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(read_backs, "_LONG", 2)
    async with open_fake() as store:
        long = [await written(store, f"long{n}", "a", "b") for n in range(4)]
        short = [await written(store, f"short{n}", "a") for n in range(6)]
        read, let = store.streams.read, asyncio.Event()
        reading: list[str] = []

        async def held(key: str, after: int, count: int) -> Any:
            reading.append(key)
            await let.wait()
            return await read(key, after, count)

        cast(Any, store.streams).read = held
        reads = ReadBacks(store)
        assert reads.takes_long(3)
        assert not reads.takes_long(2)
        tasks = [asyncio.create_task(reads.read(c.job.key, CHAT, 3)) for c in long]
        tasks += [asyncio.create_task(reads.read(c.job.key, CHAT, 2)) for c in short]
        for _ in range(10):
            await asyncio.sleep(0)
        wanted = [each.job.key for each in (*long[:2], *short[:4])]
        assert reading == wanted
        let.set()
        ends = [found.last for found in await asyncio.gather(*tasks)]
        assert ends == [3] * 4 + [2] * 6
