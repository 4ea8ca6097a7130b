"""Following a job whose store may have lost it, or what was read of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from broker.api import attach
from broker.api.attach import check_cursor, collect, find_job, known, resume
from broker.api.core import Core
from broker.api.folding import Folding
from broker.dialects.dialect import Dialect
from broker.errors import BadCursor, FramesLost, JobNotFound
from broker.frames import Frame
from broker.model import Job, JobState
from broker.tail import Reader, Segment
from broker.tail import reader as reader_module
from tests.unit.tail_stream import Stream


class FakeCore:
    """A process; ``found`` is what each look for the record brings, ``heals`` for how many."""

    def __init__(self, *found: Job | None, heals: int = 0, may_have_lost: bool = False) -> None:
        self._found = list(found)
        self._heals = heals
        self._may_have_lost = may_have_lost
        self.store = SimpleNamespace(jobs=self, streams=self)
        self.tail = self
        self.metrics = SimpleNamespace(calls=self)

    @property
    def heals(self) -> bool:
        self._heals -= 1
        return self._heals >= 0

    def labels(self, word: str) -> "FakeCore":
        return self

    def inc(self) -> None:
        """Count a call."""

    async def get(self, key: str) -> Job:
        found = self._found.pop(0) if self._found else None
        if found is None:
            raise JobNotFound()
        return found

    async def may_have_lost(self, job: Job) -> bool:
        return self._may_have_lost

    async def follow(self, key: str, cursor: int) -> Reader:
        return Stream().reader(cursor)

    @contextmanager
    def following(self, reader: Reader) -> Iterator[None]:
        yield


def core(*found: Job | None, **options: Any) -> Core:
    return cast(Core, FakeCore(*found, **options))


def job(state: JobState = JobState.RUNNING, **fields: Any) -> Job:
    named = {"key": "k", "account": "a", "request_id": "r", "dialect": "chat", "model": "m"}
    return Job(**{**named, "state": state, "created_ms": 1, "last": 5, **fields})


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "_LOOK", 0)
    monkeypatch.setattr(reader_module, "_HEALING_WAIT", 0)


async def test_a_reader_with_a_cursor_waits_for_its_job_to_be_made_again() -> None:
    assert (await find_job(core(None, None, job(), heals=9), "k", 3)).last == 5
    with pytest.raises(FramesLost):
        await find_job(core(heals=3), "k", 3)


async def test_nobody_else_waits_for_a_job_that_is_not_there() -> None:
    with pytest.raises(JobNotFound):
        await find_job(core(None, job(), heals=9), "k", 0)
    with pytest.raises(JobNotFound):
        await find_job(core(None, job()), "k", 3)


async def test_a_job_that_was_there_a_moment_ago_is_lost() -> None:
    with pytest.raises(FramesLost):
        await known(core(), "k")


async def test_a_cursor_beyond_the_end_is_refused_where_nothing_can_be_lost() -> None:
    with pytest.raises(BadCursor):
        await check_cursor(core(), job(), 6)
    await check_cursor(core(may_have_lost=True), job(), 6)
    await check_cursor(core(), job(), 5)


@pytest.mark.parametrize(("cursor", "ends"), [(1000, True), (998, False), (50, False), (7, False)])
async def test_only_who_has_seen_the_end_has_nothing_to_come(cursor: int, ends: bool) -> None:
    """The terminal stands behind a break: a lost cursor is none that has seen it."""
    ended = job(JobState.FAILED, last=1000, breaks=((5, 1000),))
    assert (await resume(core(), ended, cursor) is None) is ends
    shown = await resume(core(), ended, cursor, lambda job: job.last - 900)
    assert (shown is None) is ends


class Kept:
    """A dialect whose folds keep the frames, the last of them in ``frames``."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def folding(self) -> "Kept":
        self.frames = []
        return self

    def feed(self, frames: list[Frame]) -> None:
        self.frames += frames


class Losing:
    """A reader that reads some of a stream, finds that it is lost, and reads again."""

    def __init__(self, *, again: bool) -> None:
        self.begun = 0
        self._again = again
        self._lost = False

    async def next(self) -> list[Segment]:
        if self.begun:
            stream = Stream()
            stream.write("x", end=True)
            return await stream.reader().next()
        if self._lost or not self._again:
            raise FramesLost()
        self._lost = True
        stream = Stream()
        stream.write("a", "b")
        return await stream.reader().next()

    def begin_again(self) -> None:
        self.begun += 1


async def test_a_caller_that_waits_is_given_what_came_in_place_of_the_lost() -> None:
    reader = Losing(again=True)
    kept = Kept()
    terminal = await collect(core(), cast(Reader, reader), Folding(cast(Dialect, kept)))
    assert kept.frames[0].body == b'data: {"t":"x"}'
    assert (len(kept.frames), reader.begun) == (2, 1)
    assert terminal.state is JobState.COMPLETED


async def test_a_caller_whose_job_is_lost_is_not_kept_waiting() -> None:
    with pytest.raises(FramesLost):
        await collect(core(), cast(Reader, Losing(again=False)), Folding(cast(Dialect, Kept())))
