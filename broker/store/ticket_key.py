"""The key that responses' ids are made with, one a deployment; and tickets, where the operator
has set none for them.

Whichever process needs it first makes it; all others find it. Who can read the store could
make tickets of it, but reads the streams themselves anyway.
"""

import secrets

from broker.store.keys import Keys
from broker.store.scripts import Scripts

_BYTES = 32


class TicketKey:
    """The deployment's own key. It never expires."""

    def __init__(self, scripts: Scripts, keys: Keys) -> None:
        self._scripts = scripts
        self._name = keys.ticket_key

    async def get(self) -> bytes:
        """The key, made now if there was none: the first of several at once is everyone's.

        Raises:
            StoreAway.
        """
        fresh = secrets.token_bytes(_BYTES)
        found: bytes = await self._scripts.run("first", self._name, fresh, 0)
        return found
