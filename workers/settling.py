"""Settling: what an attempt cost whose worker died, in a job that was then ended from outside.

A job that goes on is settled by its next holder. One that is cancelled, or past its deadline,
while it waits for one has none; so any worker settles it, once the rescuer has found it: one after
the other, for the worker that was lost may have been lost over just such a stream.
"""

import asyncio
from collections import deque
from typing import Any

import msgspec

from broker import log
from broker.cursor import count_of
from broker.dialects.dialect import Dialect
from broker.dialects.registry import DIALECTS
from broker.dialects.usage import tokens
from broker.ending import end
from broker.errors import JobGone, JobNotFound, StoreAway
from broker.model import Outline
from broker.store import Store
from workers.ledger import Ledger
from workers.providers import Providers
from workers.read_backs import ReadBacks

_LARGE = 64 * 1024  # bytes of a body that is counted as it is: to decode it takes too long
_MOST_WAITING = 100  # jobs; any further one is found again, here or by another worker


class Settling:
    """Of one worker; settles what it is given, one job at a time."""

    def __init__(self, store: Store, providers: Providers, read_backs: ReadBacks) -> None:
        self._store = store
        self._providers = providers
        self._read_backs = read_backs
        self._waiting: deque[str] = deque()
        self._current: str | None = None
        self._task: asyncio.Task[None] | None = None

    def add(self, key: str) -> None:
        """Settle that job too, in its turn. One that waits already is not settled twice."""
        if key == self._current or key in self._waiting or len(self._waiting) >= _MOST_WAITING:
            return
        self._waiting.append(key)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="settling")

    async def close(self) -> None:
        """Stop; what is left is found again."""
        if self._task is not None:
            await end([self._task])

    async def _run(self) -> None:
        while self._waiting:
            self._current = self._waiting.popleft()
            try:
                await self._settle(self._current)
            except Exception:  # noqa: BLE001 - a job's boundary: the others wait for their turn
                log.exception("job.not_settled", job_key=self._current)
            self._current = None

    async def _settle(self, key: str) -> None:
        try:
            await settle(self._store, self._providers, self._read_backs, key)
        except StoreAway:
            pass  # it is found again
        except (JobGone, JobNotFound):
            pass  # deleted, with all that it cost


async def settle(store: Store, providers: Providers, read_backs: ReadBacks, key: str) -> None:
    """Settle every attempt of an ended job that has no end yet.

    Raises:
        StoreAway, JobGone, JobNotFound.
    """
    job = await store.jobs.get(key)
    dialect = DIALECTS.get(job.dialect)
    if dialect is None or not job.state.final:
        return  # a newer release's to settle; retried, and its next holder's
    ledger = Ledger(job)
    if ledger.last is not None:
        providers.stop(job, ledger.last)
    if ledger.unmeasured:
        body = await store.jobs.body(key) if job.outline is None else None
        transcript = dialect.transcript()
        if job.delivered:
            length = count_of(job.last, job.breaks)
            transcript = (await read_backs.read(key, dialect, length)).transcript
        ledger.settle(prompt_tokens(dialect, body, outline=job.outline), transcript)
    fields = ledger.closing(await store.jobs.get(key))
    await store.jobs.settle(key, fields)
    log.info("job.settled", request_id=job.request_id, fields=len(fields))


def prompt_tokens(
    dialect: Dialect,
    body: bytes | None,
    request: dict[str, Any] | None = None,
    outline: Outline | None = None,
) -> int | None:
    """About how many tokens a prompt is; None if neither body nor request is there any more.

    ``request`` is the body, if that was decoded already.
    """
    if outline is not None:
        return outline.prompt
    if body is not None and len(body) > _LARGE:
        return tokens(len(body))
    if not request and body is not None:
        request = msgspec.json.decode(body)
    return dialect.prompt(request) if request else None
