"""Seats: how an account's limit of open jobs holds over several partitions, exactly.

A script sees one partition, and an account's jobs are in all of them. So before a job of a limited
account is created, or queued again, it takes a seat, in a set that is kept in the account's home
partition and never larger than the limit:

    take a seat (home) ──▶ create (the job's partition) ──▶ … ──▶ the job ends
         │ all are taken                                            (its seat stays)
         ▼
    look which of their jobs have ended ──▶ give those seats up ──▶ take one

Nobody need give up a seat when a job ends, in a step that a crash could lose: seats of ended jobs
are found when they are missed. A seat without a job (its caller died in between, or is about to
create it) is kept for a minute. Each taking gives a seat a new mark, and a seat is given up only
under the mark that it was seen with, so that a job that is queued again meanwhile keeps it.
With one partition nothing of this is needed: the scripts count there.
"""

from typing import NamedTuple

from redis.asyncio import Redis

from broker.model import JobState
from broker.store.connection import each, store_errors
from broker.store.keys import Keys
from broker.store.scripts import Scripts

_CREATE_WITHIN = 30_000  # ms after which a job may no longer be created on its seat
_FORGET_AFTER = 60_000  # ms after which a seat without a job is given up
_OPEN = tuple(state.value.encode() for state in JobState if not state.final)
_TRIES = 3


class Seat(NamedTuple):
    """A seat for one job, which must be created by ``until_ms`` of the store's clock."""

    account: str
    key: str
    mark: bytes
    until_ms: int


class Seats:
    """The seats of a deployment's accounts."""

    def __init__(self, scripts: Scripts, client: Redis, keys: Keys, keep_ms: int) -> None:
        self._scripts = scripts
        self._client = client
        self._keys = keys
        self._keep_ms = keep_ms

    async def take(self, account: str, key: str, most: int) -> Seat | None:
        """A seat for a job, which may have one already; None if all ``most`` are taken.

        Raises:
            StoreAway.
        """
        home = self._keys.home(account).prefix
        for _ in range(_TRIES):
            mark, now, *taken = await self._scripts.run(
                "seat", home, account, key, most, self._keep_ms
            )
            if mark is not None:
                return Seat(account, key, mark, int(now) + _CREATE_WITHIN)
            idle = await self._idle(dict(zip(taken[::2], taken[1::2], strict=True)), int(now))
            if not idle:
                return None
            await self._scripts.run("unseat", home, account, *idle)
        return None

    async def give_up(self, seat: Seat) -> None:
        """No job was created on it.

        Raises:
            StoreAway: it is given up after a minute.
        """
        home = self._keys.home(seat.account).prefix
        await self._scripts.run("unseat", home, seat.account, seat.key, seat.mark)

    async def _idle(self, taken: dict[bytes, bytes], now: int) -> list[bytes]:
        """Job key and mark of each seat whose job has ended, or never came."""
        with store_errors():
            pipe = self._client.pipeline(transaction=False)
            for key in taken:
                name = key.decode()
                pipe.hget(self._keys.partition(name).job(name), "state")
            states: list[bytes | None] = await each(pipe)
        idle: list[bytes] = []
        for (key, mark), state in zip(taken.items(), states, strict=True):
            age = abs(now - int(mark.partition(b":")[2]))
            if state not in _OPEN and (state is not None or age > _FORGET_AFTER):
                idle += (key, mark)
        return idle
