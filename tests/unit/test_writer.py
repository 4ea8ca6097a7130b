"""The group-commit writer, over streams that answer when the test says so."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from broker.codec import Template, decode, parse_definition
from broker.frames import Frame, Kind
from broker.model import JobState
from broker.store.streams import MAX_BYTES, MAX_STREAMS
from tests.unit.writer_bench import APPENDED, DUPLICATE, Bench, frames, open_bench, texts
from workers.pen import Fenced


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with open_bench() as bench:
        yield bench


async def test_a_frame_goes_out_alone_and_at_once(bench: Bench) -> None:
    pen = bench.pen()
    pen.write(frames("x"))
    (batch,) = await bench.streams.call(1)
    assert (batch.key, batch.token, batch.first, batch.last) == ("a", 7, 1, 1)
    assert texts(batch) == ["x"]
    bench.streams.answer(APPENDED)
    await pen.settled()
    assert (pen.pending, bench.writer.appends, bench.writer.frames) == (0, 1, 1)


async def test_appends_renew_the_lease_now_and_then(bench: Bench) -> None:
    """Fifty a second would cost the store as much as what they say."""
    pen = bench.pen()
    renewing = []
    for number in (1, 2, 3):
        pen.write(frames("x"))
        (batch,) = await bench.streams.call(number)
        bench.streams.answer(APPENDED if number > 1 else DUPLICATE)
        await pen.settled()
        renewing.append(batch.renew)
    assert renewing == [True, True, False], "a duplicate renewed nothing now"
    pen.renewed -= 0.25
    pen.write(frames("x"))
    (batch,) = await bench.streams.call(4)
    assert batch.renew


async def test_a_pen_goes_on_after_the_stream_s_end(bench: Bench) -> None:
    pen = bench.pen(last=41)
    pen.write(frames("x", "y"))
    (batch,) = await bench.streams.call(1)
    assert (batch.first, batch.last, pen.last) == (42, 43, 43)


async def test_what_is_noted_is_written_in_the_next_turn(bench: Bench) -> None:
    pen = bench.pen()
    pen.note(frames("x")[0], [("field", b"1")])
    assert pen.last == 0, "this turn is for something else"
    (batch,) = await bench.streams.call(1)
    assert texts(batch) == ["x"]
    assert batch.fields == (("field", b"1"),)


async def test_what_is_noted_comes_before_what_is_written(bench: Bench) -> None:
    pen = bench.pen()
    pen.note(frames("x")[0], [("field", b"1")])
    pen.write(frames("y"), [("field", b"2")], urgent=True)
    (batch,) = await bench.streams.call(1)
    assert texts(batch) == ["x", "y"]
    assert batch.fields == (("field", b"1"), ("field", b"2"))
    bench.streams.answer(APPENDED)
    await pen.settled()
    assert (pen.last, bench.writer.appends) == (2, 1)


async def test_what_is_noted_is_waited_for(bench: Bench) -> None:
    pen = bench.pen()
    pen.note(frames("x")[0])
    settled = asyncio.ensure_future(pen.settled())
    await bench.streams.call(1)
    assert not settled.done()
    bench.streams.answer(APPENDED)
    await settled


async def test_a_pen_that_has_ended_notes_nothing(bench: Bench) -> None:
    pen = bench.pen()
    pen.note(frames("x")[0])
    pen.end(Fenced())
    with pytest.raises(Fenced):
        pen.note(frames("y")[0])
    with pytest.raises(Fenced):
        await pen.settled()
    assert pen.last == 0
    assert not pen.dirty


async def test_frames_like_the_last_one_are_written_without_looking_into_them(bench: Bench) -> None:
    pen = bench.pen()
    pen.write(frames('{"content":"a"}', '{"content":"b"}'))
    assert pen.alike((b'"content":"',))
    assert pen.again(b'data: {"content":"c"}\n\ndata: {"content":"d"}\n\n') == 2
    neither = b'data: {"content":"e"}\n\ndata: {"content":"f","x":"g"}\n\n'
    assert pen.again(neither) == 0
    assert pen.last == 4
    (batch,) = await bench.streams.call(1)
    bench.streams.answer(APPENDED)
    assert (batch.first, batch.last) == (1, 4)
    assert texts(batch) == [f'{{"content":"{text}"}}' for text in "abcd"]
    pen.end(Fenced())
    assert not pen.alike((b'"content":"',))
    assert pen.again(b'data: {"content":"e"}\n\n') == 0


async def test_what_is_not_like_the_last_one_leaves_nothing_to_be_flushed(bench: Bench) -> None:
    """A provider's comment that keeps the connection alive, say, of which nothing is written."""
    pen = bench.pen()
    pen.write(frames('{"content":"a"}', '{"content":"b"}'))
    await bench.streams.call(1)
    bench.streams.answer(APPENDED)
    await pen.settled()
    assert pen.again(b": still here\n\n") == 0
    assert not pen.dirty
    async with asyncio.timeout(10):
        await pen.settled()
    assert pen.again(b'data: {"content":"c"}\n\n') == 1
    (batch,) = await bench.streams.call(2)
    assert (batch.first, batch.last) == (3, 3)


