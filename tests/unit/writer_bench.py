"""What the writer's tests stand on: streams that answer when the test says so."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

from broker.codec import decode, parse_definition
from broker.errors import StoreAway
from broker.frames import Frame, Kind
from broker.settings import Worker
from broker.store.keys import Keys, Partition
from broker.store.streams import Batch, Streams, Verdict
from workers import writer as writer_module
from workers.pen import Pen
from workers.writer import Writer

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
        self.patch: pytest.MonkeyPatch
        self.ends: list[tuple[str, Exception]] = []

    def writer_linger(self, seconds: float) -> None:
        """From now on flushes keep that distance."""
        self.patch.setattr(writer_module, "LINGER", seconds)

    def pen(self, key: str = "a", *, last: int = 0) -> Pen:
        return self.writer.pen(key, 7, last, lambda error: self.ends.append((key, error)))


@asynccontextmanager
async def open_bench() -> AsyncIterator[Bench]:
    """A writer that runs, and tries a store that is away again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_module, "_FIRST_WAIT", 0.0)
        bench = Bench()
        bench.patch = patch
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
