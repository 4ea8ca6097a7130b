"""The group-commit writer, over streams that answer when the test says so."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from broker.codec import Template, decode, parse_definition
from broker.errors import StoreAway
from broker.frames import Frame, Kind, parse_message
from broker.model import JobState
from broker.settings import Worker
from broker.store.keys import Keys, Partition
from broker.store.streams import MAX_BYTES, MAX_STREAMS, Batch, Streams, Verdict
from workers import writer as writer_module
from workers.writer import Fenced, FramesLost, Pen, Writer

PARTITION = Keys("test", 1).partitions[0]
APPENDED, DUPLICATE, FENCED = Verdict.APPENDED, Verdict.DUPLICATE, Verdict.FENCED


def rewind(last: int) -> int:
    return Verdict.REWIND - last


class HeldStreams:
    """Streams whose every append waits for the test's answer."""

    def __init__(self) -> None:
        self.calls: list[list[Batch]] = []
        self._answers: list[asyncio.Future[list[int]]] = []
        self._called = asyncio.Event()

    async def append(self, partition: Partition, batches: Sequence[Batch]) -> list[int]:
        assert partition is PARTITION
        assert all(answer.done() for answer in self._answers), "two flushes in flight"
        self.calls.append(list(batches))
        answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._called.set()
        return await answer

    async def call(self, number: int) -> list[Batch]:
        """The batches of a call, waited for."""
        while len(self.calls) < number:
            self._called.clear()
            await self._called.wait()
        return self.calls[number - 1]

    def answer(self, *verdicts: int) -> None:
        self._answers[-1].set_result(list(verdicts))

    def go_away(self) -> None:
        self._answers[-1].set_exception(StoreAway())


class Bench:
    """A writer that runs, and pens whose ends are noted."""

    def __init__(self, keep: float = 60.0) -> None:
        self.streams = HeldStreams()
        settings = Worker(keep_acknowledged=keep)
        self.writer = Writer(cast(Streams, self.streams), PARTITION, settings)
        self.ends: list[tuple[str, Exception]] = []

    def pen(self, key: str = "a", *, last: int = 0) -> Pen:
        return self.writer.pen(key, 7, last, lambda error: self.ends.append((key, error)))


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(writer_module, "_FIRST_WAIT", 0.0)
    bench = Bench()
    task = asyncio.create_task(bench.writer.run())
    yield bench
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def frames(*texts: str) -> list[Frame]:
    return [Frame(Kind.DIALECT, b"data: " + text.encode()) for text in texts]


def texts(batch: Batch) -> list[str]:
    known = {number: parse_definition(text) for number, text in batch.definitions}
    return [frame.body[6:].decode() for frame in decode(batch.payload, known)]


async def test_a_frame_goes_out_alone_and_at_once(bench: Bench) -> None:
    pen = bench.pen()
    pen.write(frames("x"))
    (batch,) = await bench.streams.call(1)
    assert (batch.key, batch.token, batch.first, batch.last) == ("a", 7, 1, 1)
    assert texts(batch) == ["x"]
    assert parse_message(batch.head + batch.payload).payload == batch.payload
    bench.streams.answer(APPENDED)
    await pen.settled()
    assert (pen.pending, bench.writer.appends, bench.writer.frames) == (0, 1, 1)


async def test_a_pen_goes_on_after_the_stream_s_end(bench: Bench) -> None:
    pen = bench.pen(last=41)
    pen.write(frames("x", "y"))
    (batch,) = await bench.streams.call(1)
    assert (batch.first, batch.last, pen.last) == (42, 43, 43)


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
    assert [batch.key for batch in await bench.streams.call(1)] == ["big"]
    bench.streams.answer(APPENDED)
    assert [batch.key for batch in await bench.streams.call(2)] == ["small"]


