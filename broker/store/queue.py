"""The queue's far end: waiting for a wake token, claiming jobs, handing them back."""

from collections.abc import Awaitable
from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from broker.model import Job
from broker.settings import Settings
from broker.store import bodies
from broker.store.connection import store_errors
from broker.store.keys import Keys, Partition
from broker.store.record import pairs, to_job
from broker.store.scripts import Scripts


class Claim(msgspec.Struct, frozen=True):
    """A job and the right to write it: its token, and what is needed to run it."""

    job: Job
    token: int
    task: bytes
    body: bytes | None  # the caller's request as JSON; None if the store lost it


class Queue:
    """Claims for one worker, named ``holder``."""

    def __init__(
        self,
        scripts: Scripts,
        client: Redis,
        keys: Keys,
        settings: Settings,
    ) -> None:
        self._scripts = scripts
        self._client = client  # blocks in pops: its own connections
        self._keys = keys
        self._lease_ms = int(settings.worker.lease * 1000)
        self._queue_ms = int(settings.worker.queue_timeout * 1000)

    async def wait(self, partition: Partition, seconds: float) -> None:
        """Return when a wake token was taken or the time is over."""
        with store_errors():
            await cast(
                Awaitable[Any], self._client.blpop([partition.wake], timeout=cast(int, seconds))
            )

    async def claim(self, partition: Partition, holder: str, most: int) -> list[Claim]:
        """Take up to ``most`` jobs out of a partition's queue."""
        reply = await self._scripts.run("claim", partition.prefix, holder, self._lease_ms, most)
        return [
            Claim(
                job=to_job(key.decode(), record := pairs(flat)),
                token=int(token),
                task=record[b"task"],
                body=bodies.unpack(body) if body else None,
            )
            for key, token, flat, body in reply
        ]

    async def release(
        self, partition: Partition, holder: str, claims: list[tuple[str, int]], *, leaving: bool
    ) -> int:
        """Hand jobs, given as (key, token), back at once; how many were still ours."""
        flat = [part for claim in claims for part in claim]
        reply = await self._scripts.run(
            "release", partition.prefix, holder, self._queue_ms, int(leaving), *flat
        )
        return sum(reply)
