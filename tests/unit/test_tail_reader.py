"""Readers: catch up, go live, fall back."""

import asyncio

import pytest

from broker.errors import StoreAway
from broker.model import JobState, Terminal
from broker.tail import reader as reader_module
from broker.tail.feed import _MOST_MESSAGES
from broker.tail.reader import Reader
from broker.tail.segment import Segment
from tests.unit.tail_stream import Stream, read, set_pages


async def test_a_reader_catches_up_and_goes_live() -> None:
    stream = Stream()
    stream.write("a", "b")
    stream.write("c", lost=True)
    reader = stream.reader()
    assert await read(reader) == ["a", "b", "c"]
    live = asyncio.create_task(read(reader))
    await asyncio.sleep(0)
    stream.write("d", "e")
    assert await live == ["d", "e"]
    assert (reader.cursor, stream.reads) == (5, [0])
    assert not reader.ended


@pytest.mark.parametrize(("cursor", "expected"), [(1, "bcd"), (2, "cd"), (3, "d")])
async def test_a_cursor_within_an_entry(cursor: int, expected: str) -> None:
    stream = Stream()
    stream.write(*"abc")
    stream.write("d")
    assert await read(stream.reader(cursor)) == list(expected)


async def test_a_reader_that_came_before_the_job_needs_no_store() -> None:
    stream = Stream()
    reader = stream.reader()
    reader.begin()
    stream.write("a")
    assert await read(reader) == ["a"]
    assert stream.reads == []


async def test_a_reader_whose_subscription_was_lost_does() -> None:
    stream = Stream()
    reader = stream.reader()
    stream.reconnect()
    stream.write("a", lost=True)
    reader.begin()
    assert await read(reader) == ["a"]


async def test_a_gap_is_caught_up() -> None:
    stream = Stream()
    reader = stream.reader()
    reader.begin()
    stream.write("a")
    assert await read(reader) == ["a"]
    stream.write("b", lost=True)
    stream.write("c")
    assert await read(reader) == ["b", "c"]
    assert stream.reads == [1]
    stream.write("d")
    assert await read(reader) == ["d"]
    assert stream.reads == [1]


async def test_a_template_of_before_is_caught_up() -> None:
    stream = Stream()
    stream.write("a", "b", "c", lost=True)  # defines the template
    reader = stream.reader(3)
    reader.begin()
    stream.write("d")
    assert await read(reader) == ["d"]
    stream.write("e")
    assert await read(reader) == ["e"]
    assert stream.reads == [3]


async def test_a_new_connection_is_caught_up_with() -> None:
    stream = Stream()
    reader = stream.reader()
    reader.begin()
    waiting = asyncio.create_task(read(reader))
    await asyncio.sleep(0)
    stream.write("a", lost=True)
    await asyncio.sleep(0)
    assert not waiting.done()
    stream.reconnect()
    assert await waiting == ["a"]


async def test_a_connection_lost_during_the_catch_up_starts_another() -> None:
    stream = Stream()
    stream.read_turns = 1
    reader = stream.reader()
    waiting = asyncio.create_task(read(reader))
    for _ in range(2):  # the page is on its way back, without what comes now
        await asyncio.sleep(0)
    stream.write("a", lost=True)
    stream.reconnect()
    assert await waiting == ["a"]
    assert stream.reads == [0, 0]


async def test_a_slow_reader_keeps_its_place() -> None:
    stream = Stream()
    slow, quick = stream.reader(), stream.reader()
    slow.begin()
    quick.begin()
    expected = [str(n) for n in range(_MOST_MESSAGES + 5)]
    for text in expected:
        stream.write(text)
        assert await read(quick) == [text]
    found: list[str] = []
    while len(found) < len(expected):
        found += await read(slow)
    assert found == expected
    assert stream.reads[0] == 0
    assert len(stream.reads) < 5, "the ring has the rest"


async def test_a_long_stream_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    set_pages(monkeypatch, 2, 4)
    stream = Stream()
    for text in "abcdefghijk":
        stream.write(text)
    reader = stream.reader()
    pages = [await read(reader) for _ in range(4)]
    assert ["".join(page) for page in pages] == ["ab", "cdef", "ghij", "k"]
    assert stream.reads == [0, 2, 6, 10]


async def test_the_terminal_ends_it() -> None:
    stream = Stream()
    stream.write("a", end=True)
    reader = stream.reader()
    found = await reader.next()
    assert found[-1].terminal == Terminal(JobState.COMPLETED)
    assert (reader.ended, reader.cursor) == (True, 2)


async def test_nothing_follows_a_terminal() -> None:
    stream = Stream()
    reader = stream.reader()
    reader.begin()
    stream.write(end=True)
    stream.state = JobState.RUNNING  # retried
    stream.write("a")
    found = await reader.next()
    assert [segment.last for segment in found] == [1]
    assert (reader.ended, reader.cursor) == (True, 1)


async def test_a_poke_wakes_its_reader_alone() -> None:
    stream = Stream()
    reader, other = stream.reader(), stream.reader()
    reader.begin()
    other.begin()
    waiting, still = asyncio.create_task(read(reader)), asyncio.create_task(read(other))
    await asyncio.sleep(0)
    reader.poke()
    assert await waiting == []
    assert not still.done()
    stream.write("a")
    assert await still == await read(reader) == ["a"]


async def test_a_poke_before_the_wait_counts() -> None:
    stream = Stream()
    reader = stream.reader()
    reader.begin()
    reader.poke()
    assert await read(reader) == []
    stream.write("a")
    assert await read(reader) == ["a"]


