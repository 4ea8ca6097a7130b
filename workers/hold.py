"""A hold: one claimed job in this worker, from its claim until its task has ended."""

import asyncio
from typing import Any
from weakref import WeakMethod

import msgspec

from broker.frames import Frame, Kind
from broker.model import Failure, JobState, Terminal
from broker.store.queue import Claim, Released
from workers.ledger import Ledger
from workers.pen import Fenced
from workers.writer import Writer


class Hold:
    """The claim, the pen that writes under its token, and the task that runs it."""

    def __init__(self, claim: Claim, writer: Writer) -> None:
        self.claim = claim
        self.ledger = Ledger(claim.job)
        self.task: asyncio.Task[Any] | None = None
        self._taken = False
        # The pen knows of us weakly: two that hold each other stay until the collector comes, which
        # is seldom, and with them the job and its task.
        ended = WeakMethod(self._ended)

        def on_end(error: Exception) -> None:
            if (tell := ended()) is not None:
                tell(error)

        self.pen = writer.pen(self.key, claim.token, claim.job.last, on_end, claim)

    @property
    def finished(self) -> bool:
        """Whether the terminal is on its way to the store: the lease ends with it."""
        return self.pen.final

    @property
    def over(self) -> bool:
        """Whether the terminal was written and acknowledged."""
        return self.pen.final and not self.pen.dirty and self.pen.ours

    @property
    def key(self) -> str:
        return self.claim.job.key

    @property
    def account(self) -> str:
        return self.claim.job.account

    @property
    def batch(self) -> bool:
        """Whether it is a job of the batch priority."""
        return self.claim.job.options.priority == "batch"

    @property
    def lease(self) -> tuple[str, int]:
        """What names the lease to the store: the job's key and the token."""
        return self.key, self.claim.token

    def leave(self) -> Released:
        """Hand the job over: its lease, and what the record is to say of our attempts."""
        return Released(self.key, self.claim.token, self.ledger.leave())

    def decline(self) -> Released:
        """Hand the job back untouched: it was not for us."""
        self._taken = True  # its task ends by itself
        self.pen.end(Fenced())
        times = ("declined", b"%d" % (self.claim.job.declined + 1))
        return Released(self.key, self.claim.token, [*self.ledger.leave(), times])

    def park(self, wait: float) -> Released:
        """Hand the job back, to be queued again after so many seconds."""
        self._taken = True  # its task ends by itself
        fields = self.ledger.leave()
        self.pen.end(Fenced())
        return Released(self.key, self.claim.token, fields, wait)

    def take_away(self) -> None:
        """The job is not ours any more: stop its task, which closes the upstream connection."""
        self.pen.end(Fenced())
        self._stop()  # a pen that had lost frames has ended already

    async def fail(self, failure: Failure) -> None:
        """Write a failed terminal, for a job whose function can't, and wait until it is stored.

        Raises:
            Fenced, FramesLost: the stream is not ours any more.
        """
        frame = Frame(Kind.TERMINAL, msgspec.json.encode(Terminal(JobState.FAILED, error=failure)))
        fields = [*self.ledger.take_fields(), ("error", msgspec.json.encode(failure))]
        self.pen.write([frame], fields, JobState.FAILED)
        await self.pen.settled()

    def _ended(self, error: Exception) -> None:
        # FramesLost is met by the job itself, at its next write.
        if isinstance(error, Fenced):
            self._stop()

    def _stop(self) -> None:
        if self.task is not None and not self._taken:  # once: it may be settling its attempt
            self._taken = True
            self.task.cancel()
