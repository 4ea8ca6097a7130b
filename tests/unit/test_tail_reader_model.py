"""Readers under any interleaving: every frame exactly once, in order."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.frames import Frame
from tests.unit.tail_stream import Stream, set_pages

steps = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 3)),
    st.tuples(st.just("lose"), st.integers(1, 3)),
    st.tuples(st.just("reconnect"), st.just(0)),
    st.tuples(st.just("read"), st.integers(0, 30)),
    st.tuples(st.just("turns"), st.integers(0, 4)),
    st.tuples(st.just("slow"), st.integers(0, 3)),
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(steps, max_size=40), st.sampled_from([1, 2, 100]), st.booleans())
def test_every_frame_exactly_once_in_order(
    script: list[tuple[str, int]], page: int, lost_end: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        set_pages(patch, page, 4 * page)
        asyncio.run(_follow_all(script, lost_end))


async def _follow_all(script: list[tuple[str, int]], lost_end: bool) -> None:
    stream = Stream()
    tasks: list[tuple[int, asyncio.Task[list[Any]]]] = []

    async def follow(cursor: int) -> list[Frame]:
        reader = stream.reader(cursor)
        found: list[Frame] = []
        while not reader.ended:
            for segment in await reader.next():
                assert segment.first == cursor + len(found) + 1
                found += segment.frames
            assert reader.cursor == cursor + len(found)
        return found

    for step, number in script:
        match step:
            case "write" | "lose":
                names = [f"{len(stream.frames)}.{n}" for n in range(number)]
                stream.write(*names, lost=step == "lose")
            case "reconnect":
                stream.reconnect()
            case "read":
                cursor = min(number, len(stream.frames))
                tasks.append((cursor, asyncio.create_task(follow(cursor))))
            case "turns":
                for _ in range(number):
                    await asyncio.sleep(0)
            case _:
                stream.read_turns = number
    stream.write("last", end=True, lost=lost_end)
    if lost_end:
        stream.reconnect()
    async with asyncio.timeout(5):
        for cursor, task in tasks:
            assert await task == stream.frames[cursor:]