async def test_what_comes_in_during_a_flush_is_the_next_one(bench: Bench) -> None:
    a, b = bench.pen("a"), bench.pen("b")
    a.write(frames("1"))
    await bench.streams.call(1)
    a.write(frames("2"))
    b.write(frames("1"))
    a.write(frames("3", "4"))
    await asyncio.sleep(0)
    assert len(bench.streams.calls) == 1
    bench.streams.answer(APPENDED)
    both = {batch.key: batch for batch in await bench.streams.call(2)}
    assert (both["a"].first, both["a"].last, texts(both["a"])) == (2, 4, ["2", "3", "4"])
    assert (both["b"].first, both["b"].last) == (1, 1)


async def test_a_call_carries_at_most_so_many_streams(bench: Bench) -> None:
    first = bench.pen("first")
    first.write(frames("x"))
    await bench.streams.call(1)
    keys = [f"k{n}" for n in range(MAX_STREAMS + 2)]
    for key in keys:
        bench.pen(key).write(frames("x"))
    bench.streams.answer(APPENDED)
    second = await bench.streams.call(2)
    assert [batch.key for batch in second] == keys[:MAX_STREAMS]
    bench.streams.answer(*[APPENDED] * MAX_STREAMS)
    assert [batch.key for batch in await bench.streams.call(3)] == keys[MAX_STREAMS:]


