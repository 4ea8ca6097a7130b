"""One timer over one upstream call: first token, idle, throughput and total.

A timer a read would cost more than the read. So progress only stores the time and counts,
and the one timer, when it fires, looks whether anything is due and re-arms itself for what
is left. It is moved by hand once, at the first event, where the next deadline may come
earlier.

Whoever sends something is not silent, though it may not say anything yet: comments (``:
processing``), blank lines, a part of a large event. They put off ``first_token`` and ``idle``
(``alive``); they are no events, so that throughput doesn't count them and ``total`` ends them.

Throughput is measured over windows, the first of which begins with the first event; that
event, and what came in the same read, is in none. A window that had enough events is
followed by the next. An answer that is no stream of events has no window.

Time during which the worker itself does not read is not the provider's: ``pause`` and
``resume`` shift the idle deadline and the window by it. The total goes on.
"""

import asyncio
from collections.abc import Callable

from broker.settings import Timeouts
from workers.providers.failures import Phase


class Watchdog:
    """Runs from its making; times are of the loop's clock. ``expired`` tells what ran out."""

    __slots__ = (
        "_events",
        "_expire",
        "_last",
        "_loop",
        "_paused",
        "_sent",
        "_started",
        "_time",
        "_timeouts",
        "_timer",
        "_window",
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
        self._window: float | None = None  # the start of this one, if throughput is watched
        self._events = 0  # in this window
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
        if self._window is not None:
            end = self._window + self._timeouts.throughput_window
            if end < when:
                phase, when = "throughput", end
        return (total, "total") if total <= when else (when, phase)

    def watch(self, expire: Callable[[], None]) -> None:
        """Call ``expire`` once, when the next deadline has passed."""
        self._expire = expire
        self._arm(self.due()[0])

    def progress(self, events: int = 0) -> None:
        """Something has come: so many events, or a piece of an answer that has none."""
        first = self._last is None
        self._last = self._time()
        self._events += events
        if first:
            if events and self._timeouts.throughput:
                self._begin_window()
            self._arm(self.due()[0])

    def alive(self) -> None:
        """Something has come that completes no event (a comment, say): the wait begins anew."""
        if self._last is None:
            self._sent = self._time()
        else:
            self._last = self._time()

    def pause(self) -> None:
        """Nothing is read from now on."""
        self._paused = self._time()

    def resume(self) -> None:
        """Reading goes on."""
        if self._paused is not None:
            pause = self._time() - self._paused
            if self._last is not None:
                self._last += pause
            if self._window is not None:
                self._window += pause
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

    def _begin_window(self) -> None:
        self._window = self._time()
        self._events = 0

    def _check(self) -> None:
        now, timeouts = self._time(), self._timeouts
        when, phase = self.due()
        if phase != "total" and self._paused is not None:
            # Late by at most one such period once reading goes on; no timer spins meanwhile.
            period = timeouts.throughput_window if phase == "throughput" else timeouts.idle
            self._arm(min(now + period, self._started + timeouts.total))
        elif now < when:
            self._arm(when)
        elif (
            phase == "throughput"
            and self._events / timeouts.throughput_window >= timeouts.throughput
        ):
            self._begin_window()
            self._arm(self.due()[0])
        else:
            self.expired = phase
            self._expire()
