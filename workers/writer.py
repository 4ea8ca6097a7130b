"""The group-commit writer: many jobs' frames, one append a partition at a time.

While one flush is in flight, what arrives gathers for the next, and no flush begins within
``LINGER`` of the one before: under no load a token goes out alone, at once; under load a flush
carries what came in meanwhile, and the cost of a round trip, in three processes, is shared.
What somebody waits for (a stream's first words, its last frame, ``settled``) never lingers, and
what nobody does (that an attempt begins, who speaks) lingers even under no load: the answer's
first word may come meanwhile, and one append then carries both.

    Pen.write ─▶ open chunk ─┐                 one flush in flight
    Pen.write ─▶ open chunk ─┼─▶ Writer._take ─▶ Streams.append ─▶ verdicts ─▶ Pen
    Pen.write ─▶ open chunk ─┘        ▲                                         │
                                      └── StoreAway: the same batches again ◀───┘

A batch once made is never changed, so sending it again is safe whatever became of the first
try: DUPLICATE is a success. Acknowledged batches are kept ``keep_acknowledged`` seconds, so
that a REWIND (the store's host crashed and lost the tail of its log) is healed by sending
them again. They are bounded in bytes too, by ``Writer.room``: whoever reads a provider waits
for it, for to drop them sooner would break the promise. A pen that is FENCED says so to its
job and takes nothing more.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from broker import log
from broker.codec import Encoder, Template
from broker.errors import StoreAway
from broker.frames import Frame
from broker.model import JobState
from broker.settings import Worker
from broker.store.keys import Partition
from broker.store.streams import MAX_BYTES, MAX_STREAMS, Batch, Streams, Verdict, rewind_to

Field = tuple[str, bytes]

LINGER = 0.005  # seconds; to one stream's token it is at most that much later
_APPENDED = int(Verdict.APPENDED)  # in the hot loop a member of an enum costs as much as the rest
_CHUNK = 64 * 1024  # bytes after which a chunk is closed, so that batches stay small
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.5  # seconds between tries while the store is away


class Fenced(Exception):
    """The job is no longer this worker's to write."""


class FramesLost(Exception):
    """The store lost frames that this worker no longer holds; its stream ends at ``last``."""

    def __init__(self, last: int) -> None:
        super().__init__(last)
        self.last = last


class _Chunk:
    """Frames gathered for one batch, encoded already."""

    __slots__ = ("definitions", "fields", "final", "first", "last", "payload")

    def __init__(self, first: int) -> None:
        self.first = first
        self.last = first - 1
        self.payload = bytearray()
        self.definitions: list[tuple[int, bytes]] = []
        self.fields: list[Field] = []
        self.final: JobState | None = None


