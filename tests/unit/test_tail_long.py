"""Readers of much at once: slices in turn, shared where they can be, and little kept of them."""

import asyncio

from broker.codec import Encoder, verbatim
from broker.decoding import FRAME, SLICE, size_of
from broker.frames import Kind, Message
from broker.tail.feed import _MOST_BYTES, Feed
from broker.tail.reader import Reader
from broker.tail.segment import Segment
from tests.unit.tail_stream import Stream, texts

MANY = [f"{number}" + "x" * 200 for number in range(3000)]


class Clock:
    """Counts the turns of the loop."""

    def __init__(self) -> None:
        self.turns = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)

    def stop(self) -> None:
        self._task.cancel()


async def slices_of(reader: Reader, count: int) -> tuple[list[list[Segment]], list[int]]:
    """What ``next`` brings until so many frames came, and in which turn each time."""
    clock = Clock()
    found: list[list[Segment]] = []
    at: list[int] = []
    async with asyncio.timeout(20):
        while count > 0:
            found.append(await reader.next())
            at.append(clock.turns)
            count -= sum(len(segment.frames) for segment in found[-1])
    clock.stop()
    for part in found:
        assert sum(size_of(each.frames) for each in part) <= SLICE + 300 + FRAME
    return found, at


async def test_a_page_is_brought_slice_by_slice() -> None:
    stream = Stream()
    stream.write(*MANY)
    stream.write("the last one")
    reader = stream.reader()
    found, at = await slices_of(reader, len(MANY) + 1)
    assert [text for part in found for text in texts(part)] == [*MANY, "the last one"]
    assert len(found) > 10
    assert at == sorted(set(at)), "two slices came in one turn"
    assert stream.reads == [0]
    stream.write("live")
    assert texts(await asyncio.wait_for(reader.next(), 10)) == ["live"]
    assert stream.reads == [0]


async def test_a_live_message_is_brought_slice_by_slice_and_shared() -> None:
    stream = Stream()
    one, other = stream.reader(), stream.reader()
    one.begin()
    other.begin()
    stream.write(*MANY)
    shared = 0
    for _ in range(10):
        first, second = await one.next(), await other.next()
        shared += sum(a is b for a, b in zip(first, second, strict=True))
    assert shared >= 10
    found, at = await slices_of(one, len(MANY) - one.cursor)
    assert at == sorted(set(at)), "two slices came in one turn"
    assert texts(found[-1])[-1] == MANY[-1]
    rest, _ = await slices_of(other, len(MANY) - other.cursor)
    assert texts(rest[-1])[-1] == MANY[-1]


async def test_what_is_poured_stops_where_there_is_more_than_goes_at_once() -> None:
    stream, poured, woken = Stream(), list[Segment](), asyncio.Event()
    reader = stream.reader()
    reader.begin()

    def sink(segments: list[Segment]) -> bool:
        poured.extend(segments)
        return True

    reader.pour_into(sink)
    assert reader.rest(lambda _: woken.set())
    stream.write(*MANY)
    await asyncio.wait_for(woken.wait(), 10)
    assert 0 < len(texts(poured)) < len(MANY) / 5
    assert reader.cursor == poured[-1].last
    assert not reader.rest(lambda _: woken.set())
    found, _ = await slices_of(reader, len(MANY) - reader.cursor)
    assert texts(poured) + [text for part in found for text in texts(part)] == MANY


async def test_a_cursor_far_within_an_entry_gives_turns_on_the_way() -> None:
    stream = Stream()
    stream.write(*MANY)
    clock = Clock()
    await asyncio.sleep(0)
    reader = stream.reader(len(MANY) - 2)
    assert texts(await asyncio.wait_for(reader.next(), 10)) == MANY[-2:]
    assert clock.turns > 10
    clock.stop()


async def test_a_poke_between_two_slices_is_heard_and_loses_nothing() -> None:
    stream = Stream()
    stream.write(*MANY)
    reader = stream.reader()
    first = await reader.next()
    reader.poke()
    assert await reader.next() == []
    found, _ = await slices_of(reader, len(MANY) - first[-1].last)
    assert texts(first) + [text for part in found for text in texts(part)] == MANY


async def test_a_full_page_is_followed_by_the_next() -> None:
    stream = Stream()
    for text in MANY[:20]:
        stream.write(text, lost=True)
    reader = stream.reader()
    found, _ = await slices_of(reader, 20)
    assert [text for part in found for text in texts(part)] == MANY[:20]
    assert stream.reads == [0, 4]


def held(feed: Feed) -> int:
    """Bytes of frames that its ring has decoded."""
    return sum(size_of(each.frames) for each in feed._ring if isinstance(each, Segment))


def test_what_a_ring_has_decoded_is_bounded() -> None:
    """However much a small message swells to, and however slow its readers are."""
    feed, cursor = Feed("k"), 0
    feed.templates[0] = (b"data: " + b"x" * 4000, b"")
    for first in range(1, 4001, 1000):
        feed.push(Message(first, first + 999, (), bytes((0, 1, 65)) * 1000))
        while True:
            found = feed.since(cursor)
            assert found is not None
            if not found:
                break
            assert found[0].first == cursor + 1
            assert sum(size_of(each.frames) for each in found) <= 2 * (SLICE + 4200)
            cursor = found[-1].last
            assert held(feed) <= _MOST_BYTES + SLICE + 4200
    assert cursor == 4000


def test_a_slow_reader_of_such_a_ring_is_the_store_s_to_serve() -> None:
    feed = Feed("k")
    feed.templates[0] = (b"data: " + b"x" * 4000, b"")
    feed.push(Message(1, 1000, (), bytes((0, 1, 65)) * 1000))
    cursor = 0
    while cursor < 1000:
        found = feed.since(cursor)
        assert found
        cursor = found[-1].last
    assert feed.since(0) is None
    feed.push(Message(1001, 1001, (), verbatim(Kind.DIALECT, b"data: b")))
    after = feed.since(1000)
    assert after is not None
    assert [frame.body for frame in after[0].frames] == [b"data: b"]


def test_a_template_that_is_missing_midway_is_the_store_s_to_tell() -> None:
    encoder, payload = Encoder(), bytearray()
    for text in MANY[:1000]:
        encoder.encode(Kind.DIALECT, b'data: {"t":"%b"}' % text.encode(), payload)
    feed = Feed("k")
    feed.push(Message(1, 1001, tuple(encoder.take_fresh()), bytes(payload) + bytes((9, 0))))
    cursor = 0
    while found := feed.since(cursor):
        cursor = found[-1].last
    assert found is None
    assert 0 < cursor <= 1000
