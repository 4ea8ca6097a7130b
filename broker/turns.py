"""Turns: whether a process's event loop turns, or is held by work of its own.

A timer shows that it turns. When the timer comes late, something held the loop for that long:
more than a second of it is logged, for everything that the process serves stood still meanwhile.
"""

import asyncio
import sys
import threading
import time
from pathlib import Path

from broker import log

EVERY = 0.25  # seconds between two signs
_LATE = 1.0  # seconds that the loop was held, from which it is logged
_PAUSE = 10.0  # seconds between two such log lines
_DEPTH = 4  # calls that such a line shows


class Turns:
    """Of one process. ``last`` is when its loop turned last (``time.monotonic``).

    ``longest`` is for how long it was held at most, in seconds; ``late`` how often for more than a
    second.
    """

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.longest = 0.0
        self.late = 0
        self._place = ""  # where it stood when it was found late
        self._quiet_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch the running loop."""
        self.last = time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._turn)

    def stop(self) -> None:
        """Watch it no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def see(self) -> None:
        """Note where the loop is. Called in another thread, while it is late."""
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        places: list[str] = []
        while frame is not None and len(places) < _DEPTH:
            places.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
            frame = frame.f_back
        self._place = " < ".join(places)

    def _turn(self) -> None:
        self.note(time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._turn)

    def note(self, now: float) -> None:
        """The loop turns."""
        held = now - self.last - EVERY
        self.last = now
        self.longest = max(self.longest, held)
        if held > _LATE:
            self.late += 1
            if now >= self._quiet_until:
                self._quiet_until = now + _PAUSE
                log.warning("loop.late", seconds=round(held, 2), place=self._place)
        self._place = ""
