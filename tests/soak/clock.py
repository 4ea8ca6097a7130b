"""Seconds since the run began: one clock for the schedule, the callers and the history."""

import time


class Clock:
    """Starts when it is made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self) -> float:
        return round(time.monotonic() - self._start, 4)
