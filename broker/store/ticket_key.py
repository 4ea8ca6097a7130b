"""The key that responses' ids are made with, one a deployment; and tickets, where the operator
has set none for them.

Whichever process needs it first makes it; all others find it. Who can read the store could
make tickets of it, but reads the streams themselves anyway.
"""

import secrets
from collections.abc import Awaitable
from typing import cast

from redis.asyncio import Redis

from broker.store.connection import store_errors
from broker.store.keys import Keys

_BYTES = 32


class TicketKey:
    """The deployment's own key. It never expires."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._name = keys.ticket_key

    async def get(self) -> bytes:
        """The key, made now if there was none: the first of several at once is everyone's.

        Raises:
            StoreAway, StoreFull.
        """
        with store_errors():
            while (found := await self._read()) is None:
                await self._client.set(self._name, secrets.token_bytes(_BYTES), nx=True)
        return found

    async def _read(self) -> bytes | None:
        return await cast(Awaitable[bytes | None], self._client.get(self._name))
