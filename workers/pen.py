"""A pen: writes one job's stream under one token, into batches that the writer takes.

    write ─▶ open chunk ─▶ (head) a batch ─▶ stored ─▶ (acknowledge) kept ─▶ (forget)
                               ▲                            │
                               └───────── rewind ───────────┘

A batch once made is never changed, so sending it again is safe whatever became of the first
try. Acknowledged batches are kept until the writer forgets them, so that a REWIND is healed by
sending them again. A pen that is FENCED says so to its job and takes nothing more, unless the
store has lost the claim: the writer makes it again then, and the pen goes on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from broker.codec import Encoder, Template
from broker.frames import Frame
from broker.model import JobState
from broker.store.streams import Batch

if TYPE_CHECKING:
    from broker.store.queue import Claim
    from workers.writer import Writer

Field = tuple[str, bytes]

_OVERHEAD = 64  # bytes that a batch counts as beside its payload
_STEP = 500  # frames that are encoded in one turn of the loop
_CHUNK = 64 * 1024  # bytes after which a chunk is closed, so that batches stay small


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

    __slots__ = (
        "_aged",
        "_chunks",
        "_encoder",
        "_ended",
        "_kept",
        "_kept_size",
        "_noted",
        "_on_end",
        "_waiters",
        "_writer",
        "claim",
        "final",
        "key",
        "last",
        "pending",
        "renewed",
        "token",
    )

    def __init__(
        self,
        writer: "Writer",
        key: str,
        token: int,
        last: int,
        on_end: Callable[[Exception], None],
        claim: "Claim | None" = None,
    ) -> None:
        self.key = key
        self.claim = claim
        self.token = token
        self.last = last  # the number of the last frame written here
        self.pending = 0  # bytes not yet acknowledged
        self.final = False  # whether a terminal was written
        self.renewed = 0.0  # the loop's time before the last append that renewed the lease
        self._writer = writer
        self._encoder = Encoder()
        self._on_end = on_end
        self._chunks: deque[_Chunk | Batch] = deque()
        self._kept: deque[Batch] = deque()
        self._kept_size = 0  # bytes
        self._aged = 0  # the last number of those that are kept for no age any more
        self._waiters: list[asyncio.Future[None]] = []
        self._ended: Exception | None = None
        self._noted: tuple[Frame, Sequence[Field]] | None = None

    def note(self, frame: Frame, fields: Sequence[Field] = ()) -> None:
        """Write a frame that nobody waits for in the next turn of the loop, or before whatever
        else is written: what this turn is about goes out first. One at a time.

        Raises:
            Fenced, FramesLost: the stream is not ours any more; nothing was queued.
        """
        if self._ended is not None:
            raise self._ended
        self._noted = frame, fields
        asyncio.get_running_loop().call_soon(self._write_noted)

    def _write_noted(self) -> None:
        noted, self._noted = self._noted, None
        if noted is not None and self._ended is None:
            self.write([noted[0]], noted[1], idle=True)

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
        if self._noted is not None:
            self._write_noted()
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

    async def write_together(self, frames: Sequence[Frame], fields: Sequence[Field] = ()) -> None:
        """Write many frames: encoded in steps, between which the loop turns, and stored at once.

        Nobody else may write meanwhile.

        Raises:
            Fenced, FramesLost: the stream is not ours any more; nothing was queued.
        """
        self._write_noted()
        payload = bytearray()
        for begin in range(0, len(frames), _STEP):
            for frame in frames[begin : begin + _STEP]:
                self._encoder.encode(frame.kind, frame.body, payload)
            await asyncio.sleep(0)
        if self._ended is not None:
            raise self._ended
        tail = self._open()
        tail.payload += payload
        self.last += len(frames)
        tail.last = self.last
        tail.definitions += self._encoder.take_fresh()
        tail.fields += fields
        self.pending += len(payload)
        self._writer.mark(self)

    def alike(self, keys: tuple[bytes, ...]) -> bool:
        """Whether frames that differ from the last one in strings under these keys alone may be
        given to ``again``."""
        return self._ended is None and self._encoder.alike(keys)

    def again(self, events: bytes) -> int:
        """Write dialect frames that are like the last one: their bodies, an empty line behind
        each. How many they are; 0, with none written, if one is not or if there is no room."""
        if self._ended is not None or self.crowded:
            return 0
        tail = self._open()
        before = len(tail.payload)
        count = self._encoder.again(events, tail.payload)
        if not count:
            if not (before or tail.fields):  # nobody marks what holds nothing: it would stay
                self._chunks.pop()
            return 0
        self.last = tail.last = self.last + count
        self.pending += len(tail.payload) - before
        self._writer.mark(self)
        return count

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
        self._write_noted()
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

    @property
    def ahead(self) -> int:
        """Bytes of the oldest batch not acknowledged, as far as it has come."""
        return len(self._chunks[0].payload) if self._chunks else 0

    def head(self, now: float) -> Batch | None:
        """The oldest batch not acknowledged, if there is one; making it closes its chunk.

        ``now`` is the loop's time: some renew the lease, and soon enough for nobody else to.
        """
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
                self.renewed <= now - self._writer.renew_after,
                len(chunk.payload) + _OVERHEAD,
            )
        assert type(chunk) is Batch
        return chunk

    def acknowledge(self, batch: Batch) -> bool:
        """The batch, ``head``, is stored; it is kept until ``forget``. Whether more is to go."""
        self._chunks.popleft()
        self.pending = max(0, self.pending - len(batch.payload))
        self._kept.append(batch)
        self._kept_size += batch.size
        if self._waiters:
            self._wake()
        return bool(self._chunks)

    def forget(self, batch: Batch) -> None:
        """The batch need not be kept for its age any more.

        Of a stream that goes on the last few are kept whatever their age: it may be silent for
        long, and whoever sends them again learns whether the store has lost more.
        """
        self._aged = max(self._aged, batch.last)
        least = 0 if self.final or self._ended is not None else self._writer.least_kept
        kept = self._kept
        while kept and kept[0].last <= self._aged and self._kept_size - kept[0].size >= least:
            self._kept_size -= kept.popleft().size

    @property
    def keeps(self) -> bool:
        """Whether anything could be sent again."""
        return bool(self._kept or self._chunks)

    def rewind(self, last: int) -> None:
        """Send again what follows ``last``, if it is still held; else the stream is lost."""
        again = [batch for batch in self._kept if batch.last > last]
        queued = self._chunks[0] if self._chunks else None
        oldest = again[0].first if again else queued.first if queued else last + 1
        if oldest != last + 1:
            self.end(FramesLost(last))
            return
        self._aged = min(self._aged, last)
        for batch in reversed(again):
            self._chunks.appendleft(batch)
            self.pending += len(batch.payload)
            self._kept_size -= batch.size
        self._kept = deque(batch for batch in self._kept if batch.last <= last)

    def send_again(self) -> None:
        """Queue all that is still held: the store may have gone back to before our last append."""
        if self._ended is None and not self._chunks and self._kept:
            self._chunks.extend(self._kept)
            self._kept.clear()
            self._kept_size = self._aged = 0
            self._writer.mark(self)

    def end(self, error: Exception) -> None:
        """The stream is not ours any more."""
        if self._ended is None:
            self._ended = error
            self._chunks.clear()
            self._kept.clear()
            self._kept_size = 0
            self._wake()
            self._on_end(error)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
