"""What a reader's tests stand on: one stream as store, channel and tail."""

import asyncio
from typing import cast

import msgspec
import pytest

from broker.codec import Encoder, Template, parse_definition
from broker.errors import JobNotFound, StoreAway
from broker.frames import Frame, Kind, Message
from broker.model import JobState, Terminal
from broker.store.streams import Entries
from broker.tail import Tail
from broker.tail import reader as reader_module
from broker.tail.feed import Feed
from broker.tail.reader import Reader
from broker.tail.segment import Segment
from broker.tail.turns import Turns

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
        self.healing = 60.0
        self.missing = False  # the store has lost the job
        self.breaks: tuple[tuple[int, int], ...] = ()
        self.catch_ups = asyncio.Semaphore(2)
        self.reads: list[int] = []
        self.away = False
        self.read_turns = 0  # of the loop that a read takes
        self.turns = Turns()
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
            self.feed.wake()

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
        for _ in range(self.read_turns):
            await asyncio.sleep(0)
        if self.missing:
            raise JobNotFound()
        rows = [row for row in self.entries if row[0] > after]
        found = Entries(
            state=self.state,
            last=len(self.frames),
            rows=rows[:count],
            templates=dict(self.templates),
            breaks=self.breaks,
            more=len(rows) >= count,
        )
        for _ in range(self.read_turns):
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


def set_pages(patch: pytest.MonkeyPatch, first: int, most: int) -> None:
    patch.setattr(reader_module, "_FIRST_PAGE", first)
    patch.setattr(reader_module, "_PAGE", most)
