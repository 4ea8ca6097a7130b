"""The writer against a naive store that loses answers and the ends of streams."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from broker.codec import Template, decode, parse_definition
from broker.errors import StoreAway
from broker.frames import Frame, Kind
from broker.model import JobState
from broker.settings import Worker
from broker.store.keys import Partition
from broker.store.streams import Batch, Streams
from tests.unit.writer_bench import APPENDED, DUPLICATE, FENCED, PARTITION, frames, rewind
from workers import writer as writer_module
from workers.writer import Writer


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
@given(writes, faults, st.integers(0, 5))
def test_the_store_gets_what_was_written(
    script: list[tuple[int, list[str], bool]], faults: list[Any], lost: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer_module, "_FIRST_WAIT", 0.0)
        asyncio.run(_write_and_compare(script, faults, lost))


async def _write_and_compare(
    script: list[tuple[int, list[str], bool]], faults: list[Any], lost: int
) -> None:
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
        for number, pen in enumerate(pens):
            streams.streams[str(number)].forget(lost)  # after all was acknowledged
            pen.send_again()
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
