"""Readers: catch up, go live, fall back; every frame exactly once, in order."""

import asyncio
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.codec import Encoder, Template, parse_definition
from broker.errors import JobGone, StoreAway
from broker.frames import Frame, Kind, Message
from broker.model import JobState, Terminal
from broker.store.streams import Entries
from broker.tail import Tail
from broker.tail import reader as reader_module
from broker.tail.feed import _MOST_MESSAGES, Feed
from broker.tail.reader import Reader
from broker.tail.segment import Segment

END = Frame(Kind.TERMINAL, msgspec.json.encode(Terminal(JobState.COMPLETED)))


class Stream:
    """One stream as store, channel and tail: what a reader can see of them.

    ``write`` appends frames as one entry; its message reaches the feed unless it is lost.
    """

    def __init__(self) -> None:
        self.feed = Feed("k")
        self.frames: list[Frame] = []
        self.entries: list[tuple[int, bytes]] = []
        self.templates: dict[int, Template] = {}
        self.state = JobState.RUNNING
        self.generation = 0
        self.patience = 0.0
        self.catch_ups = asyncio.Semaphore(2)
        self.reads: list[int] = []
        self.away = False
        self.turns = 0  # of the loop that a read takes
        self.left = 0
        self._encoder = Encoder()

    def write(self, *texts: str, lost: bool = False, end: bool = False) -> None:
        frames = [Frame(Kind.DIALECT, b'data: {"t":"%b"}' % text.encode()) for text in texts]
        if end:
            frames.append(END)
            self.state = JobState.COMPLETED
        payload = bytearray()
        for frame in frames:
            self._encoder.encode(frame.kind, frame.body, payload)
        definitions = tuple(self._encoder.take_fresh())
        self.templates |= {number: parse_definition(text) for number, text in definitions}
        first = len(self.frames) + 1
        self.frames += frames
        self.entries.append((len(self.frames), bytes(payload)))
        if not lost:
            self.feed.push(Message(first, len(self.frames), definitions, bytes(payload)))

    def go_back(self, entries: int) -> None:
        """The store's host crashed: it lost the last entries."""
        del self.entries[-entries:]
        del self.frames[self.entries[-1][0] if self.entries else 0 :]
        self.state = JobState.RUNNING

    def reconnect(self) -> None:
        self.generation += 1
        self.feed.wake()

    def reader(self, cursor: int = 0) -> Reader:
        return Reader(cast(Tail, self), self.feed, cursor, self.generation)

    # What the reader calls of its tail.

    async def connected(self, deadline: float) -> int:
        if self.away:
            raise StoreAway()
        return self.generation

    async def read(self, key: str, after: int, count: int) -> Entries:
        self.reads.append(after)
        for _ in range(self.turns):
            await asyncio.sleep(0)
        found = Entries(
            state=self.state,
            last=len(self.frames),
            rows=[row for row in self.entries if row[0] > after][:count],
            templates=dict(self.templates),
        )
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return found

    def leave(self, feed: Feed) -> None:
        assert feed is self.feed
        self.left += 1


def texts(found: list[Segment]) -> list[str]:
    return [frame.body[12:-2].decode() for segment in found for frame in segment.frames]


async def read(reader: Reader) -> list[str]:
    async with asyncio.timeout(5):
        return texts(await reader.next())


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
    stream.turns = 1
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


def set_pages(patch: pytest.MonkeyPatch, first: int, most: int) -> None:
    patch.setattr(reader_module, "_FIRST_PAGE", first)
    patch.setattr(reader_module, "_PAGE", most)


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


# ── A store that went back ───────────────────────────────────────────────────────────


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


async def test_a_stream_that_ends_before_the_cursor_is_gone() -> None:
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
    with pytest.raises(JobGone):
        await waiting
    found = await behind.next()
    assert [segment.last for segment in found] == [1, 2]
    assert behind.ended


# ── Any interleaving ─────────────────────────────────────────────────────────────────

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
                stream.turns = number
    stream.write("last", end=True, lost=lost_end)
    if lost_end:
        stream.reconnect()
    async with asyncio.timeout(5):
        for cursor, task in tasks:
            assert await task == stream.frames[cursor:]