class Pen:
    """Writes one job's stream under one token.

    ``on_end`` is called once with Fenced or FramesLost when the stream stops being ours.
    """

    def __init__(
        self,
        writer: "Writer",
        key: str,
        token: int,
        last: int,
        on_end: Callable[[Exception], None],
    ) -> None:
        self.key = key
        self.token = token
        self.last = last  # the number of the last frame written here
        self.pending = 0  # bytes not yet acknowledged
        self.final = False  # whether a terminal was written
        self._writer = writer
        self._encoder = Encoder()
        self._on_end = on_end
        self._chunks: deque[_Chunk | Batch] = deque()
        self._kept: deque[Batch] = deque()
        self._waiters: list[asyncio.Future[None]] = []
        self._ended: Exception | None = None

    def write(
        self,
        frames: Sequence[Frame],
        fields: Sequence[Field] = (),
        final: JobState | None = None,
        *,
        urgent: bool = False,
        idle: bool = False,
    ) -> None:
        """Number the frames and queue them; ``fields`` are set in the record with them.

        ``urgent`` frames do not linger, nor does the last one; ``idle`` ones always do.

        Raises:
            Fenced, FramesLost: the stream is not ours any more; nothing was queued.
        """
        if self._ended is not None:
            raise self._ended
        tail = self._open()
        before = len(tail.payload)
        for frame in frames:
            self._encoder.encode(frame.kind, frame.body, tail.payload)
        self.last += len(frames)
        tail.last = self.last
        tail.definitions += self._encoder.take_fresh()
        tail.fields += fields
        tail.final = final
        self.final = self.final or final is not None
        self.pending += len(tail.payload) - before
        if idle:
            self._writer.defer()
        self._writer.mark(self)
        if urgent or final is not None:
            self._writer.hurry()

    def alike(self, keys: tuple[bytes, ...]) -> bool:
        """Whether frames that differ from the last one in strings under these keys alone may be
        given to ``again``."""
        return self._ended is None and self._encoder.alike(keys)

    def again(self, bodies: Sequence[bytes]) -> bool:
        """Write dialect frames that are like the last one; false if one of them is not."""
        if self._ended is not None:
            return False
        tail = self._open()
        payload, again = tail.payload, self._encoder.again
        before = len(payload)
        for body in bodies:
            if not again(body, payload):
                del payload[before:]
                return False
        self.last = tail.last = self.last + len(bodies)
        self.pending += len(payload) - before
        self._writer.mark(self)
        return True

    def adopt(self, templates: Mapping[int, Template]) -> None:
        """Go on with the templates of a stream that another pen began."""
        self._encoder.adopt(templates)

    @property
    def crowded(self) -> bool:
        """Whether ``room`` would have to wait: asked for every token, so without a task."""
        writer = self._writer
        return self.pending > writer.most_pending or writer.kept > writer.most_kept

    async def room(self) -> None:
        """Return once this and all other jobs keep few enough bytes for more to be read.

        Raises:
            Fenced, FramesLost: the stream is not ours any more.
        """
        if self.pending > self._writer.most_pending:
            await self.settled(self._writer.most_pending // 2)
        await self._writer.room()

    async def settled(self, below: int = 0) -> None:
        """Return once at most ``below`` bytes are unacknowledged.

        Raises:
            Fenced, FramesLost: the stream is not ours any more.
        """
        while self._ended is None and (self.pending > below or (below == 0 and self._chunks)):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            self._writer.hurry()
            await waiter
        if self._ended is not None:
            raise self._ended

    def _open(self) -> _Chunk:
        """The chunk that gathers what is written now."""
        tail = self._chunks[-1] if self._chunks else None
        if type(tail) is not _Chunk or len(tail.payload) > _CHUNK:
            tail = _Chunk(self.last + 1)
            self._chunks.append(tail)
        return tail

    # What follows is the Writer's side.

    @property
    def ours(self) -> bool:
        """Whether the stream is still this pen's to write."""
        return self._ended is None

    @property
    def dirty(self) -> bool:
        return bool(self._chunks) and self._ended is None

    def head(self) -> Batch | None:
        """The oldest batch not acknowledged, if there is one; making it closes its chunk."""
        if not self._chunks or self._ended is not None:
            return None
        chunk = self._chunks[0]
        if type(chunk) is _Chunk:
            chunk = self._chunks[0] = Batch(
                self.key,
                self.token,
                chunk.first,
                chunk.last,
                bytes(chunk.payload),
                tuple(chunk.definitions),
                tuple(chunk.fields),
                chunk.final,
            )
        assert type(chunk) is Batch
        return chunk

    def acknowledge(self, batch: Batch) -> bool:
        """The batch, ``head``, is stored; it is kept until ``forget``. Whether more is to go."""
        self._chunks.popleft()
        self.pending = max(0, self.pending - len(batch.payload))
        self._kept.append(batch)
        if self._waiters:
            self._wake()
        return bool(self._chunks)

    def forget(self, batch: Batch) -> None:
        """The batch, the oldest that is kept, need not be sent again any more."""
        if self._kept and self._kept[0] is batch:  # else it is on its way to the store again
            self._kept.popleft()

    def rewind(self, last: int) -> None:
        """Send again what follows ``last``, if it is still held; else the stream is lost."""
        again = [batch for batch in self._kept if batch.last > last]
        queued = self._chunks[0] if self._chunks else None
        oldest = again[0].first if again else queued.first if queued else last + 1
        if oldest != last + 1:
            self.end(FramesLost(last))
            return
        for batch in reversed(again):
            self._chunks.appendleft(batch)
            self.pending += len(batch.payload)
        self._kept = deque(batch for batch in self._kept if batch.last <= last)

    def send_again(self) -> None:
        """Queue all that is still held: the store went back to before our last append."""
        if self._ended is None and not self._chunks:
            self._chunks.extend(self._kept)
            self._kept.clear()
            self._writer.mark(self)

    def end(self, error: Exception) -> None:
        """The stream is not ours any more."""
        if self._ended is None:
            self._ended = error
            self._chunks.clear()
            self._wake()
            self._on_end(error)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class _Flushed(NamedTuple):
    """What one flush stored, and when (the loop's time)."""

    at: float
    stored: list[tuple[Pen, Batch]]
    size: int  # bytes


class Writer:
    """Flushes the dirty pens of one partition, one append at a time."""

    def __init__(self, streams: Streams, partition: Partition, settings: Worker) -> None:
        self._streams = streams
        self._partition = partition
        self._keep = settings.keep_acknowledged
        self.most_pending = settings.max_pending
        self.most_kept = settings.max_kept
        self._dirty: dict[Pen, None] = {}
        self._kept: deque[_Flushed] = deque()  # oldest first
        self.kept = 0  # bytes of it
        self._work = asyncio.Event()
        self._next = 0.0  # the loop's time before which a flush only begins in a hurry
        self._hurried = False
        self._pause: asyncio.Future[None] | None = None
        self._full = False  # the last call was: there is more to send already
        self.appends = 0  # calls answered
        self.frames = 0  # frames acknowledged

    def pen(self, key: str, token: int, last: int, on_end: Callable[[Exception], None]) -> Pen:
        """A pen for a job claimed under ``token`` whose stream ends at ``last``."""
        return Pen(self, key, token, last, on_end)

    def keep(self, stored: list[tuple[Pen, Batch]], now: float) -> None:
        """These are acknowledged; ``now`` is the loop's time."""
        size = sum([batch.size for _, batch in stored])
        self._kept.append(_Flushed(now, stored, size))
        self.kept += size

    def forget(self, now: float) -> None:
        """Let go of what was acknowledged long enough ago; ``now`` is the loop's time."""
        while self._kept and self._kept[0].at <= now - self._keep:
            flushed = self._kept.popleft()
            self.kept -= flushed.size
            for pen, batch in flushed.stored:
                pen.forget(batch)

    async def room(self) -> None:
        """Return once so little is kept that more may be written."""
        while self.kept > self.most_kept:
            await asyncio.sleep(_FIRST_WAIT)
            self.forget(asyncio.get_running_loop().time())

    def mark(self, pen: Pen) -> None:
        """The pen has something to flush."""
        self._dirty[pen] = None
        if not self._work.is_set():
            self._work.set()

    async def run(self) -> None:
        """Flush until cancelled. A store that is away is waited for; nothing is dropped."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._dirty:
                await self._linger()
                taken = self._take()
                if taken:
                    self._apply(taken, await self._append([batch for _, batch in taken]))

    def defer(self) -> None:
        """What is written next waits for company, if nothing waits already."""
        if not self._dirty:
            self._hurried = False
            self._next = max(self._next, asyncio.get_running_loop().time() + LINGER)

    def hurry(self) -> None:
        """Somebody waits for what was written last."""
        self._hurried = True
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)

    async def _linger(self) -> None:
        """Return once the next flush is due, and note when the one after it will be."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now < self._next and not (self._hurried or self._full):
            self._pause = loop.create_future()
            timer = loop.call_at(self._next, self.hurry)
            try:
                await self._pause
            finally:
                timer.cancel()
                self._pause = None
            now = loop.time()
        self._hurried = False
        self._next = now + LINGER

    def _take(self) -> list[tuple[Pen, Batch]]:
        """The next call's batches: one a stream, within the caps, longest waiting first."""
        taken: list[tuple[Pen, Batch]] = []
        size = 0
        self._full = False
        dirty, self._dirty = self._dirty, {}
        for pen in dirty:
            batch = pen.head()
            if batch is None:
                continue
            size += batch.size
            if taken and (size > MAX_BYTES or len(taken) == MAX_STREAMS):
                self._full = True
                break
            taken.append((pen, batch))
        if self._full:
            for pen, _ in taken:
                del dirty[pen]
            self._dirty = dirty
        return taken

    async def _append(self, batches: list[Batch]) -> list[int]:
        wait = _FIRST_WAIT
        while True:
            try:
                return await self._streams.append(self._partition, batches)
            except StoreAway as error:
                if wait == _FIRST_WAIT:
                    log.warning("writer.store_away", streams=len(batches), reason=error.detail)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)

    def _apply(self, taken: list[tuple[Pen, Batch]], verdicts: list[int]) -> None:
        now = asyncio.get_running_loop().time()
        self.forget(now)
        self.appends += 1
        stored: list[tuple[Pen, Batch]] = []
        for each, verdict in zip(taken, verdicts, strict=True):
            pen, batch = each
            if verdict >= _APPENDED:
                self.frames += batch.last - batch.first + 1
                if not pen.ours:
                    continue
                stored.append(each)
                if pen.acknowledge(batch):
                    self.mark(pen)
                continue
            self._refused(pen, verdict)
            if pen.dirty:
                self.mark(pen)
        self.keep(stored, now)

    def _refused(self, pen: Pen, verdict: int) -> None:
        last = rewind_to(verdict)
        if last is None:
            pen.end(Fenced())
        else:
            log.warning("writer.rewind", job_key=pen.key, last=last)
            pen.rewind(last)
