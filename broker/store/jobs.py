"""Jobs and their records: create, read, cancel, delete, retry."""

from collections.abc import Awaitable, Sequence
from typing import Any, Literal, cast

import msgspec
from redis.asyncio import Redis

from broker.codec import verbatim
from broker.errors import (
    AccountBusy,
    JobGone,
    JobNotFound,
    NotRetriable,
    QueueFull,
    RequestIdReused,
    StoreAway,
    StoreFull,
    StreamholdError,
)
from broker.frames import Kind
from broker.model import Failure, Job, JobState, Terminal
from broker.settings import Settings
from broker.store import bodies
from broker.store.connection import store_errors
from broker.store.keys import Keys
from broker.store.new_job import NO_LIMITS, NO_OPTIONS, Creation, Limits, NewJob
from broker.store.record import UNREADABLE, to_job
from broker.store.scripts import Executor, Scripts
from broker.store.seats import Seat, Seats

CANCELLED = Failure(
    type="cancelled", code="cancelled", message="The job was cancelled.", status=409, remedy="final"
)


def ended(
    state: JobState, failure: Failure, usage: dict[str, Any] | None = None
) -> tuple[bytes, bytes]:
    """What a script needs to end a job by itself: a terminal's payload, its failure."""
    terminal = Terminal(state=state, usage=usage, error=failure)
    body = msgspec.json.encode(terminal)
    return verbatim(Kind.TERMINAL, body), msgspec.json.encode(failure)


