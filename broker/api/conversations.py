"""What a WebSocket's responses with ``store: false`` go on from, kept by its connection.

Nothing else keeps them. A connection has the latest one of each of its lanes; all connections
of a process together have so many bytes, and one account a share of it. What is pushed out is
answered as unknown, and its client sends all of it again.
"""

from collections import Counter, OrderedDict
from typing import NamedTuple

_TOTAL = 128 * 1024 * 1024  # bytes
_SHARE = 4  # of all bytes an account has one in so many
_MOST = 8 * 1024 * 1024  # bytes of one


class Kept(NamedTuple):
    """All of a conversation so far: items of an input, after those of ``previous``, if any."""

    items: bytes
    previous: str | None = None


_Place = tuple[int, str]  # a connection's number, and a response's id


class Conversations:
    """Those of one process. ``total`` and ``most`` are bytes."""

    def __init__(self, total: int = _TOTAL, most: int = _MOST) -> None:
        self._total = total
        self._share = total // _SHARE
        self.most = min(most, self._share)
        self._kept: OrderedDict[_Place, tuple[str, Kept]] = OrderedDict()  # the oldest first
        self._sizes: Counter[str] = Counter()  # by account
        self._size = 0
        self._connections = 0

    def connect(self) -> int:
        """A number for a connection."""
        self._connections += 1
        return self._connections

    def keep(self, connection: int, account: str, name: str, kept: Kept) -> bool:
        """Keep one under a response's id; false if it is too large."""
        self.drop(connection, name)
        size = len(kept.items)
        if size > self.most:
            return False
        self._kept[connection, name] = (account, kept)
        self._count(account, size)
        while self._sizes[account] > self._share:
            self.drop(*next(at for at, (owner, _) in self._kept.items() if owner == account))
        while self._size > self._total:
            self.drop(*next(iter(self._kept)))
        return (connection, name) in self._kept

    def find(self, connection: int, name: str) -> Kept | None:
        """The one under a response's id, if it is still kept."""
        found = self._kept.get((connection, name))
        return None if found is None else found[1]

    def drop(self, connection: int, name: str) -> None:
        """Forget one, if it is there."""
        found = self._kept.pop((connection, name), None)
        if found is not None:
            self._count(found[0], -len(found[1].items))

    def _count(self, account: str, size: int) -> None:
        self._size += size
        self._sizes[account] += size
        if not self._sizes[account]:
            del self._sizes[account]
