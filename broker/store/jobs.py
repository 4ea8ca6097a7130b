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
)
from broker.frames import Kind
from broker.model import Failure, Job, JobState, Options, Outline, Terminal
from broker.settings import Settings
from broker.store import bodies
from broker.store.connection import store_errors
from broker.store.keys import Keys
from broker.store.record import to_job
from broker.store.scripts import Executor, Scripts

CANCELLED = Failure(
    type="cancelled", code="cancelled", message="The job was cancelled.", status=409, remedy="final"
)


class NewJob(msgspec.Struct, frozen=True):
    """What creates a job. ``body`` is the caller's request as JSON, ``task`` arq's job.

    ``deadline`` and ``grace`` are seconds from now, None for none; ``most_open`` is the
    account's limit, None for none.
    """

    key: str
    account: str
    request_id: str
    dialect: str
    model: str
    digest: str
    body: bytes  # empty, if it was uploaded
    task: bytes
    metadata: dict[str, Any] | None = None
    options: Options = Options()
    deadline: float | None = None
    grace: float | None = None
    most_open: int | None = None
    keep: bool = False  # the body, for as long as the stream
    outline: Outline | None = None  # of a body that was uploaded,
    upload: str | None = None  # under this name
    admitted: bool = True  # false: the store is short of memory, and may only say what is there


class Creation(msgspec.Struct, frozen=True):
    """Whether a job was created or was there already; ``grace_ms`` as in ``model.Job``."""

    created: bool
    grace_ms: int | None = None


def ended(state: JobState, failure: Failure) -> tuple[bytes, bytes]:
    """What a script needs to end a job from outside: a terminal's payload, its failure."""
    terminal = Terminal(state=state, error=failure)
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

    async def create(self, new: NewJob, over: Executor | None = None) -> Creation:
        """Create the job, or find it there already with the same request.

        ``over`` is a connection on which the job's readers have subscribed before.

        Raises:
            RequestIdReused: the request id names a job with another request.
            JobGone: the request id's job was deleted.
            QueueFull, AccountBusy, StoreFull: a new job is not admitted just now.
        """
        try:
            reply = await self._create(new, over)
        except StoreFull:
            prefix = self._keys.partition(new.key).prefix
            reply = await self._scripts.run("find", prefix, new.key, new.digest)
        match reply[0]:
            case b"created":
                return Creation(True, _ms(new.grace) or None)
            case b"exists":
                return Creation(False, int(reply[1]) if reply[1] else None)
            case b"queue-full" if new.admitted:
                raise QueueFull()
            case b"queue-full" | b"full":
                raise StoreFull()
            case b"upload-lost":
                raise StoreAway("It lost the body that was uploaded.")
            case b"account-full":
                raise AccountBusy(f"It may have {new.most_open}.")
            case b"conflict":
                raise RequestIdReused(f"It is {new.request_id!r}.", param="Idempotency-Key")
            case _:
                raise JobGone(new.request_id)

    async def _create(self, new: NewJob, over: Executor | None) -> list[bytes]:
        fields: list[str | bytes] = ["request_id", new.request_id, "dialect", new.dialect]
        fields += ["model", new.model, "task", new.task]
        if new.metadata is not None:
            fields += ["metadata", msgspec.json.encode(new.metadata)]
        if new.options != Options():
            fields += ["options", msgspec.json.encode(new.options)]
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
            self._packed(new),
            new.options.priority,
            self._store.max_queued if new.admitted else 0,
            # Each partition keeps its own count, and is given its share of the limit.
            -(-(new.most_open or 0) // len(self._keys.partitions)),
            _ms(new.deadline),
            _ms(new.grace),
            *fields,
            over=over,
        )
        return reply

    def _packed(self, new: NewJob) -> bytes:
        if new.upload is not None:
            return b"u" + new.upload.encode()
        return bodies.pack(new.body, self._store.compress_above)

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
        if record[b"state"] == b"deleted":
            raise JobGone()
        return to_job(key, record)

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

    async def retry(self, key: str) -> None:
        """Queue a failed job again that delivered nothing.

        Raises:
            JobNotFound, JobGone: there is no such job any more. NotRetriable: it has not
            failed, or delivered frames, or its request is no longer kept.
        """
        job = await self.get(key)
        reply = await self._scripts.run(
            "retry", self._keys.partition(key).prefix, key, self._queue_ms, len(job.attempts)
        )
        if _known(reply) == "refused":
            raise NotRetriable(f"This one is {reply[1].decode()}.")


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
