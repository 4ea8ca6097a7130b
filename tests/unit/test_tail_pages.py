"""A stream read back page by page, in steps between which the loop turns."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from broker.tail import back
from broker.tail.back import pages
from tests.store.samples import append, batch, running
from tests.unit.stores import open_fake
from tests.unit.test_read_backs import written


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
