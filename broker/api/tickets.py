"""Tickets: what stands in for a key in an address, for clients that can send no headers.

A browser's EventSource takes an address and nothing else, and a page must not hold a key that
may spend. A ticket opens one surface (its scope: ``events`` or ``result``) of one job, for
reading. It is made of 48 bytes, in 64 characters of which none is idle:

    6   the account, as a tag that only the key's holders can tell
    6   when it was issued       Unix milliseconds
    6   when its job was created likewise: the same id may name another job one day
    30  HMAC-SHA256 over all of it, the request id and the scope, cut

There is no expiry in it. A 401 on a reconnect ends an EventSource for good, and nobody knows
beforehand how long a job will run; so the job itself tells, whenever the ticket is used:

    the job runs      the ticket is good
    it has ended      good for AFTER_END from then, or from its issue if that was later
    it is gone        there is nothing to read, with a ticket as with a key
    in any case       no longer than LONGEST after its issue, and for that very job only

All of an account's tickets end with the account, all of a key's with the key.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Literal
from urllib.parse import parse_qs

import msgspec

from broker.errors import BadTicket
from broker.model import Job

TicketScope = Literal["events", "result"]

AFTER_END = 300  # seconds
LONGEST = 7 * 24 * 3600  # seconds; no job runs for a week
_PATH = re.compile(r"/v1/jobs/([A-Za-z0-9][A-Za-z0-9._:\-]{0,127})/(events|result)\Z")
_TEXT = re.compile(r"[A-Za-z0-9_-]{64}\Z")
_TAG, _SEAL = 6, 30  # bytes


class Ticket(msgspec.Struct, frozen=True):
    """Leave to read a job's stream, or its result. Times are Unix milliseconds."""

    account: str
    request_id: str
    scope: TicketScope
    issued_ms: int
    created_ms: int

    @property
    def not_after_ms(self) -> int:
        """When it ends, whatever the job does."""
        return self.issued_ms + LONGEST * 1000

    def ends_ms(self, job: Job) -> int | None:
        """When it ends as the job stands now; None while the job runs."""
        if job.ended_ms is None or not job.state.final:
            return None
        return min(self.not_after_ms, max(job.ended_ms, self.issued_ms) + AFTER_END * 1000)

    def check(self, job: Job, now_ms: int) -> None:
        """Return if it opens this job now.

        Raises:
            BadTicket: it was for another job of that name, or its time is over.
        """
        ends = self.ends_ms(job)
        over = now_ms > (self.not_after_ms if ends is None else ends)
        if over or job.created_ms != self.created_ms:
            raise BadTicket()


class Presented(msgspec.Struct, frozen=True):
    """A ticket as it came, and what it would have to be for."""

    text: str
    request_id: str
    scope: TicketScope


def given(query: bytes) -> list[str]:
    """The tickets in a query string: one, if it is none that plays tricks."""
    if not query:
        return []
    return parse_qs(query.decode("latin1"), keep_blank_values=True).get("ticket", [])


def presented(method: str, path: str, query: bytes) -> Presented | None:
    """The ticket that a request shows where tickets are taken: GET and HEAD of two paths."""
    texts, place = given(query), _PATH.match(path)
    if len(texts) != 1 or place is None or method not in ("GET", "HEAD"):
        return None
    return Presented(texts[0], place[1], "events" if place[2] == "events" else "result")


class Ring:
    """The keys that tickets are made with: the first signs, all of them are good."""

    def __init__(self, keys: Sequence[bytes], accounts: Iterable[str]) -> None:
        self._keys = tuple(keys)
        self._tags = {_tag(key, name): (key, name) for name in accounts for key in self._keys}

    def sign(self, ticket: Ticket) -> str:
        """The ticket as text."""
        key = self._keys[0]
        data = _tag(key, ticket.account) + _times(ticket) + _seal(key, ticket)
        return urlsafe_b64encode(data).decode()

    def read(self, shown: Presented) -> Ticket:
        """The ticket in a text, if we made it for this.

        Raises:
            BadTicket: we did not. It is the same whatever is wrong, and takes as long.
        """
        if not _TEXT.match(shown.text):
            raise BadTicket()
        data = urlsafe_b64decode(shown.text)
        known = self._tags.get(data[:_TAG])
        key, account = known or (self._keys[0], "")
        issued, created = data[_TAG : _TAG + 6], data[_TAG + 6 : -_SEAL]
        ticket = Ticket(
            account, shown.request_id, shown.scope, int.from_bytes(issued), int.from_bytes(created)
        )
        if not hmac.compare_digest(data[-_SEAL:], _seal(key, ticket)) or known is None:
            raise BadTicket()
        return ticket


def _times(ticket: Ticket) -> bytes:
    return ticket.issued_ms.to_bytes(6) + ticket.created_ms.to_bytes(6)


def _tag(key: bytes, account: str) -> bytes:
    return _digest(key, ("account", account))[:_TAG]


def _seal(key: bytes, ticket: Ticket) -> bytes:
    return _digest(key, ("ticket", *msgspec.structs.astuple(ticket)))[:_SEAL]


def _digest(key: bytes, parts: tuple[str | int, ...]) -> bytes:
    """MessagePack keeps the parts apart: no two lists of them run together into one text."""
    return hmac.digest(key, msgspec.msgpack.encode(parts), sha256)
