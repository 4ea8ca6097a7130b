"""Listings: an account's jobs, newest first, page by page, merged over the partitions."""

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from redis.asyncio import Redis

from broker.errors import BadCursor
from broker.model import Job
from broker.store.connection import each, store_errors
from broker.store.keys import Keys, Partition
from broker.store.record import UNREADABLE, to_job

_CHUNK = 100  # index rows read at once
_END_OF_TIME = 1 << 52  # Unix ms


class Page(msgspec.Struct, frozen=True):
    """A page of a listing; ``next`` names the place after it, None at the end."""

    jobs: list[Job]
    next: str | None


class Wanted(msgspec.Struct, frozen=True):
    """Which jobs of an account: bounds of the creation time in Unix ms, and a test."""

    account: str
    limit: int
    since_ms: int = 0
    until_ms: int = _END_OF_TIME
    keep: Callable[[Job], bool] = lambda job: True


Row = tuple[int, str, Job]  # creation in Unix ms, job key, job


class Listing:
    """The indexes of the accounts' jobs."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def page(self, wanted: Wanted, after: str | None = None) -> Page:
        """A page; ``after`` is an earlier page's ``next``.

        Raises:
            BadCursor: ``after`` is not one.
        """
        start = _parse(after) if after else None
        found: list[Row] = []
        for partition in self._keys.partitions:
            found += await self._newest(partition, wanted, start)
        found.sort(key=lambda row: row[:2], reverse=True)
        page = found[: wanted.limit]
        more = len(found) > wanted.limit
        return Page([job for _, _, job in page], _format(*page[-1][:2]) if more else None)

    async def _newest(
        self, partition: Partition, wanted: Wanted, start: tuple[int, str] | None
    ) -> list[Row]:
        """The first ``limit + 1`` rows of one partition."""
        index = partition.account(wanted.account)
        high = min(wanted.until_ms, start[0]) if start else wanted.until_ms
        rows: list[Row] = []
        stale: list[bytes] = []
        offset = 0  # among the rows at `high`: jobs come and go between two chunks
        while len(rows) <= wanted.limit:
            found = await self._chunk(partition, index, (wanted.since_ms, high), offset)
            for member, score, record in found:
                row = (int(score), member.decode())
                if not record:
                    stale.append(member)
                elif record.get(b"state") != b"deleted" and (start is None or row < start):
                    start = row
                    job = _readable(row[1], record)
                    if job is not None and wanted.keep(job):
                        rows.append((*row, job))
            if len(found) < _CHUNK:
                break
            lowest = int(found[-1][1])
            at_lowest = sum(score == lowest for _, score, _ in found)
            high, offset = lowest, at_lowest + (offset if lowest == high else 0)
        if stale:  # their records have expired
            with store_errors():
                await self._client.zrem(index, *stale)
        return rows

    async def _chunk(
        self, partition: Partition, index: str, times: tuple[int, int], offset: int
    ) -> list[tuple[bytes, float, dict[bytes, bytes]]]:
        """Index rows, newest first and keys downwards, each with its record (or an empty one)."""
        with store_errors():
            members: list[Any] = await self._client.zrevrangebyscore(
                index, times[1], times[0], start=offset, num=_CHUNK, withscores=True
            )
            pipe = self._client.pipeline(transaction=False)
            for member, _ in members:
                pipe.hgetall(partition.job(member.decode()))
            records = await each(pipe) if members else []
        return [
            (*pair, _DAMAGED if record is None else record)
            for pair, record in zip(members, records, strict=True)
        ]


_DAMAGED = {b"": b""}  # stands for what is no record


def _readable(key: str, record: dict[bytes, bytes]) -> Job | None:
    """The job in a record; None if it was damaged: the others are listed all the same."""
    try:
        return to_job(key, record)
    except UNREADABLE:
        return None


def _format(created_ms: int, key: str) -> str:
    return base64.urlsafe_b64encode(f"{created_ms}:{key}".encode()).decode().rstrip("=")


def _parse(text: str) -> tuple[int, str]:
    try:
        created, _, key = base64.urlsafe_b64decode(text + "==").decode().partition(":")
        return int(created), key
    except (ValueError, UnicodeDecodeError) as error:
        raise BadCursor("It must be the `next` of an earlier page.", param="after") from error
