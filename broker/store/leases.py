"""Leases: renewed by their holders, rescued by anyone once they have expired.

The lease is the right to write; the token is what makes it safe. A holder that was stopped
past its lease still believes in it, but every append names its token, and rescue drew a new
one. All times are the store's clock, so holders' clocks don't matter.
"""

from collections.abc import Sequence

import msgspec

from broker.model import Failure, JobState
from broker.settings import Settings
from broker.store.jobs import ended
from broker.store.keys import Keys, Partition
from broker.store.record import pairs
from broker.store.scripts import Scripts
from broker.store.stand_in import Order

QUEUE_TIMEOUT = Failure(
    type="queue_timeout",
    message="No worker claimed the job in time.",
    status=503,
    retryable=True,
)


DEADLINE = Failure(
    type="deadline_exceeded",
    message="The job was not answered before its deadline.",
    status=504,
    remedy="final",
    retryable=True,
)
ABANDONED = Failure(
    type="cancelled",
    code="disconnected",
    message="Every reader of the job had left, which was to cancel it.",
    status=409,
    remedy="final",
)
DAMAGED = Failure(
    type="frames_lost",
    message="The store's data of this job were damaged.",
    status=502,
    remedy="final",
    retryable=True,
)


class Tick(msgspec.Struct, frozen=True):
    """What one tick of the rescuer did and saw in a partition; the lists are job keys.

    ``unsettled`` are ended jobs whose holder never told how its attempt ended, and which are
    the caller's to settle. ``used`` and ``allowed`` are the server's bytes of memory;
    ``allowed`` is 0 without a limit. ``totals`` counts what has happened in the partition
    since it was first used.
    """

    held_off: bool
    rescued: list[str]
    timed_out: list[str]
    late: list[str]
    abandoned: list[str]
    mended: list[str]
    damaged: list[str]
    unsettled: list[str]
    queued: int
    queued_batch: int
    running: int
    workers: int
    used: int
    allowed: int
    totals: dict[str, int]


class Leases:
    """Renewal and rescue."""

    def __init__(self, scripts: Scripts, keys: Keys, settings: Settings) -> None:
        self._scripts = scripts
        self._keys = keys
        self._lease_ms = int(settings.worker.lease * 1000)
        self._rescue_args: tuple[str | bytes | int, ...] = (
            keys.channel_prefix,
            keys.control_prefix,
            int(settings.worker.rescue_tick * 1000),
            self._lease_ms,
            int(settings.worker.queue_timeout * 1000),
            int(settings.store.stream_ttl * 1000),
            int(settings.store.record_ttl * 1000),
            _MOST,
            *ended(JobState.FAILED, QUEUE_TIMEOUT),
            *ended(JobState.FAILED, DEADLINE),
            *ended(JobState.CANCELLED, ABANDONED),
            *ended(JobState.FAILED, DAMAGED),
        )

    async def renew(
        self, partition: Partition, holder: str, claims: list[tuple[str, int]]
    ) -> list[bool]:
        """Per (key, token) whether the lease is still ours; it has a full term again then."""
        script, prefix, args = self.renewal(partition, holder, claims)
        reply = await self._scripts.run(script, prefix, *args)
        return [bool(verdict) for verdict in reply]

    def renewal(
        self, partition: Partition, holder: str, claims: Sequence[tuple[str, int]]
    ) -> Order:
        """What ``renew`` sends. Without a holder no worker is said to be there for more jobs."""
        flat = [part for claim in claims for part in claim]
        return "renew", partition.prefix, (holder, self._lease_ms, *flat)

    async def rescue(self, partition: Partition, *, settles: bool = False) -> Tick:
        """One tick; ``settles`` says that the caller can settle attempts."""
        reply = await self._scripts.run(
            "rescue", partition.prefix, *self._rescue_args, int(settles)
        )
        rescued, timed_out, late, abandoned, mended, damaged, unsettled = (
            [key.decode() for key in keys] for keys in reply[1:8]
        )
        queued, queued_batch, running, workers, used, allowed = map(int, reply[8:14])
        return Tick(
            held_off=bool(reply[0]),
            rescued=rescued,
            timed_out=timed_out,
            late=late,
            abandoned=abandoned,
            mended=mended,
            damaged=damaged,
            unsettled=unsettled,
            queued=queued,
            queued_batch=queued_batch,
            running=running,
            workers=workers,
            used=used,
            allowed=allowed,
            totals={name.decode(): int(total) for name, total in pairs(reply[14]).items()},
        )

    async def attend(self, partition: Partition, watched: Sequence[tuple[str, int]]) -> None:
        """Say that these jobs, given as (key, grace in ms), still have a reader."""
        script, prefix, args = self.attendance(partition, watched)
        await self._scripts.run(script, prefix, *args)

    def attendance(self, partition: Partition, watched: Sequence[tuple[str, int]]) -> Order:
        """What ``attend`` sends."""
        return "attend", partition.prefix, [part for pair in watched for part in pair]


_MOST = 100  # jobs rescued, timed out and abandoned, each, in one tick
