"""An ear: one worker's wait for the jobs of one partition, over a connection of its own.

    BLPOP wake … ─┐ one write          ┌─ the wake, and the jobs that were claimed at it
    EVALSHA claim ┴───────▶ the store ─┴──────▶ one read

The server leaves what is sent behind a blocking pop until that is over, so the claim is made
in the very moment of the wake: a job reaches its worker without asking for it. So:

- what the claim may take is promised to it from the time of sending, for as long as it waits;
- it is made at the end of a wait that brought no wake as well, and may take jobs then;
- a worker that takes no jobs any more must end the wait by ``recall``, and hand back what it
  brings all the same. To cut the connection instead may lose a claim in it;
- a worker that has stood still for a while is given nothing, for it would keep what it got
  until its lease has expired; the wake is then another's;
- a claim lost with its connection is rescued when its lease has expired, like any claim of a
  worker that dies of it.
"""

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from broker.store.keys import Partition
from broker.store.scripts import Executor, ReplyError, translate

if TYPE_CHECKING:
    from broker.store.queue import Claim, Occupancy, Queue


class Line(Executor, Protocol):
    """A connection that takes commands one behind the other, in the order of the calls."""

    @property
    def usable(self) -> bool: ...

    async def connect(self) -> Any: ...

    def begin(self, *args: str | bytes | int) -> asyncio.Future[Any]: ...

    async def close(self) -> None: ...


class Heard(NamedTuple):
    """What a wait brought, and whether a wake ended it."""

    claims: list["Claim"]
    woken: bool


class Ear:
    """The wait of the worker named ``holder``. One wait at a time."""

    def __init__(
        self,
        line: Line,
        queue: "Queue",
        partition: Partition,
        holder: str,
        occupancy: "Occupancy | None" = None,
    ) -> None:
        self._occupancy = occupancy
        self._line = line
        self._queue = queue
        self._partition = partition
        self._holder = holder

    async def next(self, seconds: float, most: int, most_batch: int) -> Heard:
        """What was claimed at the next wake, at a recall, or when the time was over.

        With no ``most_batch`` it is not woken for batch jobs.

        Raises:
            StoreAway: nothing was heard; it may have been claimed all the same.
        """
        if not self._line.usable:
            await self._line.connect()
        partition, holder = self._partition, self._holder
        recall = partition.recall(holder)
        lists = [partition.wake, recall]
        if most_batch:
            lists.insert(1, partition.wake_batch)
        wake = self._line.begin("BLPOP", *lists, str(seconds))
        try:
            claims = await self._queue.claim(
                partition, holder, most, most_batch, over=self._line, occupancy=self._occupancy
            )
        except BaseException:
            if not wake.cancel():
                wake.exception()  # is no other
            raise
        if (error := wake.exception()) is None:
            token = wake.result()
            return Heard(claims, token is not None and token[0] != recall.encode())
        if isinstance(error, ReplyError) and not claims:
            raise translate(error)
        return Heard(claims, woken=False)

    async def close(self) -> None:
        """Hear nothing any more."""
        await self._line.close()
