"""What a process does when its open files run short.

At the limit itself the event loop takes each new connection and closes it, and nobody learns of
it. So some files are kept in reserve. A new file always has the lowest number that is free: a
connection whose number is in the reserve means that nearly all are in use. Then those that wait
for a request are closed, the ones that have waited longest first; where there is none, the
new connection is answered with 503 and closed. Both are logged, at most once in ten seconds, and
counted. What is in reserve is for the store, for providers and for these answers.
"""

import sys
from collections.abc import Callable
from typing import Protocol

from broker import log

_MOST_RESERVED = 256  # files
_SHARE = 8  # of all files one in so many is in reserve
_QUIET = 10.0  # seconds between two log lines


class Waiting(Protocol):
    """A connection that waits for a request."""

    def close_idle(self) -> None:
        """Close it."""

    def abort(self) -> None:
        """Close it now."""


class Crowd:
    """The connections of a process that wait for a request, and the room for more.

    ``limit`` is how many files may be open, ``cut`` counts what was closed, by its reason.
    """

    def __init__(self, limit: int, cut: Callable[[str], None]) -> None:
        self.waiting: dict[Waiting, None] = {}  # the one that has waited longest is first
        self.ended = False
        self._cut = cut
        self._limit = limit if limit > 0 else sys.maxsize  # the system's word for "no limit" is -1
        self._reserve = min(_MOST_RESERVED, self._limit // _SHARE)
        self._logged = float("-inf")
        self._closed = self._refused = 0  # since the last log line

    def admits(self, file: int, now: float) -> bool:
        """Whether a connection with this file may stay; others may have to go for it."""
        if file < self._limit - self._reserve:
            return True
        oldest = list(self.waiting)[: 1 + len(self.waiting) // _SHARE]
        for connection in oldest:
            connection.abort()
            self._cut("crowded")
        admitted = bool(oldest) and not self.is_last(file)
        if not admitted:
            self._cut("refused")
        self._closed += len(oldest)
        self._refused += not admitted
        if now - self._logged >= _QUIET:
            log.warning(
                "connections.crowded",
                files=self._limit,
                closed=self._closed,
                refused=self._refused,
            )
            self._logged, self._closed, self._refused = now, 0, 0
        return admitted

    def is_last(self, file: int) -> bool:
        """Whether a file is in the half of the reserve that isn't for connections at all."""
        return file >= self._limit - self._reserve // 2

    def end(self) -> None:
        """The server stops: close all that wait, and all that come to wait."""
        self.ended = True
        for connection in list(self.waiting):
            connection.close_idle()
