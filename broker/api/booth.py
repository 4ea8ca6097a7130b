"""The booth: where tickets are issued and taken, with the key that all API processes share.

It is the operator's (``STREAMHOLD_TICKET_KEY``), or else the store's own. That one is kept
here once it was read. It is read again for every ticket that is issued, and for one that does
not fit: a store that lost its data gives out another.
"""

import time
from collections.abc import Callable

from broker.api.tickets import Presented, Ring, Ticket, TicketScope
from broker.errors import BadTicket
from broker.model import Job
from broker.settings import Settings
from broker.store.ticket_key import TicketKey

_AGAIN = 1.0  # seconds between two readings of the key for tickets that do not fit


class Booth:
    """One process's. ``clock`` gives Unix seconds; ``turn`` seconds that only go on."""

    def __init__(
        self,
        settings: Settings,
        shared: TicketKey,
        *,
        clock: Callable[[], float] = time.time,
        turn: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = tuple(settings.accounts)
        self._shared = shared
        self._clock = clock
        self._turn = turn
        keys = [key.reveal().encode() for key in settings.ticket_keys]
        self._own = bool(keys)
        self._ring = Ring(keys, self._accounts) if keys else None
        self._read_at = 0.0

    @property
    def now_ms(self) -> int:
        return round(self._clock() * 1000)

    async def issue(self, job: Job, scope: TicketScope) -> tuple[Ticket, str]:
        """A ticket for a job of its account's, and its text.

        Raises:
            StoreAway, StoreFull: the key could not be had.
        """
        ring = await self._read()
        ticket = Ticket(job.account, job.request_id, scope, self.now_ms, job.created_ms)
        return ticket, ring.sign(ticket)

    async def take(self, shown: Presented) -> Ticket:
        """The ticket that was shown. Whether the job lets it in, the job must tell.

        Raises:
            BadTicket: it is none of ours, or for something else.
            StoreAway, StoreFull: the key could not be had.
        """
        ring = self._ring or await self._read()
        try:
            return ring.read(shown)
        except BadTicket:
            if self._own or self._turn() - self._read_at < _AGAIN:
                raise
        return (await self._read()).read(shown)

    async def _read(self) -> Ring:
        if self._own and self._ring is not None:
            return self._ring
        key = await self._shared.get()
        self._read_at = self._turn()
        self._ring = Ring([key], self._accounts)
        return self._ring
