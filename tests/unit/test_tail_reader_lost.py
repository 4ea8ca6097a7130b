"""Readers of a store that lost frames which they had read."""

import asyncio

import pytest

from broker.errors import FramesLost
from broker.tail import reader as reader_module
from tests.unit.tail_stream import Stream, read


async def test_frames_sent_again_are_not_given_again() -> None:
    stream = Stream()
    reader = stream.reader()
    reader.begin()
    stream.write("a")
    stream.write("b")
    stream.write("c")
    assert await read(reader) == ["a", "b", "c"]
    stream.go_back(2)
    stream.write("b")
    stream.write("c")
    stream.write("d")
    assert await read(reader) == ["d"]


async def test_a_stream_that_ends_before_the_cursor_has_lost_frames() -> None:
    stream = Stream()
    reader, behind = stream.reader(), stream.reader()
    reader.begin()
    behind.begin()
    stream.write("a")
    stream.write("b")
    stream.write("c")
    assert await read(reader) == ["a", "b", "c"]
    waiting = asyncio.create_task(read(reader))
    await asyncio.sleep(0)
    stream.go_back(2)
    stream.write(end=True)
    with pytest.raises(FramesLost):
        await waiting
    found = await behind.next()
    assert [number for s in found for number in range(s.first, s.last + 1)] == [1, 2]
    assert behind.ended


async def test_frames_that_are_not_there_yet_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader_module, "_HEALING_WAIT", 0)
    stream = Stream()
    stream.write("a")
    reader = stream.reader(3)  # of an earlier connection, which had been sent b and c
    waiting = asyncio.create_task(read(reader))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(stream.reads) > 2
    stream.write("b", "c", lost=True)
    stream.write("d", lost=True)
    assert await waiting == ["d"]


async def test_frames_that_never_come_again_end_the_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader_module, "_HEALING_WAIT", 0)
    stream = Stream()
    stream.write("a")
    stream.healing = -1.0
    with pytest.raises(FramesLost):
        await stream.reader(3).next()
    assert stream.reads == [3, 3]


async def test_a_job_that_the_store_lost_is_no_job_that_never_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader_module, "_HEALING_WAIT", 0)
    stream = Stream()
    stream.write("a")
    stream.healing = -1.0
    reader = stream.reader()
    assert await read(reader) == ["a"]
    stream.missing = True
    stream.reconnect()
    with pytest.raises(FramesLost, match="lost the job"):
        await reader.next()


@pytest.mark.parametrize(
    ("cursor", "goes_on"), [(1, True), (2, False), (98, False), (99, True), (100, True)]
)
async def test_a_cursor_within_a_break_has_seen_what_is_lost(cursor: int, goes_on: bool) -> None:
    stream = Stream()
    stream.write("a")
    stream.breaks = ((1, 100),)
    stream.entries.append((101, stream.entries[0][1] * 2))
    reader = stream.reader(cursor)
    if goes_on:
        assert (await reader.next())[-1].last == 101
    else:
        with pytest.raises(FramesLost):
            await reader.next()


async def test_what_was_read_may_be_read_again_from_the_start() -> None:
    stream = Stream()
    stream.write("a", "b")
    reader = stream.reader()
    assert await read(reader) == ["a", "b"]
    reader.begin_again()
    assert await read(reader) == ["a", "b"]
