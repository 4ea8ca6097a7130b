"""The queue's far end: waiting for a wake token, claiming jobs, handing them back."""

import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import msgspec
from redis.asyncio import Redis

from broker import log
from broker.model import Job
from broker.settings import Settings
from broker.store import bodies
from broker.store.connection import store_errors
from broker.store.ear import Ear, Line
from broker.store.keys import Keys, Partition
from broker.store.record import UNREADABLE, pairs, to_job, to_record
from broker.store.scripts import Executor, Scripts


class Claim(msgspec.Struct, frozen=True):
    """A job and the right to write it: its token, and what is needed to run it."""

    job: Job
    token: int
    task: bytes
    body: bytes | None  # the caller's request as JSON; None if it is large, or the store lost it
    now_ms: int = 0  # the store's clock at the claim


class Occupancy(Protocol):
    """How a worker's slots are taken, and what one account may take of them.

    ``share``: a further one, while it holds fewer than so many times those that are free; 0: any.
    """

    share: float

    @property
    def unheld(self) -> int:
        """Slots that no job holds."""
        ...

    @property
    def accounts(self) -> Mapping[str, int]:
        """Slots by the account that holds them."""
        ...

    def passed_over(self, count: int) -> None:
        """So many jobs were left in the queue, for their accounts hold their share."""
        ...


class Released(NamedTuple):
    """A lease that is handed back, and what its holder leaves in the record.

    ``wait``: seconds until its job is in the queue again.
    """

    key: str
    token: int
    fields: Sequence[tuple[str, bytes]] = ()
    wait: float = 0.0


def _unpacked(stored: bytes) -> bytes | None:
    """A request's body; None if it was damaged."""
    try:
        return bodies.unpack(stored)
    except zlib.error:
        return None


_BEATS = 1.5  # times between renewals after which a holder is taken to stand still
_RECALL = 10  # seconds until a recall that nobody heard is forgotten


class Queue:
    """Claims for one worker, named ``holder``."""

    def __init__(
        self,
        scripts: Scripts,
        client: Redis,
        keys: Keys,
        settings: Settings,
        line: Callable[[], Line],
    ) -> None:
        self._scripts = scripts
        self._line = line
        self._client = client  # blocks in pops: its own connections
        self._keys = keys
        self._lease_ms = int(settings.worker.lease * 1000)
        self._beat_ms = int(_BEATS * settings.worker.renew * 1000)
        self._compress_above = settings.store.compress_above
        self._queue_ms = int(settings.worker.queue_timeout * 1000)

    async def wait(self, partition: Partition, seconds: float, *, batch: bool = True) -> None:
        """Return when a wake token was taken or the time is over.

        ``batch`` tells whether a batch job would be of use.
        """
        lists = [partition.wake, partition.wake_batch] if batch else [partition.wake]
        with store_errors():
            await cast(Awaitable[Any], self._client.blpop(lists, timeout=cast(int, seconds)))

    def ear(self, partition: Partition, holder: str, occupancy: Occupancy | None = None) -> Ear:
        """A worker's ear; close it."""
        return Ear(self._line(), self, partition, holder, occupancy)

    async def recall(self, partition: Partition, holder: str) -> None:
        """End the wait of a worker's ear, or the next one if that has just ended."""
        await self._scripts.run("recall", partition.prefix, holder, _RECALL * 1000)

    async def claim(
        self,
        partition: Partition,
        holder: str,
        most: int,
        most_batch: int | None = None,
        *,
        over: Executor | None = None,
        occupancy: Occupancy | None = None,
    ) -> list[Claim]:
        """Take up to ``most`` jobs out of a partition's queues, ``most_batch`` of them batch.

        ``over`` is a connection on which this waits for something; nothing is taken then
        unless the holder has lately renewed its leases.
        """
        batch = most if most_batch is None else min(most, most_batch)
        shares: list[str | int] = ["0", 0]
        if occupancy is not None and occupancy.share:
            shares = [str(occupancy.share), occupancy.unheld]
            for account, held in occupancy.accounts.items():
                shares += (account, held)
        now, passed, *rows = await self._scripts.run(
            "claim",
            partition.prefix,
            holder,
            self._lease_ms,
            most,
            batch,
            self._beat_ms if over else 0,
            *shares,
            over=over,
            server_at=5,
        )
        if occupancy is not None:
            occupancy.passed_over(int(passed))
        claims: list[Claim] = []
        for key, token, flat, body in rows:
            try:
                claims.append(
                    Claim(
                        job=to_job(key.decode(), record := pairs(flat)),
                        token=int(token),
                        task=record[b"task"],
                        body=_unpacked(body) if body else None,
                        now_ms=int(now),
                    )
                )
            except UNREADABLE as error:
                log.warning("job.unreadable", job_key=key.decode(), error=type(error).__name__)
                await self._scripts.run("spoil", partition.prefix, key)
        return claims

    async def reclaim(self, partition: Partition, holder: str, claim: Claim) -> bool:
        """Whether a claim still holds, or holds again, for the store had lost it."""
        body = bodies.pack(claim.body, self._compress_above) if claim.body else b""
        mine, others = to_record(claim.job, claim.task, len(body))
        reply = await self._scripts.run(
            "reclaim",
            partition.prefix,
            holder,
            self._lease_ms,
            claim.job.key,
            claim.token,
            claim.job.account,
            claim.job.grace_ms or 0,
            body,
            len(mine),
            *(part for field in (*mine, *others) for part in field),
            server_at=0,
        )
        return bool(reply)

    async def release(
        self, partition: Partition, holder: str, leases: Sequence[Released], *, leaving: bool
    ) -> int:
        """Hand jobs back at once; how many were still ours."""
        flat: list[str | bytes | int] = []
        for lease in leases:
            flat += (lease.key, lease.token, int(lease.wait * 1000), len(lease.fields))
            for field in lease.fields:
                flat += field
        reply = await self._scripts.run(
            "release", partition.prefix, holder, self._queue_ms, int(leaving), *flat
        )
        return sum(reply)