async def test_a_call_carries_at_most_so_many_bytes(bench: Bench) -> None:
    bench.pen("first").write(frames("x"))
    await bench.streams.call(1)
    quarter = "x" * (MAX_BYTES // 4)
    for key in "abcd":
        bench.pen(key).write(frames(quarter))
    bench.streams.answer(APPENDED)
    second = await bench.streams.call(2)
    assert [batch.key for batch in second] == ["a", "b", "c"]
    assert sum(batch.size for batch in second) <= MAX_BYTES
    bench.streams.answer(*[APPENDED] * 3)
    assert [batch.key for batch in await bench.streams.call(3)] == ["d"]


async def test_a_batch_over_the_cap_goes_alone(bench: Bench) -> None:
    big, small = bench.pen("big"), bench.pen("small")
    big.write(frames("x" * 2 * MAX_BYTES))
    small.write(frames("y"))
    assert [batch.key for batch in await bench.streams.call(1)] == ["small"]
    bench.streams.answer(APPENDED)
    assert [batch.key for batch in await bench.streams.call(2)] == ["big"]


async def test_a_long_stream_is_cut_into_batches(bench: Bench) -> None:
    pen = bench.pen()
    for _ in range(3):
        pen.write(frames("x" * 70_000))
    for number in (1, 2, 3):
        (batch,) = await bench.streams.call(number)
        assert (batch.first, batch.last) == (number, number)
        bench.streams.answer(APPENDED)
    await pen.settled()


async def test_backpressure_waits_for_acknowledgements(bench: Bench) -> None:
    pen = bench.pen()
    pen.write(frames("x" * 66_000))
    pen.write(frames("y" * 10_000))
    waiting = asyncio.create_task(pen.settled(20_000))
    await bench.streams.call(1)
    assert pen.pending > 76_000
    assert not waiting.done()
    bench.streams.answer(APPENDED)
    await waiting
    assert 10_000 <= pen.pending <= 10_100
    await pen.settled(20_000)


async def test_settled_waits_for_a_batch_without_bytes_too(bench: Bench) -> None:
    pen = bench.pen()
    pen.write([Frame(Kind.DIALECT, b"")])
    waiting = asyncio.create_task(pen.settled())
    await bench.streams.call(1)
    assert not waiting.done()
    bench.streams.answer(APPENDED)
    await waiting


async def test_a_cancelled_waiter_disturbs_nobody(bench: Bench) -> None:
    pen = bench.pen()
    pen.write(frames("1"))
    gone, waiting = asyncio.create_task(pen.settled()), asyncio.create_task(pen.settled())
    await bench.streams.call(1)
    gone.cancel()
    bench.streams.answer(APPENDED)
    await waiting
    assert gone.cancelled()


async def test_definitions_go_with_their_first_use_only(bench: Bench) -> None:
    pen = bench.pen()
    known: dict[int, Template] = {}
    for number, text in enumerate(('{"t":"a"}', '{"t":"b"}', '{"t":"c"}'), 1):
        pen.write(frames(text))
        (batch,) = await bench.streams.call(number)
        assert len(batch.definitions) == (1 if number == 2 else 0)
        known |= {n: parse_definition(text) for n, text in batch.definitions}
        assert decode(batch.payload, known) == frames(text)
        bench.streams.answer(APPENDED)
        await pen.settled()


async def test_fields_and_the_final_state_go_with_their_frames(bench: Bench) -> None:
    pen = bench.pen()
    pen.write(frames("1"))
    await bench.streams.call(1)
    pen.write(frames("2"), [("delivered", b"1")])
    before = pen.final
    pen.write([Frame(Kind.TERMINAL, b"{}")], [("usage", b"{}")], JobState.COMPLETED)
    assert (before, pen.final) == (False, True)
    bench.streams.answer(APPENDED)
    (batch,) = await bench.streams.call(2)
    assert batch.fields == (("delivered", b"1"), ("usage", b"{}"))
    assert (batch.final, batch.last) == (JobState.COMPLETED, 3)


# ── Lingering ─────────────────────────────────────────────────────────────────────────────


async def flushed(bench: Bench, number: int) -> None:
    """One flush has just ended."""
    bench.pen(f"before-{number}").write(frames("x"))
    await bench.streams.call(number)
    bench.streams.answer(APPENDED)
    await asyncio.sleep(0)


async def test_what_follows_a_flush_closely_goes_together(bench: Bench) -> None:
    bench.writer_linger(0.2)  # a machine may well stand still for five milliseconds
    await flushed(bench, 1)
    for key in "abc":
        bench.pen(key).write(frames("x"))
        await asyncio.sleep(0)
    assert len(bench.streams.calls) == 1
    assert [batch.key for batch in await bench.streams.call(2)] == ["a", "b", "c"]


@pytest.mark.parametrize("how", ["urgent", "final", "settled", "late"])
async def test_what_somebody_waits_for_does_not_linger(bench: Bench, how: str) -> None:
    """It takes along what lingered; a millisecond later than the rest would still be seen."""
    bench.writer_linger(60.0)
    await flushed(bench, 1)
    bench.pen("a").write(frames("x"))
    await asyncio.sleep(0)
    assert len(bench.streams.calls) == 1
    pen = bench.pen("b")
    match how:
        case "urgent":
            pen.write(frames("x"), urgent=True)
        case "final":
            pen.write(frames("x"), (), JobState.COMPLETED)
        case "settled":
            pen.write(frames("x"))
            waiting = asyncio.create_task(pen.settled())
        case _:
            pen.write(frames("x"))
            bench.writer.hurry()
    assert [batch.key for batch in await bench.streams.call(2)] == ["a", "b"]
    bench.streams.answer(APPENDED, APPENDED)
    if how == "settled":
        await waiting


async def test_what_nobody_waits_for_goes_with_what_somebody_does(bench: Bench) -> None:
    """Under no load as well, and though others were in a hurry before."""
    bench.writer_linger(60.0)
    pen = bench.pen("a")
    bench.writer.hurry()
    pen.write(frames("x"), idle=True)
    for _ in range(5):
        await asyncio.sleep(0)
    assert bench.streams.calls == []
    pen.write(frames("y"), urgent=True)
    (batch,) = await bench.streams.call(1)
    assert (batch.first, batch.last) == (1, 2)
    bench.streams.answer(APPENDED)


async def test_what_nobody_waits_for_holds_up_nothing(bench: Bench) -> None:
    bench.pen("b").write(frames("x"), urgent=True)
    bench.pen("a").write(frames("x"), idle=True)
    assert [batch.key for batch in await bench.streams.call(1)] == ["b", "a"]
    bench.streams.answer(APPENDED, APPENDED)


async def test_more_than_a_call_holds_does_not_linger(bench: Bench) -> None:
    bench.writer_linger(60.0)
    for n in range(MAX_STREAMS + 1):
        bench.pen(f"k{n}").write(frames("x"))
    await bench.streams.call(1)
    bench.streams.answer(*[APPENDED] * MAX_STREAMS)
    assert len(await bench.streams.call(2)) == 1


async def test_small_batches_go_before_large_ones_which_still_go_on(bench: Bench) -> None:
    """Streams that flood fill every call; one that trickles is in the next one all the same."""
    floods = [bench.pen(f"flood{number}") for number in range(10)]
    trickle = bench.pen("trickle")
    for pen in floods:
        for _ in range(4):
            pen.write([Frame(Kind.DIALECT, b"x" * 60_000)])
    first = await bench.streams.call(1)
    assert [batch.key for batch in first] == [f"flood{number}" for number in range(2)]
    trickle.write(frames("y"))
    bench.streams.answer(*[APPENDED] * len(first))
    second = await bench.streams.call(2)
    keys = [batch.key for batch in second]
    assert keys[:2] == ["flood2", "trickle"], "one of those that were left, and then who is short"
    trickle.write(frames("z"))
    bench.streams.answer(*[APPENDED] * len(second))
    third = await bench.streams.call(3)
    assert third[1].key == "trickle"
    assert third[0].key == "flood4"
