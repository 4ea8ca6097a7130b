"""Listings: an account's jobs, newest first, page by page, merged over the partitions.

A record may be large, by its metadata. So of all that a listing looks at only a few fields are
read; whole records only of what it shows, few at a time, and a page ends before its limit when
it has enough of them in bytes.
"""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import msgspec
from redis.asyncio import Redis

from broker.errors import BadCursor
from broker.model import Job, JobState
from broker.store.connection import each, store_errors
from broker.store.keys import Keys, Partition
from broker.store.record import UNREADABLE, to_job

_CHUNK = 100  # index rows read at once
_END_OF_TIME = 1 << 52  # Unix ms
_FIELDS = ["state", "request_id", "model", "created"]
_LARGE_FIELDS = ("metadata", "error")
_RECORD = 1024  # bytes of a record beside those
_AT_ONCE = 64 * 1024  # bytes of records that are read together, unless one is larger
_PAGE_BYTES = 1024 * 1024  # of a page's records, unless the first is larger


class Page(msgspec.Struct, frozen=True):
    """A page of a listing; ``next`` names the place after it, None at the end."""

    jobs: list[Job]
    next: str | None


class Listed(msgspec.Struct, frozen=True):
    """What a listing looks at of a job; ``size`` is about its record's, in bytes."""

    request_id: str
    state: JobState
    model: str
    created_ms: int
    size: int


class Wanted(msgspec.Struct, frozen=True):
    """Which jobs of an account: bounds of the creation time in Unix ms, and a test."""

    account: str
    limit: int
    since_ms: int = 0
    until_ms: int = _END_OF_TIME
    keep: Callable[[Listed], bool] = lambda job: True


Row = tuple[int, str, Listed]  # creation in Unix ms, job key, job


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
        size = 0
        for place, row in enumerate(page):
            size += row[2].size
            if place and size > _PAGE_BYTES:
                page = page[:place]
                break
        more = len(found) > len(page)
        return Page(await self._jobs(page, wanted), _format(*page[-1][:2]) if more else None)

    async def _jobs(self, page: list[Row], wanted: Wanted) -> list[Job]:
        """The jobs of these rows, less those that are not wanted any more."""
        jobs: list[Job] = []
        while page:
            size = count = 0
            while count < len(page) and (not count or size + page[count][2].size <= _AT_ONCE):
                size += page[count][2].size
                count += 1
            rows, page = page[:count], page[count:]
            with store_errors():
                pipe = self._client.pipeline(transaction=False)
                for _, key, _ in rows:
                    pipe.hgetall(self._keys.partition(key).job(key))
                records = await each(pipe)
            for (_, key, listed), record in zip(rows, records, strict=True):
                job = _readable(key, record)
                if job is not None and wanted.keep(
                    msgspec.structs.replace(listed, state=job.state)
                ):
                    jobs.append(job)
            await asyncio.sleep(0)
        return jobs

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
            for member, score, fields in found:
                row = (int(score), member.decode())
                if fields[0] is None:
                    stale.append(member)
                elif fields[0] != b"deleted" and (start is None or row < start):
                    start = row
                    listed = _listed(fields)
                    if listed is not None and wanted.keep(listed):
                        rows.append((*row, listed))
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
    ) -> list[tuple[bytes, float, list[Any]]]:
        """Index rows, newest first and keys downwards, each with the fields of its record.

        They are none where there is no record; the last of them are sizes.
        """
        with store_errors():
            members: list[Any] = await self._client.zrevrangebyscore(
                index, times[1], times[0], start=offset, num=_CHUNK, withscores=True
            )
            pipe = self._client.pipeline(transaction=False)
            for member, _ in members:
                record = partition.job(member.decode())
                pipe.hmget(record, _FIELDS)
                for field in _LARGE_FIELDS:
                    pipe.hstrlen(record, field)
            replies = await each(pipe) if members else []
        width = 1 + len(_LARGE_FIELDS)
        return [
            (member, score, [*(replies[at] or _DAMAGED), *replies[at + 1 : at + width]])
            for at, (member, score) in zip(range(0, len(replies), width), members, strict=True)
        ]


_DAMAGED = [b"", b"", b"", b""]  # stands for what is no record


def _listed(fields: list[Any]) -> Listed | None:
    """What of a record decides whether it is listed; None if it was damaged."""
    state, request_id, model, created, *sizes = fields
    try:
        return Listed(
            request_id.decode(),
            JobState(state.decode()),
            model.decode(),
            int(created),
            _RECORD + sum(size or 0 for size in sizes),
        )
    except UNREADABLE:
        return None


def _readable(key: str, record: dict[bytes, bytes] | None) -> Job | None:
    """The job in a record; None if it was damaged: the others are listed all the same."""
    if not record or record.get(b"state") == b"deleted":
        return None
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
