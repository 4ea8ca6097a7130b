"""What the store's answers make of a pen: sent again, fenced, rewound, lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from broker.store.streams import Batch
from tests.unit.writer_bench import (
    APPENDED,
    DUPLICATE,
    FENCED,
    Bench,
    frames,
    open_bench,
    rewind,
    texts,
)
from workers.pen import Fenced, FramesLost, Pen


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with open_bench() as bench:
        yield bench


def headed(pen: Pen) -> Batch:
    """The pen's oldest batch; it has one."""
    batch = pen.head(0.0)
    assert batch is not None
    return batch


def acknowledged(bench: Bench, pen: Pen, now: float) -> None:
    """The pen's oldest batch is stored, at a time of the loop's."""
    batch = headed(pen)
    pen.acknowledge(batch)
    bench.writer.keep([(pen, batch)], now)


async def test_an_unanswered_batch_is_sent_again_unchanged(bench: Bench) -> None:
    pen = bench.pen()
    pen.write(frames("1"))
    (batch,) = await bench.streams.call(1)
    pen.write(frames("2"))
    bench.streams.go_away()
    (again,) = await bench.streams.call(2)
    bench.streams.go_away()
    (once_more,) = await bench.streams.call(3)
    assert batch is again is once_more
    bench.streams.answer(DUPLICATE)  # the first had arrived
    (following,) = await bench.streams.call(4)
    assert (following.first, texts(following)) == (2, ["2"])
    bench.streams.answer(APPENDED)
    await pen.settled()
    assert bench.ends == []


async def test_fenced_ends_the_pen_once(bench: Bench) -> None:
    pen, other = bench.pen("a"), bench.pen("b")
    pen.write(frames("1"))
    other.write(frames("1"))
    await bench.streams.call(1)
    pen.write(frames("2"))
    waiting = asyncio.create_task(pen.settled())
    await asyncio.sleep(0)
    bench.streams.answer(FENCED, APPENDED)
    with pytest.raises(Fenced):
        await waiting
    with pytest.raises(Fenced):
        pen.write(frames("3"))
    with pytest.raises(Fenced):
        await pen.settled()
    pen.end(Fenced())
    assert [(key, type(error)) for key, error in bench.ends] == [("a", Fenced)]
    await other.settled()
    assert len(bench.streams.calls) == 1


async def test_a_pen_taken_in_mid_flight_takes_no_notice_of_the_verdict(bench: Bench) -> None:
    pen = bench.pen()
    pen.write(frames("1"))
    await bench.streams.call(1)
    pen.end(Fenced())
    bench.streams.answer(rewind(0))
    other = bench.pen("b")
    other.write(frames("1"))
    assert [batch.key for batch in await bench.streams.call(2)] == ["b"]
    assert len(bench.ends) == 1


async def test_rewind_sends_kept_batches_again_in_order(bench: Bench) -> None:
    pen = bench.pen()
    sent: list[Batch] = []
    for number in range(1, 5):
        pen.write(frames(str(number)))
        sent += await bench.streams.call(number)
        bench.streams.answer(rewind(1) if number == 4 else APPENDED)
        if number < 4:
            await pen.settled()
    for number, expected in enumerate(sent[1:], 5):
        assert await bench.streams.call(number) == [expected]
        bench.streams.answer(APPENDED)
    await pen.settled()
    assert pen.pending == 0
    assert bench.ends == []


async def test_rewind_beyond_what_is_kept_loses_frames(bench: Bench) -> None:
    pen = bench.pen(last=5)
    pen.write(frames("6"))
    await bench.streams.call(1)
    bench.streams.answer(APPENDED)
    await pen.settled()
    pen.write(frames("7"))
    await bench.streams.call(2)
    bench.streams.answer(rewind(4))
    with pytest.raises(FramesLost) as caught:
        await pen.settled()
    assert caught.value.last == 4
    assert [key for key, _ in bench.ends] == ["a"]


