"""Which logical call an attempt belongs to: one ``Idempotency-Key`` a call, its retries included.

The official SDKs make their retries above the transport: each one is a new request with the
same body, and nothing in it names the call. What they do send, every SDK made by Stainless, is
``x-stainless-retry-count``: 0 for the first attempt of a call, then 1, 2, … So:

- **Count 0, or none: a new call, always.** Two deliberate calls with equal bodies are never
  merged, however close together.
- **Count n > 0: the call whose attempt n - 1, with the same body, this context made last.**
  An SDK makes the attempts of a call one after the other in one thread or task, with nothing
  but a pause between them. A context variable, set by the attempt, therefore still stands at
  the next one, and no other thread's or task's call can be mistaken for it: a task inherits a
  copy of its parent's context, but its first attempt has the count 0.
- **Count n > 0, and the context forgot**: something between the SDK and here ran the attempt in
  a task of its own (``asyncio.wait_for`` before Python 3.12 does). Then any call fits whose
  attempt n - 1 with these bytes failed, and was not taken up yet; the last one first. Where
  several do, they are equal calls none of which has delivered a byte, so it doesn't matter which
  of them gets which key, only that none gets two. The table keeps the last 1,024 for as long
  as an SDK may pause, two minutes and a half.
- Nothing fits: a new key.

The bytes count, not the headers: an SDK may renew its credentials between two attempts.

Weighed and left: ``client._idempotency_header`` of the SDKs (private, off, lost in
``with_options()``), a subclass (the application would have to use it), a key derived from the
body (merges deliberate calls), matching without the count (a user's own second try after a
failure would get the failure again).
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256

RETRY_COUNT = "x-stainless-retry-count"
_KEPT = 1024  # failed attempts
_FRESH = 150.0  # seconds


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a call: ``number`` counts its retries, ``print`` is its request's digest."""

    owner: int
    print: bytes
    number: int
    key: str


_last: ContextVar[Attempt | None] = ContextVar("streamhold_last_attempt", default=None)
_owners = iter(range(1, 1 << 62))


def new_key() -> str:
    """A request id that nobody has used."""
    return f"call-{secrets.token_hex(16)}"


class Calls:
    """The calls of one transport. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._owner = next(_owners)
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, tuple[Attempt, float]] = OrderedDict()

    def begin(self, url: str, body: bytes, retry_count: str | None) -> Attempt:
        """The attempt that these bytes are, with the key of its call."""
        number = int(retry_count) if retry_count and retry_count.isdecimal() else 0
        digest = sha256(url.encode() + b"\0" + body).digest()
        key = self._key_of(digest, number - 1) if number else None
        attempt = Attempt(self._owner, digest, number, key or new_key())
        _last.set(attempt)
        return attempt

    def failed(self, attempt: Attempt) -> None:
        """It got no good answer: another attempt of the call may follow."""
        with self._lock:
            self._failed[attempt.key] = attempt, self._clock()
            self._failed.move_to_end(attempt.key)
            if len(self._failed) > _KEPT:
                self._failed.popitem(last=False)

    def _key_of(self, digest: bytes, number: int) -> str | None:
        last = _last.get()
        wanted = (self._owner, digest, number)
        with self._lock:
            if last is not None and (last.owner, last.print, last.number) == wanted:
                self._failed.pop(last.key, None)
                return last.key
            stale = self._clock() - _FRESH
            for key, (attempt, at) in reversed(self._failed.items()):
                if at < stale:
                    break
                if (attempt.owner, attempt.print, attempt.number) == wanted:
                    del self._failed[key]
                    return key
        return None
