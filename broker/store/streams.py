"""Streams: appended to by fenced batches, read by cursor.

A stream is a Redis stream while it grows. When its job has ended the entries are put together,
and a short stream becomes one string in another key (lua/pack.part.lua), which is read as the
stream's one entry: a cursor within an entry is what readers reckon with anyway.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from broker import cursor
from broker.codec import Template, parse_definition
from broker.errors import JobGone, JobNotFound
from broker.frames import message_head
from broker.model import Failure, Job, JobState
from broker.settings import Settings
from broker.store.connection import store_errors
from broker.store.keys import Keys, Partition
from broker.store.scripts import Scripts

MAX_STREAMS = 128  # in one append
MAX_BYTES = 256 * 1024  # in one append, unless a single stream's batch is larger
PAGE = 512  # entries in one read
PAGE_BYTES = 128 * 1024  # of payloads in one read, unless a single entry is larger


_PLAIN, _MORE, _RENEWING = 0, 1, 2  # what a batch is, to the script


FRAMES_LOST = Failure(
    type="frames_lost",
    message="The store lost frames of this stream that could not be sent again.",
    status=502,
    retryable=True,
)


class Verdict(IntEnum):
    """What the store said to a batch; a number below REWIND carries the stream's end."""

    APPENDED = 0
    DUPLICATE = 1
    FENCED = -1
    REWIND = -2


def rewind_to(verdict: int) -> int | None:
    """The number after which a REWIND wants the frames again; None for other verdicts."""
    return Verdict.REWIND - verdict if verdict <= Verdict.REWIND else None


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Frames ``first`` to ``last`` of one stream, ready to be sent, as often as it takes.

    ``definitions`` are stored as templates; ``fields`` are set in the record; ``final`` ends the
    job. ``renew`` says that it is to renew the lease too, as all do that are more than frames.
    ``size`` is what its maker counts it as, in bytes.
    """

    key: str
    token: int
    first: int
    last: int
    payload: bytes
    definitions: tuple[tuple[int, bytes], ...] = ()
    fields: tuple[tuple[str, bytes], ...] = ()
    final: JobState | None = None
    renew: bool = True
    size: int = 0


class Entries(msgspec.Struct, frozen=True):
    """What a read brought: (last number, payload) of each entry, oldest first.

    An entry names its last number; its frames count back from it. The first entry may begin
    before the cursor. ``last`` is the number of the whole stream's last frame, ``more`` says
    that the read stopped for its bounds: there may be more; ``breaks`` are as in ``model.Job``.
    """

    state: JobState
    last: int
    rows: list[tuple[int, bytes]]
    templates: dict[int, Template]
    more: bool = False
    breaks: tuple[tuple[int, int], ...] = ()


class Streams:
    """The streams of a deployment, by job key."""

    def __init__(self, scripts: Scripts, client: Redis, keys: Keys, settings: Settings) -> None:
        self._scripts = scripts
        self._client = client
        self._keys = keys
        self._constant: tuple[str | int, ...] = (
            keys.channel_prefix,
            int(settings.worker.lease * 1000),
            int(settings.store.stream_ttl * 1000),
            int(settings.store.record_ttl * 1000),
        )

    async def append(self, partition: Partition, batches: Sequence[Batch]) -> list[int]:
        """Append, all in one call; per batch its verdict (see ``Verdict``, ``rewind_to``).

        Raises:
            StoreAway: no answer. Send the same batches again.
        """
        args: list[str | bytes | int] = [*self._constant]
        for batch in batches:
            args += (batch.key, batch.token, batch.first, batch.last, batch.payload)
            if not (batch.final or batch.definitions or batch.fields):
                args.append(_RENEWING if batch.renew else _PLAIN)
                continue
            args += (_MORE, batch.final.value if batch.final else "")
            args += (message_head(batch.first, batch.last, batch.definitions),)
            args.append(len(batch.definitions))
            for definition in batch.definitions:
                args += definition
            args.append(len(batch.fields))
            for field in batch.fields:
                args += field
        reply: list[int] = await self._scripts.run("append", partition.prefix, *args)
        return reply

    async def read(
        self, key: str, after: int, count: int = PAGE, size: int = PAGE_BYTES
    ) -> Entries:
        """Entries that hold frames after the cursor, and all templates.

        Up to ``count`` of them, and ``size`` bytes, but one if there is one.

        Raises:
            JobNotFound: there is no such job. JobGone: it was deleted, or its stream has
            expired while the record stands.
        """
        with store_errors():
            try:
                reply = await self._page(key, after, count, size)
            except NoScriptError:
                await self._client.script_load(self._scripts.prepared("page")[1])
                reply = await self._page(key, after, count, size)
        (state, last, breaks), (rows, more), whole, templates, state_after = reply
        if state is None:
            raise JobNotFound()
        if state == b"deleted":
            raise JobGone()
        entries = Entries(
            state=JobState(state.decode()),
            last=int(last),
            rows=_ended(whole, after)
            if whole is not None
            else [(cursor.last_in(entry), fields[1]) for entry, fields in rows],
            templates={int(k): parse_definition(v) for k, v in templates.items()},
            more=whole is None and bool(more),
            breaks=cursor.breaks_in(breaks) if breaks else (),
        )
        if entries.state.final and not entries.rows and after < entries.last:
            if state_after != state:  # retried or deleted meanwhile
                return await self.read(key, after, count, size)
            raise JobGone()
        return entries

    async def _page(self, key: str, after: int, count: int, size: int) -> list[Any]:
        # No transaction: a Redis that is out of memory refuses even reads within one. The
        # order makes it safe: rows are at least what `last` says (of a stream that ends
        # meanwhile, the whole), templates at least what the rows use, and only a job that
        # has ended at both ends of it can be gone.
        partition = self._keys.partition(key)
        bounds = cursor.exclusive(after), str(count), str(size)
        pipe = self._client.pipeline(transaction=False)
        pipe.hmget(partition.job(key), ["state", "last", "breaks"])
        pipe.evalsha(self._scripts.prepared("page")[0], 1, partition.prefix, key, *bounds)
        pipe.get(partition.ended(key))
        pipe.hgetall(partition.templates(key))
        pipe.hget(partition.job(key), "state")
        return await pipe.execute()

    async def may_have_lost(self, job: Job) -> bool:
        """Whether the store was started again since the job was made (see lua/era.part.lua)."""
        prefix = self._keys.partition(job.key).prefix
        began = await self._scripts.run("era", prefix, server_at=0)
        return job.created_ms * 1000 < int(began)


def _ended(whole: bytes, after: int) -> list[tuple[int, bytes]]:
    """The one entry of a stream that is kept whole, if it reaches beyond the cursor."""
    number, _, payload = whole.partition(b"\n")
    last = int(number)
    return [(last, payload)] if last > after else []