async def test_rewind_to_a_point_ahead_loses_frames(bench: Bench) -> None:
    pen = bench.pen()
    pen.write(frames("1", "2"))
    await bench.streams.call(1)
    bench.streams.answer(rewind(1))
    with pytest.raises(FramesLost):
        await pen.settled()


def test_kept_batches_are_dropped_when_their_time_is_over() -> None:
    bench = Bench(keep=2.0)
    pen = bench.pen()
    for number, now in ((1, 10.0), (2, 11.0), (3, 12.5)):
        pen.write(frames(str(number)))
        acknowledged(bench, pen, now)
        bench.writer.forget(now)
    pen.rewind(1)  # 2 and 3 are kept still
    assert headed(pen).first == 2
    bench = Bench(keep=2.0)
    pen = bench.pen()
    for number, now in ((1, 10.0), (2, 11.0), (3, 13.5)):
        pen.write(frames(str(number)))
        size = headed(pen).size
        acknowledged(bench, pen, now)
    bench.writer.forget(13.5)
    assert bench.writer.kept == size
    pen.rewind(1)
    assert [type(error) for _, error in bench.ends] == [FramesLost]


async def test_reading_waits_while_too_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(keep=0.0)
    bench.writer.most_kept = 40
    busy, other = bench.pen("busy"), bench.pen("other")
    await other.room()
    busy.write(frames("x" * 50))
    acknowledged(bench, busy, asyncio.get_running_loop().time())
    assert other.crowded is True  # one pen's bytes are every pen's
    monkeypatch.setattr("workers.writer._FIRST_WAIT", 0.0)
    await other.room()
    assert bench.writer.kept == 0
    busy.write(frames("y"))
    busy.rewind(0)  # nothing is held any more
    assert [type(error) for _, error in bench.ends] == [FramesLost]


# ── All that is held, sent again ─────────────────────────────────────────────────────


async def test_all_that_is_held_is_sent_again_in_order(bench: Bench) -> None:
    pen = bench.pen()
    sent: list[Batch] = []
    for number in (1, 2, 3):
        pen.write(frames(str(number)))
        sent += await bench.streams.call(number)
        bench.streams.answer(APPENDED)
        await pen.settled()
    for calls in (3, 6):  # and again: it is still held
        pen.send_again()
        for number, expected in enumerate(sent, calls + 1):
            assert await bench.streams.call(number) == [expected]
            bench.streams.answer(DUPLICATE if number == calls + 1 else APPENDED)
        await pen.settled()
    assert (pen.pending, pen.last, bench.ends) == (0, 3, [])


async def test_nothing_is_sent_again_before_what_is_on_its_way_was_answered(bench: Bench) -> None:
    pen = bench.pen()
    pen.write(frames("1"))
    await bench.streams.call(1)
    bench.streams.answer(APPENDED)
    await pen.settled()
    pen.write(frames("2"))
    await bench.streams.call(2)
    pen.send_again()
    bench.streams.answer(APPENDED)
    await pen.settled()
    assert len(bench.streams.calls) == 2


async def test_a_pen_that_is_not_ours_sends_nothing_again(bench: Bench) -> None:
    pen, other = bench.pen("a"), bench.pen("b")
    pen.write(frames("1"))
    await bench.streams.call(1)
    bench.streams.answer(APPENDED)
    await pen.settled()
    before = pen.ours
    pen.end(Fenced())
    assert (before, pen.ours) == (True, False)
    pen.send_again()
    other.write(frames("1"))
    assert [batch.key for batch in await bench.streams.call(2)] == ["b"]


async def test_what_was_lost_before_all_that_is_held_is_lost(bench: Bench) -> None:
    pen = bench.pen(last=5)
    pen.write(frames("6"))
    await bench.streams.call(1)
    bench.streams.answer(APPENDED)
    await pen.settled()
    pen.send_again()
    await bench.streams.call(2)
    bench.streams.answer(rewind(4))
    with pytest.raises(FramesLost) as caught:
        await pen.settled()
    assert caught.value.last == 4
