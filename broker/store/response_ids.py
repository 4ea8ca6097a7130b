"""The ids of responses: ``resp_``, the job's key, and a tag that only the deployment can make.

So an id needs no table: every process makes a job's id, and finds an id's job. The key alone
follows from the account and the request id, which others may know; the tag follows from the
secret that the store holds (see ``ticket_key``). Nobody finds a job by an id that was not given
to him, nor learns whether there is one. A provider's own ids are of another length.
"""

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

from broker.dialects.responses.minted import MINTED
from broker.errors import StoreAway
from broker.store.ticket_key import TicketKey

_TAG = 15  # bytes
_FRESH = 5.0  # seconds that a secret is used without another look: a store may lose its data


class ResponseIds:
    """One process's. ``turn`` gives seconds that only go on."""

    def __init__(self, shared: TicketKey, turn: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._turn = turn
        self._secret: bytes | None = None
        self._read_at = 0.0

    async def ready(self) -> "ResponseIds":
        """Have the secret at hand; nearly always nothing is waited for.

        Raises:
            StoreAway, StoreFull: it could not be had, and never was.
        """
        if self._secret is None or self._turn() - self._read_at > _FRESH:
            try:
                self._secret = await self._shared.get()
            except StoreAway:
                if self._secret is None:
                    raise
            self._read_at = self._turn()
        return self

    def of(self, key: str) -> str:
        """The id of the response that a job is; only once ``ready``."""
        assert self._secret is not None
        return made_id(self._secret, key)

    async def key_of(self, name: str) -> str | None:
        """The key of the job that a response's id names; None if we did not make it.

        Raises:
            StoreAway, StoreFull: the secret could not be had.
        """
        if MINTED.match(name) is None:
            return None
        await self.ready()
        assert self._secret is not None
        return key_in(self._secret, name)


def made_id(secret: bytes, key: str) -> str:
    """The id of the response that a job is."""
    tag = hmac.digest(secret, b"response:" + key.encode(), sha256)[:_TAG]
    return f"resp_{key}{urlsafe_b64encode(tag).decode()}"


def key_in(secret: bytes, name: str) -> str | None:
    """The key of the job that a response's id names; None if it was not made with this secret."""
    found = MINTED.match(name)
    if found is None:
        return None
    made = made_id(secret, found[1])
    return found[1] if hmac.compare_digest(made, name) else None
