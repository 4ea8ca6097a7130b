"""Calls that their programs left before the end, and the equal ones that come after them.

A program that gave up and comes again has a new connection, and nothing in its call says that it
is the same. So it is another call, but for two cases:

- **It says so.** Official SDKs count the attempts of a call in ``x-stainless-retry-count``: attempt
  n > 0 with the same bytes goes on with the call whose attempt n - 1 was left.
- **The operator or the call says that equal calls are joined** (``--join``, ``x-streamhold-join``):
  then an equal call meets one that was left within so many seconds. Equal is what the broker takes
  for the same request: path, credentials, and JSON without ``stream`` and ``stream_options``.

Each call that was left is met once, the oldest first: two tries of two equal calls get two. One
that was read to its end, or answered with an error, is never met. What is kept of one is a digest,
made only where there is anything to compare.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

_MOST = 4096
_RETRIED = 150.0  # seconds that an SDK may pause between two attempts
_NO_PART = ("stream", "stream_options")  # of what makes two requests the same


@dataclass(frozen=True, slots=True)
class Left:
    """A call that was left: attempt ``number`` of it, at ``at``."""

    key: str
    digest: bytes
    number: int
    at: float


class Orphans:
    """The calls that were left, oldest first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[str, Left] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def add(self, key: str, digest: bytes, number: int) -> None:
        """Its program left it now."""
        self._left[key] = Left(key, digest, number, self._clock())
        self._left.move_to_end(key)
        while len(self._left) > _MOST:
            self._left.popitem(last=False)

    def drop(self, key: str) -> bool:
        """It can't be met any more; whether it could."""
        return self._left.pop(key, None) is not None

    def take(self, digest: bytes, number: int, join: float) -> str | None:
        """The key of the call that this attempt goes on with, which nobody else gets then."""
        now = self._clock()
        for left in self._left.values():
            if left.digest != digest:
                continue
            age = now - left.at
            retried = number > 0 and left.number == number - 1 and age <= _RETRIED
            if retried or age <= join:
                del self._left[left.key]
                return left.key
        return None


def digest_of(path: str, credentials: str, body: bytes) -> bytes:
    """What two equal calls share."""
    try:
        call = json.loads(body)
    except (ValueError, RecursionError):
        call = None
    if isinstance(call, dict):
        for name in _NO_PART:
            call.pop(name, None)
        body = json.dumps(call, sort_keys=True, separators=(",", ":")).encode()
    parts = (path.encode(), credentials.encode(), body)
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).digest()
