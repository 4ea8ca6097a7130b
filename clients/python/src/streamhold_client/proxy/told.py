"""What the proxy tells its operator: plain lines on stderr, without prompts, keys or queries.

Losses come by the hundred at once, so they are counted, and logged once a second.
"""

import asyncio
import sys
from datetime import datetime


def tell(line: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S} {line}", file=sys.stderr, flush=True)


class Told:
    """Counts what happens to calls, and logs it."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._counts: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def lost(self) -> None:
        """A connection was lost, and its call waits for another."""
        self._count("waiting for it")

    def went_on(self) -> None:
        """A call that waited has its next connection."""
        self._count("gone on with")

    def gave_up(self) -> None:
        """A call was failed: patience ran out."""
        self._count("given up")

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(1.0, self.flush)

    def flush(self) -> None:
        """Tell what was counted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._counts:
            counted = ", ".join(f"{count} {what}" for what, count in self._counts.items())
            tell(f"{self._where} was lost; calls: {counted}")
            self._counts.clear()
