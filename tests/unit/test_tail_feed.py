"""The feed's ring: what it gives after a cursor, and when only the store can tell."""

import asyncio

import pytest

from broker.codec import Encoder, define, verbatim
from broker.frames import Frame, Kind, Message
from broker.tail.feed import _MOST_BYTES, _MOST_MESSAGES, Feed
from broker.tail.segment import Segment


def message(first: int, last: int | None = None, *, size: int = 0) -> Message:
    """Frames that say their own number."""
    last = first if last is None else last
    bodies = [b"data: %d" % n + b"." * size for n in range(first, last + 1)]
    return Message(first, last, (), b"".join(verbatim(Kind.DIALECT, body) for body in bodies))


def heard(*messages: Message) -> Feed:
    feed = Feed("k")
    for each in messages:
        feed.push(each)
    return feed


def numbers(found: list[Segment] | None) -> list[int] | None:
    if found is None:
        return None
    texts = [frame.body for segment in found for frame in segment.frames]
    spoken = [int(text[6:].rstrip(b".")) for text in texts]
    assert spoken == [n for s in found for n in range(s.first, s.last + 1)]
    return spoken


def test_a_feed_that_heard_nothing_has_nothing() -> None:
    assert Feed("k").since(0) == []
    assert Feed("k").since(7) == []


@pytest.mark.parametrize(
    ("cursor", "expected"),
    [
        (0, None),
        (3, None),
        (4, [5, 6, 7, 8, 9]),
        (5, [6, 7, 8, 9]),
        (7, [8, 9]),
        (9, []),
        (12, []),  # a reader that the store brought further than the messages
    ],
)
def test_what_the_ring_has_after_a_cursor(cursor: int, expected: list[int] | None) -> None:
    feed = heard(message(5, 6), message(7), message(8, 9))
    assert numbers(feed.since(cursor)) == expected
    assert numbers(feed.since(cursor)) == expected


def test_siblings_share_a_decoded_segment() -> None:
    feed = heard(message(1, 2), message(3))
    one, other = feed.since(0), feed.since(0)
    assert one is not None
    assert other is not None
    assert all(a is b for a, b in zip(one, other, strict=True))


def test_a_gap_leaves_what_comes_after_it() -> None:
    feed = heard(message(1, 2), message(5, 6))
    assert feed.since(2) is None
    assert feed.since(0) is None
    assert numbers(feed.since(4)) == [5, 6]
    assert feed.turns == 0


def test_a_store_that_went_back_is_noticed() -> None:
    feed = heard(message(1, 4), message(5, 9))
    feed.push(message(5, 6))
    assert (feed.last, feed.turns) == (6, 1)
    assert numbers(feed.since(4)) == [5, 6]
    assert feed.since(9) == []
    feed.push(message(7, 12))
    assert numbers(feed.since(9)) == [10, 11, 12]
    assert feed.turns == 1


def test_a_message_that_reaches_back_is_a_turn_too() -> None:
    feed = heard(message(1, 4))
    feed.push(message(3, 9))
    assert feed.turns == 1
    assert numbers(feed.since(4)) == [5, 6, 7, 8, 9]


def test_a_duplicate_doubles_nothing() -> None:
    feed = heard(message(1, 4), message(5))
    feed.push(message(5))
    assert numbers(feed.since(4)) == [5]
    assert feed.since(3) is None


def test_the_ring_keeps_so_many_messages() -> None:
    feed = heard(*(message(n) for n in range(1, _MOST_MESSAGES + 11)))
    assert feed.since(9) is None
    assert numbers(feed.since(10)) == list(range(11, _MOST_MESSAGES + 11))


def test_the_ring_keeps_so_many_bytes_and_the_latest_message_always() -> None:
    feed = heard(message(1), message(2, size=_MOST_BYTES), message(3))
    assert feed.since(1) is None
    assert numbers(feed.since(2)) == [3]
    feed.push(message(4, size=2 * _MOST_BYTES))
    assert feed.since(2) is None
    assert numbers(feed.since(3)) == [4]
    for number in range(5, 25):
        feed.push(message(number))
    assert numbers(feed.since(4)) == list(range(5, 25))


def test_a_template_that_came_before_us_is_the_store_s_to_tell() -> None:
    encoder, payload = Encoder(), bytearray()
    for text in (b"a", b"b", b"c"):
        encoder.encode(Kind.DIALECT, b'data: "%b"' % text, payload)
    first_use, rest = encoder.take_fresh(), bytearray()
    encoder.encode(Kind.DIALECT, b'data: "d"', rest)
    late = heard(Message(4, 4, (), bytes(rest)))
    assert late.since(3) is None
    late.templates[0] = encoder.templates[0]  # as a catch-up brings it
    found = late.since(3)
    assert found is not None
    assert found[0].frames == [Frame(Kind.DIALECT, b'data: "d"')]
    early = heard(Message(1, 3, tuple(first_use), bytes(payload)), Message(4, 4, (), bytes(rest)))
    found = early.since(2)
    assert found is not None
    assert [f.body for s in found for f in s.frames] == [b'data: "c"', b'data: "d"']
    assert first_use == [(0, define(encoder.templates[0]))]


async def waiting(feed: Feed) -> "asyncio.Task[None]":
    own: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(feed.changed(own, lambda: False))
    await asyncio.sleep(0)
    return task


async def test_a_message_wakes_every_waiter() -> None:
    feed = Feed("k")
    tasks = [await waiting(feed) for _ in range(3)]
    feed.push(message(1))
    feed.wake()
    await asyncio.gather(*tasks)
    again = await waiting(feed)
    feed.wake()
    await again


async def test_a_waiter_can_be_woken_alone_and_leaves_nothing_behind() -> None:
    feed = Feed("k")
    own: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    woken, sleeping = asyncio.create_task(feed.changed(own, lambda: False)), await waiting(feed)
    await asyncio.sleep(0)
    own.set_result(None)
    await woken
    assert not sleeping.done()
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    assert not feed._waiters


async def test_who_is_given_what_is_new_sleeps_on() -> None:
    feed, takes = Feed("k"), [True, True, False]
    own: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(feed.changed(own, lambda: takes.pop(0)))
    await asyncio.sleep(0)
    feed.wake()
    feed.wake()
    assert not own.done()
    feed.wake()
    await task
    assert not takes
    feed.wake()  # it has left
