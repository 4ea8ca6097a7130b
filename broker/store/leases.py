"""Leases: renewed by their holders, rescued by anyone once they have expired.

The lease is the right to write; the token is what makes it safe. A holder that was stopped
past its lease still believes in it, but every append names its token, and rescue drew a new
one. All times are the store's clock, so holders' clocks don't matter.
"""

import msgspec

from broker.model import Failure, JobState
from broker.settings import Settings
from broker.store.jobs import ended
from broker.store.keys import Keys, Partition
from broker.store.scripts import Scripts

QUEUE_TIMEOUT = Failure(
    type="queue_timeout",
    message="No worker claimed the job in time.",
    status=503,
    retryable=True,
)


class Tick(msgspec.Struct, frozen=True):
    """What one tick of the rescuer did and saw in a partition."""

    held_off: bool
    rescued: list[str]
    timed_out: list[str]
    mended: list[str]
    queued: int
    running: int
    workers: int


class Leases:
    """Renewal and rescue."""

    def __init__(self, scripts: Scripts, keys: Keys, settings: Settings) -> None:
        self._scripts = scripts
        self._keys = keys
        self._lease_ms = int(settings.worker.lease * 1000)
        payload, failure = ended(JobState.FAILED, QUEUE_TIMEOUT)
        self._rescue_args: tuple[str | bytes | int, ...] = (
            keys.channel_prefix,
            int(settings.worker.rescue_tick * 1000),
            self._lease_ms,
            int(settings.worker.queue_timeout * 1000),
            int(settings.store.stream_ttl * 1000),
            int(settings.store.record_ttl * 1000),
            _MOST,
            payload,
            failure,
        )

    async def renew(
        self, partition: Partition, holder: str, claims: list[tuple[str, int]]
    ) -> list[bool]:
        """Per (key, token) whether the lease is still ours; it has a full term again then."""
        flat = [part for claim in claims for part in claim]
        reply = await self._scripts.run("renew", partition.prefix, holder, self._lease_ms, *flat)
        return [bool(verdict) for verdict in reply]

    async def rescue(self, partition: Partition) -> Tick:
        """One tick."""
        reply = await self._scripts.run("rescue", partition.prefix, *self._rescue_args)
        held_off, rescued, timed_out, mended, queued, running, workers = reply
        return Tick(
            held_off=bool(held_off),
            rescued=[key.decode() for key in rescued],
            timed_out=[key.decode() for key in timed_out],
            mended=[key.decode() for key in mended],
            queued=queued,
            running=running,
            workers=workers,
        )


_MOST = 100  # jobs rescued, and jobs timed out, in one tick
