"""Turns: however many have long work, one slice of it runs a turn of the loop."""

import asyncio

from broker.tail.turns import Turns


async def test_one_slice_a_turn_first_come_first_served() -> None:
    turns, told = Turns(), list[str]()
    count = 0

    async def clock() -> None:
        nonlocal count
        while True:
            count += 1
            await asyncio.sleep(0)

    async def work(name: str) -> None:
        for _ in range(3):
            await turns.take()
            told.append(f"{name}{count}")

    ticking = asyncio.create_task(clock())
    await asyncio.gather(*(work(name) for name in "abc"))
    ticking.cancel()
    assert [each[0] for each in told] == list("abcabcabc")
    ticks = [int(each[1:]) for each in told]
    assert ticks == sorted(set(ticks)), "two slices ran in one turn"


async def test_who_works_alone_gives_a_turn_each_time() -> None:
    turns, others = Turns(), 0

    async def other() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for slice_ in range(1, 50):
        await turns.take()
        assert others >= slice_
    task.cancel()


async def test_who_gave_up_takes_no_turn() -> None:
    turns = Turns()
    first, second = (asyncio.create_task(turns.take()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait_for(second, 10)
    assert first.cancelled()
    await asyncio.wait_for(turns.take(), 10)