async def test_a_long_stream_is_cut_into_batches(bench: Bench) -> None:
    pen = bench.pen()
    for _ in range(3):
        pen.write(frames("x" * 70_000))
    for number in (1, 2, 3):
        (batch,) = await bench.streams.call(number)
        assert (batch.first, batch.last) == (number, number)
        bench.streams.answer(APPENDED)
    await pen.settled()


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
    bench = Bench()
    pen = bench.pen()
    for number, now in ((1, 10.0), (2, 11.0), (3, 12.5)):
        pen.write(frames(str(number)))
        pen.acknowledge(pen.head(), now, keep=2.0)
    pen.rewind(1)  # 2 and 3 are kept still
    assert pen.head().first == 2
    bench = Bench()
    pen = bench.pen()
    for number, now in ((1, 10.0), (2, 11.0), (3, 13.5)):
        pen.write(frames(str(number)))
        pen.acknowledge(pen.head(), now, keep=2.0)
    pen.rewind(1)
    assert [type(error) for _, error in bench.ends] == [FramesLost]


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
        assert parse_message(batch.head + batch.payload).definitions == batch.definitions
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


# ── Against a naive store ────────────────────────────────────────────────────────────


@dataclass
class NaiveStream:
    entries: list[tuple[int, int, bytes]] = field(default_factory=list)
    templates: dict[int, Template] = field(default_factory=dict)
    final: JobState | None = None

    @property
    def last(self) -> int:
        return self.entries[-1][1] if self.entries else 0

    def append(self, batch: Batch) -> int:
        if batch.last <= self.last:
            return DUPLICATE
        if self.final is not None:
            return FENCED
        if batch.first != self.last + 1:
            return rewind(self.last)
        self.entries.append((batch.first, batch.last, batch.payload))
        self.templates |= {n: parse_definition(text) for n, text in batch.definitions}
        self.final = batch.final
        return APPENDED

    def forget(self, entries: int) -> None:
        """What a crash of the host does: the end of the log is lost."""
        if entries:
            del self.entries[-entries:]
            self.final = None


class FaultyStreams:
    """Applies the rules of append; ``faults`` has one per call: lost before, lost after, or
    how many entries each stream of the call forgets first."""

    def __init__(self, faults: list[Any]) -> None:
        self.streams: dict[str, NaiveStream] = {}
        self._faults = iter(faults)

    async def append(self, partition: Partition, batches: Sequence[Batch]) -> list[int]:
        fault = next(self._faults, None)
        await asyncio.sleep(0)
        if fault == "before":
            raise StoreAway()
        streams = [self.streams.setdefault(batch.key, NaiveStream()) for batch in batches]
        if isinstance(fault, int):
            for stream in streams:
                stream.forget(fault)
        verdicts = [stream.append(batch) for stream, batch in zip(streams, batches, strict=True)]
        if fault == "after":
            raise StoreAway()
        return verdicts


texts_of_frames = st.lists(
    st.sampled_from(['{"t":"a"}', '{"t":"é"}', '{"n":1}', "", "x"]), max_size=4
)
writes = st.lists(st.tuples(st.integers(0, 2), texts_of_frames, st.booleans()), max_size=25)
faults = st.lists(st.sampled_from([None, "before", "after", 1, 2, 5]), max_size=20)


@hypothesis_settings(max_examples=200, derandomize=True, deadline=None)
@given(writes, faults)
def test_the_store_gets_what_was_written(
    script: list[tuple[int, list[str], bool]], faults: list[Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_module, "_FIRST_WAIT", 0.0)
        asyncio.run(_write_and_compare(script, faults))


async def _write_and_compare(script: list[tuple[int, list[str], bool]], faults: list[Any]) -> None:
    streams = FaultyStreams(faults)
    writer = Writer(cast(Streams, streams), PARTITION, Worker(keep_acknowledged=60.0))
    task = asyncio.create_task(writer.run())
    ends: list[Exception] = []
    pens = [writer.pen(str(n), 1, 0, ends.append) for n in range(3)]
    written: list[list[Frame]] = [[], [], []]
    for number, some, yields in script:
        if some:
            pens[number].write(frames(*some))
            written[number] += frames(*some)
        if yields:
            await asyncio.sleep(0)
    for pen, mine in zip(pens, written, strict=True):
        end = Frame(Kind.TERMINAL, b"{}")
        pen.write([end], final=JobState.COMPLETED)
        mine.append(end)
    async with asyncio.timeout(5):
        for pen in pens:
            await pen.settled()
    task.cancel()
    assert ends == []
    for number, mine in enumerate(written):
        stream = streams.streams[str(number)]
        found: list[Frame] = []
        for first, last, payload in stream.entries:
            assert first == len(found) + 1
            found += decode(payload, stream.templates)
            assert last == len(found)
        assert found == mine
        assert stream.final is JobState.COMPLETED
