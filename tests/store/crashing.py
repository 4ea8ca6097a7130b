"""A store whose host crashes: it goes back to what it was, and is started again."""

import itertools
from typing import Any, cast

from broker.store import Store
from tests.store.samples import raw

_SERVERS = itertools.count(0xABC)

Snapshot = dict[bytes, bytes]


class Crashing:
    """Takes a deployment back to an earlier state, as a lost end of the log does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._restart(known=False)

    async def snapshot(self) -> Snapshot:
        """All that is there."""
        found: Snapshot = {}
        async for key in raw(self._store).scan_iter(match=self._prefix + "*", count=1000):
            if (value := await raw(self._store).dump(key)) is not None:
                found[key] = value
        return found

    async def go_back(self, to: Snapshot, *, known: bool = True) -> None:
        """The store as it was, started again; ``known``: its callers have seen it before."""
        async for key in raw(self._store).scan_iter(match=self._prefix + "*", count=1000):
            await raw(self._store).delete(key)
        for key, value in to.items():
            await raw(self._store).restore(key, 0, value, replace=True)
        self._restart(known=known)

    async def pass_hold_off(self) -> None:
        """Let the era be a minute old, and with it all that is older."""
        era = self._prefix + "era"
        server, began, at = (await raw(self._store).get(era)).split()
        old = int(began) - 60_000_000, int(at) - 60_000
        await raw(self._store).set(era, b"%b %d %d" % (server, *old))
        async for key in raw(self._store).scan_iter(match=self._prefix + "job:*"):
            await raw(self._store).hincrby(key, "created", -120_000)

    @property
    def _prefix(self) -> str:
        return self._store.keys.partitions[0].prefix

    def _restart(self, *, known: bool) -> None:
        name = f"{'~' if known else ''}{next(_SERVERS):x}"

        async def server() -> str:
            return name

        cast(Any, self._store)._executor.server = server