class Jobs:
    """The jobs of a deployment, by job key."""

    def __init__(self, scripts: Scripts, client: Redis, keys: Keys, settings: Settings) -> None:
        self._scripts = scripts
        self._client = client
        self._keys = keys
        self._store = settings.store
        self._queue_ms = int(settings.worker.queue_timeout * 1000)
        self._record_ms = int(settings.store.record_ttl * 1000)
        self._stream_ms = int(settings.store.stream_ttl * 1000)
        self._most_body = settings.server.max_body
        self._seats = Seats(scripts, client, keys, 2 * self._record_ms)

    async def create(self, new: NewJob, over: Executor | None = None) -> Creation:
        """Create the job, or find it there already with the same request.

        ``over`` is a connection on which the job's readers have subscribed before.

        Raises:
            RequestIdReused: the request id names a job with another request.
            JobGone: the request id's job was deleted.
            QueueFull, AccountBusy, StoreFull: a new job is not admitted just now.
        """
        limits = new.limits
        seat: Seat | None = None
        try:
            if self._seated(limits) and new.admitted:
                seat = await self._seats.take(new.account, new.key, limits.open or 0)
                if seat is None:
                    return self._created(new, await self._find(new, b"account-full"))
            reply = await self._create(new, seat, over)
        except StoreFull:
            reply = await self._find(new, b"store-full")
        if seat is not None and reply[0] in _NOT_ADMITTED:
            await self._seats.give_up(seat)
        return self._created(new, reply)

    def _created(self, new: NewJob, reply: list[bytes]) -> Creation:
        match reply[0]:
            case b"created":
                return Creation(True, _ms(new.grace) or None)
            case b"exists":
                grace_ms = int(reply[1]) if reply[1] else None
                return Creation(False, grace_ms, JobState(reply[2].decode()), bool(reply[3]))
            case b"upload-lost":
                raise StoreAway("It lost the body that was uploaded.")
            case b"conflict":
                raise RequestIdReused(f"It is {new.request_id!r}.", param="Idempotency-Key")
            case b"gone":
                raise JobGone(new.request_id)
            case b"queue-full" if not new.admitted:
                raise StoreFull()
            case _:
                raise _refused(reply, new.limits)

    async def _find(self, new: NewJob, otherwise: bytes) -> list[bytes]:
        """What the request id names already, as ``create`` says it, or the word given."""
        prefix = self._keys.partition(new.key).prefix
        reply: list[bytes] = await self._scripts.run("find", prefix, new.key, new.digest)
        return [otherwise] if reply[0] == b"full" else reply

    def _seated(self, limits: Limits) -> bool:
        return limits.open is not None and len(self._keys.partitions) > 1

    def _most_bytes(self, limits: Limits) -> int:
        """Of the bodies that count in one partition; a body of any allowed size has room."""
        if limits.bytes is None:
            return 0
        return max(limits.bytes // len(self._keys.partitions), self._most_body)

    async def _create(self, new: NewJob, seat: Seat | None, over: Executor | None) -> list[bytes]:
        fields: list[str | bytes] = ["request_id", new.request_id, "dialect", new.dialect]
        fields += ["model", new.model, "task", new.task]
        body, size = self._packed(new)
        if new.metadata is not None:
            metadata = msgspec.json.encode(new.metadata)
            fields += ["metadata", metadata]
            size += len(metadata)
        if new.options != NO_OPTIONS:
            fields += ["options", msgspec.json.encode(new.options)]
        if new.meaning is not None:
            fields += ["meaning", new.meaning]
        if new.keep:
            fields += ["keep", "1"]
        if new.outline is not None:
            fields += ["outline", msgspec.json.encode(new.outline)]
        reply: list[bytes] = await self._scripts.run(
            "create",
            self._keys.partition(new.key).prefix,
            new.key,
            new.digest,
            new.account,
            self._queue_ms,
            self._record_ms,
            body,
            new.options.priority,
            _ms(new.deadline),
            _ms(new.grace),
            self._store.max_queued if new.admitted else 0,
            str(new.limits.share),
            0 if seat else new.limits.open or 0,
            bodies.counted(size),
            self._most_bytes(new.limits),
            seat.until_ms if seat else 0,
            *fields,
            over=over,
            server_at=15,
        )
        return reply

    def _packed(self, new: NewJob) -> tuple[bytes, int]:
        """The body as the script takes it, and the bytes that it takes in the store."""
        if new.upload is not None:
            return b"u" + new.upload.name.encode(), new.upload.size
        body = bodies.pack(new.body, self._store.compress_above)
        return body, len(body)

    async def get(self, key: str) -> Job:
        """The job.

        Raises:
            JobNotFound: there is none. JobGone: it was deleted.
        """
        with store_errors():
            name = self._keys.partition(key).job(key)
            record = await cast(Awaitable[dict[bytes, bytes]], self._client.hgetall(name))
        if not record:
            raise JobNotFound()
        if record.get(b"state") == b"deleted":
            raise JobGone()
        try:
            return to_job(key, record)
        except UNREADABLE as error:
            raise JobGone("Its record was damaged.") from error

    async def cancel(self, key: str) -> JobState:
        """Cancel a job that has not ended; the state it is in afterwards.

        Raises:
            JobNotFound: there is none. JobGone: it was deleted.
        """
        payload, failure = ended(JobState.CANCELLED, CANCELLED)
        reply = await self._scripts.run(
            "cancel",
            self._keys.partition(key).prefix,
            key,
            self._keys.channel_prefix,
            self._keys.control_prefix,
            self._stream_ms,
            self._record_ms,
            payload,
            failure,
            server_at=7,
        )
        verdict = _known(reply)
        return JobState.CANCELLED if verdict == "cancelled" else JobState(reply[1].decode())

    async def delete(self, key: str) -> None:
        """Cancel the job if it has not ended, then leave only its tombstone.

        Raises:
            JobNotFound: there is none. JobGone: it was deleted already.
        """
        verdict = "live"
        while verdict == "live":  # again if a retry came between the two steps
            await self.cancel(key)
            verdict = _known(
                await self._scripts.run(
                    "delete", self._keys.partition(key).prefix, key, self._record_ms
                )
            )

    async def body(self, key: str) -> bytes | None:
        """The caller's request as JSON, while it is kept."""
        with store_errors():
            name = self._keys.partition(key).body(key)
            body = await cast(Awaitable[bytes | None], self._client.get(name))
        return bodies.unpack(body) if body else None

    async def settle(
        self, key: str, fields: Sequence[tuple[str, bytes]], *, last: bool = True
    ) -> None:
        """Record how attempts ended whose job was ended from under its holder.

        ``last`` says that no attempt is left unsettled.
        """
        prefix = self._keys.partition(key).prefix
        flat = [part for field in fields for part in field]
        await self._scripts.run("settle", prefix, key, int(last), *flat)

    async def lose(
        self,
        key: str,
        token: int,
        failure: Failure,
        usage: dict[str, Any] | None,
        fields: Sequence[tuple[str, bytes]],
    ) -> bool:
        """End a job, held under this token, whose stream lost frames that can't be sent again.

        ``fields`` are set in the record. Whether it was still the holder's.
        """
        payload, error = ended(JobState.FAILED, failure, usage)
        flat = [part for field in fields for part in field]
        reply = await self._scripts.run(
            "lose",
            self._keys.partition(key).prefix,
            key,
            token,
            self._keys.channel_prefix,
            self._stream_ms,
            self._record_ms,
            payload,
            error,
            *flat,
        )
        return bool(reply)

    async def retry(self, key: str, limits: Limits = NO_LIMITS) -> None:
        """Queue a failed job again that delivered nothing, if a new one would be admitted.

        Raises:
            JobNotFound, JobGone: there is no such job any more. NotRetriable: it has not
            failed, or delivered frames, or its request is no longer kept.
            QueueFull, AccountBusy, StoreFull: it is not admitted just now.
        """
        job = await self.get(key)
        if job.state is not JobState.FAILED:
            raise NotRetriable(f"This one is {job.state.value}.")
        seat: Seat | None = None
        if self._seated(limits):
            seat = await self._seats.take(job.account, key, limits.open or 0)
            if seat is None:
                raise _refused([b"account-full"], limits)
        reply = await self._scripts.run(
            "retry",
            self._keys.partition(key).prefix,
            key,
            self._queue_ms,
            len(job.attempts),
            self._store.max_queued,
            str(limits.share),
            0 if seat else limits.open or 0,
            self._most_bytes(limits),
            seat.until_ms if seat else 0,
        )
        if reply[0] in _NOT_ADMITTED:  # its seat goes when it is missed: the job has ended
            raise _refused(reply, limits)
        if _known(reply) == "refused":
            raise NotRetriable(f"This one is {reply[1].decode()}.")


_NOT_ADMITTED = (
    b"queue-full",
    b"queue-share",
    b"account-full",
    b"bytes-full",
    b"store-full",
    b"seat-lapsed",
)


def _refused(reply: list[bytes], limits: Limits) -> StreamholdError:
    """Why a job is not admitted, from a script's reply."""
    match reply[0]:
        case b"queue-full":
            return QueueFull()
        case b"queue-share":
            return AccountBusy(
                f"{int(reply[1])} of its jobs are queued, and the rest of the queue is for others."
            )
        case b"bytes-full":
            return AccountBusy("The requests of its open jobs take all of its memory.")
        case b"account-full":
            return AccountBusy(f"It may have {limits.open}.")
        case b"seat-lapsed":
            return StoreAway("It took too long to answer.")
        case _:
            return StoreFull()


def _ms(seconds: float | None) -> int:
    """Milliseconds for a script, at least 1; 0 stands for None."""
    return 0 if seconds is None else max(1, round(seconds * 1000))


Verdict = Literal["cancelled", "final", "deleted", "live", "refused", "queued"]


def _known(reply: list[bytes]) -> Verdict:
    word = reply[0].decode()
    if word == "missing":
        raise JobNotFound()
    if word == "gone":
        raise JobGone()
    return word  # type: ignore[return-value]