async def test_a_poke_is_heard_while_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_AWAY_WAIT", 0.0)
    stream = Stream()
    stream.away, stream.patience = True, 60.0
    reader = stream.reader()
    asyncio.get_running_loop().call_soon(reader.poke)
    assert await read(reader) == []


async def test_a_store_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_AWAY_WAIT", 0.0)
    stream = Stream()
    stream.away, stream.patience = True, 60.0
    stream.write("a")

    def come_back() -> None:
        stream.away = False

    asyncio.get_running_loop().call_soon(come_back)
    assert await read(stream.reader()) == ["a"]


async def test_it_is_waited_for_no_longer_than_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_AWAY_WAIT", 0.0)
    stream = Stream()
    stream.away, stream.patience = True, 0.0
    with pytest.raises(StoreAway):
        await read(stream.reader())


async def test_a_template_that_is_nowhere_is_no_answer() -> None:
    stream = Stream()
    stream.write("a", "b", lost=True)
    stream.templates.clear()
    with pytest.raises(StoreAway, match="template"):
        await read(stream.reader())


async def test_leaving_leaves() -> None:
    stream = Stream()
    stream.reader().close()
    assert stream.left == 1


# ── Into a sink ───────────────────────────────────────────────────────────────────────────


class Sink:
    """Takes what it is given, as long as it is willing."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.willing = True
        self.error: Exception | None = None

    def __call__(self, segments: list[Segment]) -> bool:
        if self.error is not None:
            raise self.error
        if self.willing:
            self.taken += [f.body.decode() for segment in segments for f in segment.frames]
        return self.willing


def poured(*texts: str) -> list[str]:
    return [f'data: {{"t":"{text}"}}' for text in texts]


async def parked(stream: Stream, sink: Sink) -> "tuple[Reader, asyncio.Task[list[str]]]":
    """A live reader that waits for more, with a sink."""
    reader = stream.reader()
    reader.begin()
    reader.pour_into(sink)
    task = asyncio.create_task(read(reader))
    await asyncio.sleep(0)
    return reader, task


async def test_what_comes_goes_into_the_sink_and_wakes_nobody() -> None:
    stream, sink = Stream(), Sink()
    reader, task = await parked(stream, sink)
    stream.write("a", "b")
    assert (sink.taken, reader.cursor) == (poured("a", "b"), 2)
    stream.write("c")
    await asyncio.sleep(0)
    assert (sink.taken, reader.cursor) == (poured("a", "b", "c"), 3)
    assert not task.done()
    stream.write("d", end=True)
    assert (await task)[:-1] == ["d"]
    assert (reader.ended, reader.cursor) == (True, 5)
    assert sink.taken == poured("a", "b", "c")


async def test_what_the_sink_does_not_take_is_read() -> None:
    stream, sink = Stream(), Sink()
    _, task = await parked(stream, sink)
    stream.write("a")
    sink.willing = False
    stream.write("b")
    stream.write("c")
    assert await task == ["b", "c"]
    assert sink.taken == poured("a")


async def test_a_gap_a_new_connection_and_a_poke_are_none_of_the_sink_s() -> None:
    stream, sink = Stream(), Sink()
    reader, task = await parked(stream, sink)
    stream.write("a", lost=True)
    stream.write("b")
    assert await task == ["a", "b"]
    task = asyncio.create_task(read(reader))
    await asyncio.sleep(0)
    stream.write("c", lost=True)
    stream.reconnect()
    assert await task == ["c"]
    task = asyncio.create_task(read(reader))
    await asyncio.sleep(0)
    reader.poke()
    stream.write("d")
    assert await task == []
    assert sink.taken == []


async def test_a_sink_that_fails_harms_its_own_reader_alone() -> None:
    stream, sink, other = Stream(), Sink(), Sink()
    _, first = await parked(stream, sink)
    _, second = await parked(stream, other)
    sink.error = RuntimeError("defect")
    stream.write("a")
    assert await first == ["a"]
    assert other.taken == poured("a")
    second.cancel()


# ── At rest ───────────────────────────────────────────────────────────────────────────────


async def test_a_reader_rests_only_if_there_is_nothing_to_do() -> None:
    stream, sink, woken = Stream(), Sink(), asyncio.Event()
    stream.write("a")
    reader = stream.reader()
    reader.pour_into(sink)

    def rests() -> bool:
        woken.clear()
        return reader.rest(lambda _: woken.set())

    assert not rests()  # it is to catch up first
    assert await read(reader) == ["a"]
    assert rests()
    stream.write("b")
    await asyncio.sleep(0)
    assert (sink.taken, woken.is_set()) == (poured("b"), False)
    sink.willing = False
    stream.write("c")
    await woken.wait()
    assert not rests()
    assert await read(reader) == ["c"]
    assert rests()
    reader.poke()
    await woken.wait()
    assert not rests()
    assert await read(reader) == []
    assert rests()
    stream.reconnect()
    await woken.wait()
    assert not rests()


async def test_a_reader_at_rest_that_is_closed_hears_no_more() -> None:
    stream, sink, woken = Stream(), Sink(), asyncio.Event()
    reader = stream.reader()
    reader.begin()
    reader.pour_into(sink)
    assert reader.rest(lambda _: woken.set())
    reader.close()
    stream.write("a", end=True)
    await asyncio.sleep(0)
    assert (sink.taken, woken.is_set()) == ([], False)
