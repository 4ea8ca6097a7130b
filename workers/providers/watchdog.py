"""One timer over one upstream call: first token, idle and total.

A timer a read would cost more than the read. So progress only stores the time, and the one
timer, when it fires, looks whether anything is due and re-arms itself for what is left. It
is moved by hand once, at the first event, where the next deadline may come earlier.

Time during which the worker itself does not read is not the provider's: ``pause`` and
``resume`` shift the idle deadline by it. The total goes on.
"""

import asyncio
from collections.abc import Callable

from broker.settings import Timeouts
from workers.providers.failures import Phase


class Watchdog:
    """Runs from its making; times are of the loop's clock. ``expired`` tells what ran out."""

    __slots__ = (
        "_expire",
        "_last",
        "_loop",
        "_paused",
        "_sent",
        "_started",
        "_time",
        "_timeouts",
        "_timer",
        "expired",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, timeouts: Timeouts) -> None:
        self.expired: Phase | None = None
        self._loop = loop
        self._time = loop.time
        self._timeouts = timeouts
        self._started = loop.time()
        self._sent = self._started + timeouts.connect  # at the latest, until it is known
        self._last: float | None = None  # the last event
        self._paused: float | None = None  # since when nothing is read
        self._timer: asyncio.TimerHandle | None = None
        self._expire: Callable[[], None] = lambda: None

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._time() - self._started

    def sent(self) -> None:
        """The request is on its way: the wait for the first token begins."""
        self._sent = self._time()

    def due(self) -> tuple[float, Phase]:
        """The next deadline and whose it is."""
        total = self._started + self._timeouts.total
        if self._last is None:
            phase: Phase = "first_token"
            when = self._sent + self._timeouts.first_token
        else:
            phase, when = "idle", self._last + self._timeouts.idle
        return (total, "total") if total <= when else (when, phase)

    def watch(self, expire: Callable[[], None]) -> None:
        """Call ``expire`` once, when the next deadline has passed."""
        self._expire = expire
        self._arm(self.due()[0])

    def progress(self) -> None:
        """An event has come."""
        first = self._last is None
        self._last = self._time()
        if first:
            self._arm(self.due()[0])

    def pause(self) -> None:
        """Nothing is read from now on."""
        self._paused = self._time()

    def resume(self) -> None:
        """Reading goes on."""
        if self._paused is not None:
            if self._last is not None:
                self._last += self._time() - self._paused
            self._paused = None

    def stop(self) -> None:
        """Never fire again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._expire = lambda: None

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._check)

    def _check(self) -> None:
        now = self._time()
        when, phase = self.due()
        if phase != "total" and self._paused is not None:
            # Late by at most one idle period once reading goes on; no timer spins meanwhile.
            total = self._started + self._timeouts.total
            self._arm(min(now + self._timeouts.idle, total))
        elif now < when:
            self._arm(when)
        else:
            self.expired = phase
            self._expire()
