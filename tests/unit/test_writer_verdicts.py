"""What the store's answers make of a pen: sent again, fenced, rewound, lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from broker.errors import StoreAway
from broker.model import JobState
from broker.store.queue import Claim
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
    bench.writer.least_kept = 0
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


# ── Claims that the store lost ────────────────────────────────────────────────────────────


class Reclaim:
    """Answers in turn whether a claim holds, or that the store is away."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Claim] = []

    async def __call__(self, claim: Claim) -> bool:
        self.asked.append(claim)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def claimed_pen(bench: Bench, *answers: bool | Exception) -> tuple[Pen, Reclaim]:
    claim = cast(Claim, object())
    bench.writer.reclaim = reclaim = Reclaim(*answers)
    pen = bench.writer.pen("a", 7, 0, lambda error: bench.ends.append(("a", error)), claim)
    return pen, reclaim


async def test_a_claim_that_holds_again_is_gone_on_with(bench: Bench) -> None:
    pen, reclaim = claimed_pen(bench, StoreAway(), True)
    pen.write(frames("1"))
    await bench.streams.call(1)
    bench.streams.answer(APPENDED)
    pen.write(frames("2"))
    (second,) = await bench.streams.call(2)
    bench.streams.answer(FENCED)  # it is asked, in vain
    (again,) = await bench.streams.call(3)
    assert again is second
    bench.streams.answer(FENCED)  # and told that the claim was lost
    await bench.streams.call(4)
    bench.streams.answer(rewind(0))
    (first,) = await bench.streams.call(5)
    assert (first.first, texts(first)) == (1, ["1"])
    bench.streams.answer(APPENDED)
    await bench.streams.call(6)
    bench.streams.answer(APPENDED)
    await pen.settled()
    assert (bench.ends, len(reclaim.asked)) == ([], 2)


async def test_a_claim_that_is_another_s_is_fenced(bench: Bench) -> None:
    pen, _ = claimed_pen(bench, False)
    pen.write(frames("1"))
    await bench.streams.call(1)
    bench.streams.answer(FENCED)
    with pytest.raises(Fenced):
        await pen.settled()
    assert [type(error) for _, error in bench.ends] == [Fenced]


# ── A store that was away ─────────────────────────────────────────────────────────────────


def test_what_was_kept_as_the_store_went_is_kept_when_it_is_back() -> None:
    bench = Bench(keep=2.0)
    bench.writer.least_kept = 0
    pen = bench.pen()
    bench.writer.answered(100.0)
    pen.write(frames("1"))
    acknowledged(bench, pen, 100.0)
    bench.writer.forget(500.0)  # four hundred seconds without a word of it
    bench.writer.answered(500.0)
    bench.writer.forget(501.9)
    assert pen.keeps
    pen.rewind(0)
    assert bench.ends == []
    assert headed(pen).first == 1


def test_the_last_of_a_running_stream_is_kept_whatever_its_age() -> None:
    bench = Bench(keep=2.0)
    pen, over = bench.pen(), bench.pen("b")
    for each, final in ((pen, None), (over, JobState.COMPLETED)):
        each.write(frames("1"), (), final)
        acknowledged(bench, each, 10.0)
    bench.writer.forget(1000.0)
    assert pen.keeps
    assert not over.keeps
    pen.send_again()
    assert headed(pen).first == 1


def test_of_a_long_stream_no_more_is_kept_than_that() -> None:
    bench = Bench(keep=2.0)
    pen = bench.pen()
    for number in range(300):
        pen.write(frames(str(number)))
        acknowledged(bench, pen, 10.0)
    bench.writer.forget(1000.0)
    kept = pen._kept_size
    assert bench.writer.least_kept <= kept < 2 * bench.writer.least_kept
    assert kept == sum(batch.size for batch in pen._kept)
    assert pen._kept[-1].last == 300
