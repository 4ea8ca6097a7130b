"""Closing: what a job's attempts cost and how they ended, where their frames can't say it.

That is where a provider never said what it took, and where the job was taken from us: cancelled,
rescued, handed over, or given to others while we were cut off from the store.
"""

import asyncio

from broker import log
from broker.cursor import count_of
from broker.dialects.dialect import Transcript
from broker.dialects.registry import DIALECTS
from broker.errors import StoreAway, StreamholdError
from broker.store import Store
from workers.calling import Caller
from workers.hold import Hold
from workers.read_backs import ReadBacks
from workers.settling import prompt_tokens

_LATER, _LATEST = 0.5, 600.0  # seconds between looks at a job that goes on at another worker
_LATE: set[asyncio.Task[None]] = set()  # those who look


class Closing:
    """Of one claimed job."""

    def __init__(self, hold: Hold, caller: Caller, store: Store, read_backs: ReadBacks) -> None:
        self._hold = hold
        self._job = hold.claim.job
        self._ledger = hold.ledger
        self._dialect = DIALECTS[self._job.dialect]
        self._caller = caller
        self._store = store
        self._read_backs = read_backs

    def settle(self, transcript: Transcript) -> None:
        """Give the last attempt its usage, if its provider did not."""
        if self._ledger.unmeasured:
            body, outline = self._hold.claim.body, self._job.outline
            prompt = prompt_tokens(self._dialect, body, self._caller.request, outline)
            self._ledger.settle(prompt, transcript)

    async def late(self) -> None:
        """Settle the last attempt once the job has ended, from its stream."""
        try:
            length = count_of(self._hold.pen.last, self._job.breaks)
            found = await self._read_backs.read(self._job.key, self._dialect, length)
            self.settle(found.transcript)
            await self._store.jobs.settle(self._job.key, self._ledger.late())
        except StreamholdError as error:
            self._unsettled(error)

    async def taken(self) -> None:
        """The job was taken from us: record how our attempts ended, now or when it has ended."""
        if not await self._abandon():
            later = asyncio.create_task(self._abandon_later(), name=f"abandon {self._job.key}")
            _LATE.add(later)
            later.add_done_callback(_LATE.discard)

    async def _abandon(self) -> bool:
        """Record how our attempts ended, if the job is final.

        A job that goes on elsewhere is settled by its next holder instead, so that only an
        attempt without an outcome in the record is still ours to settle. One that the record does
        not know at all (we were cut off from the store before it was told) is ours to settle
        when the job has ended: then this returns false, and is to be called again.
        """
        self._ledger.end("cancelled")
        try:
            job = await self._store.jobs.get(self._job.key)
            if not job.state.final:
                return not self._ledger.owes(job)
            self._caller.stop()
            if self._ledger.unmeasured:
                transcript = self._dialect.transcript()
                if self._caller.delivered:
                    length = count_of(job.last, job.breaks)
                    if self._read_backs.takes_long(length):  # others would call it lost
                        fields = self._ledger.closing(job)
                        await self._store.jobs.settle(job.key, fields, last=False)
                        job = await self._store.jobs.get(job.key)
                    read = await self._read_backs.read(job.key, self._dialect, length)
                    transcript = read.transcript
                self.settle(transcript)
            fields, last = self._ledger.closing(job), self._ledger.is_last(job)
            if fields or last:
                await self._store.jobs.settle(job.key, fields, last=last)
        except StreamholdError as error:
            self._unsettled(error)
            return not isinstance(error, StoreAway)
        return True

    async def _abandon_later(self) -> None:
        wait = _LATER
        while wait < _LATEST and not await self._abandon():
            await asyncio.sleep(wait)
            wait *= 1.2

    def _unsettled(self, error: StreamholdError) -> None:
        log.warning("attempt.unsettled", request_id=self._job.request_id, reason=error.code)
