"""How long to wait for a server that went away, and how long between two tries. Pure.

Time without a server adds up until the stream moves on; ``patience`` bounds the sum, so that
a server which answers and cuts for ever is given up as well. The first try comes almost at
once, spread over a tenth of a second so that a thousand readers don't come in one instant;
then the pauses double. A server's own wish (``Retry-After``, ``retry:``) goes before ours.
"""

import random
import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds
_FIRST, _LONGEST = 0.1, 5.0  # seconds


class Outage:
    """The time lost since the stream last moved."""

    def __init__(
        self,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._chance = chance
        self._spent = 0.0
        self._since: float | None = None
        self._tries = 0
        self._asked: float | None = None

    def begin(self) -> None:
        """The server is gone, from now on."""
        self._since = self._clock()

    def over(self) -> None:
        """It answers again."""
        if self._since is not None:
            self._spent += self._clock() - self._since
            self._since = None

    def progress(self) -> None:
        """The stream moved on: all is forgiven."""
        self._spent, self._tries = 0.0, 0

    def ask(self, seconds: float | None) -> None:
        """The server asks not to be called again before."""
        if seconds is not None:
            self._asked = seconds

    def pause(self) -> float | None:
        """Seconds until the next try; None once patience has run out."""
        away = 0.0 if self._since is None else self._clock() - self._since
        left = self._patience - self._spent - away
        if left <= 0:
            return None
        top: float = min(_LONGEST, _FIRST * 2.0**self._tries)
        pause = top * (0.5 + self._chance() / 2) if self._tries else top * self._chance()
        asked, self._asked = self._asked, None
        self._tries = min(self._tries + 1, 16)
        return min(left, pause if asked is None else max(asked, pause))
