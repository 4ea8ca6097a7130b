"""Read-backs: in steps between which the loop turns, and of long streams a few at once."""

import asyncio
from typing import Any, cast

import pytest

from broker.dialects.registry import DIALECTS
from broker.frames import ATTEMPT, Frame, Kind, data_frame
from broker.store import Store
from broker.store.queue import Claim
from tests.store.samples import append, batch, raw, running
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


async def test_what_is_found_and_what_was_found_before() -> None:
    async with open_fake() as store:
        claim = await written(store, "r1", "Hel", "lo", " you")
        reads = ReadBacks(store)
        found = await reads.read(claim.job.key, CHAT, 4)
        assert (found.last, found.stand.stored, found.stand.place) == (4, 3, 0)
        assert found.transcript.length == 9
        before = await reads.read(claim.job.key, CHAT, 4, until=3)
        assert (before.last, before.transcript.length) == (3, 5)


async def test_a_stream_with_a_break_is_read_by_its_numbers_and_cut_by_its_frames() -> None:
    async with open_fake() as store:
        claim = await written(store, "r1", "Hel", "lo")
        job, key = store.keys.partitions[0].job(claim.job.key), claim.job.key
        await raw(store).hset(job, mapping={"last": "999", "breaks": "3:1000"})
        reads = ReadBacks(store)
        assert (await reads.read(key, CHAT, 3)).last == 999
        for number, text in enumerate((" you", " there"), 1000):
            await append(store, batch(claim, number, chunk(text)[0].body))
        found = await reads.read(key, CHAT, 5)
        assert (found.last, found.stand.count, found.transcript.length) == (1001, 5, 15)
        before = await reads.read(key, CHAT, 5, until=4)
        assert (before.last, before.stand.count, before.transcript.length) == (1000, 4, 9)


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

        async def held(key: str, *bounds: int) -> Any:
            reading.append(key)
            await let.wait()
            return await read(key, *bounds)

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
