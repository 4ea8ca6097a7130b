"""The watchdog under a clock of the test's own: what expires, when, and with how many timers."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.settings import Timeouts
from workers.providers.watchdog import Watchdog


class Timer:
    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when, self.call, self.cancelled = when, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Stands for the loop: its time, and the timers that are set on it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.fired = 0
        self.set = 0
        self._timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        self.set += 1
        timer = Timer(when, call)
        self._timers.append(timer)
        return timer

    @property
    def timers(self) -> list[Timer]:
        return [timer for timer in self._timers if not timer.cancelled]

    def advance(self, seconds: float) -> None:
        """Let time pass; each timer fires at its own time."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.when <= end]:
            timer = min(due, key=lambda each: each.when)
            self._timers.remove(timer)
            self.now = max(self.now, timer.when)
            self.fired += 1
            timer.call()
        self.now = end


class Rig:
    """A watchdog whose request is sent; ``expired`` is (after how many seconds, what)."""

    def __init__(self, **timeouts: float) -> None:
        defaults = {"connect": 1.0, "first_token": 10.0, "idle": 100.0, "total": 1000.0}
        self.clock = Clock()
        loop = cast(asyncio.AbstractEventLoop, self.clock)
        self.dog = Watchdog(loop, Timeouts(**{**defaults, **timeouts}))
        self.expired: list[tuple[float, str | None]] = []
        self.dog.sent()
        self.dog.watch(lambda: self.expired.append((self.dog.elapsed, self.dog.expired)))

    def read(self, events: int = 1, after: float = 0.0, busy: float = 0.0) -> None:
        """Wait for a read of so many events; then be busy with them, reading nothing."""
        self.clock.advance(after)
        self.dog.pause()
        self.dog.progress(events)
        self.clock.advance(busy)
        self.dog.resume()


def test_the_first_token_is_waited_for() -> None:
    rig = Rig()
    rig.clock.advance(2000)
    assert rig.expired == [(10.0, "first_token")]


def test_silence_after_it() -> None:
    rig = Rig(idle=5.0)
    rig.read(after=9)
    rig.read(after=4)
    rig.clock.advance(2000)
    assert rig.expired == [(18.0, "idle")]


@pytest.mark.parametrize("begun", [False, True])
def test_who_is_alive_is_waited_for_from_then_on(begun: bool) -> None:
    rig = Rig(idle=10.0, total=100.0)
    if begun:
        rig.read()
    for _ in range(5):
        rig.clock.advance(8)
        rig.dog.alive()
    rig.clock.advance(2000)
    assert rig.expired == [(50.0, "idle" if begun else "first_token")]


def test_but_within_the_total() -> None:
    rig = Rig(total=20.0)
    for _ in range(30):
        rig.clock.advance(1)
        rig.dog.alive()
    assert rig.expired == [(20.0, "total")]


def test_the_total_ends_a_busy_answer() -> None:
    rig = Rig(total=20.0)
    for _ in range(30):
        rig.read(after=1)
    assert rig.expired == [(20.0, "total")]


def test_a_stopped_one_never_fires() -> None:
    rig = Rig()
    rig.dog.stop()
    rig.clock.advance(2000)
    assert (rig.expired, rig.clock.timers) == ([], [])


# ── Throughput ─────────────────────────────────────────────────────────────────────────

FLOOR = {"throughput": 2.0, "throughput_window": 10.0}  # 20 events a window


def test_without_a_floor_a_trickle_is_an_answer() -> None:
    rig = Rig()
    for _ in range(900):
        rig.read(after=1)
    assert rig.expired == []


def test_a_trickle_expires_at_the_end_of_its_window() -> None:
    rig = Rig(**FLOOR)
    rig.read(after=3)
    for _ in range(30):
        rig.read(after=1)
    assert rig.expired == [(13.0, "throughput")]


@pytest.mark.parametrize(("events", "expired"), [(19, True), (20, False)])
def test_the_floor_itself_is_enough(events: int, expired: bool) -> None:
    rig = Rig(**FLOOR)
    rig.read(after=3)
    rig.read(events, after=5)
    rig.clock.advance(6)
    assert rig.expired == ([(13.0, "throughput")] if expired else [])


def test_what_comes_with_the_first_event_is_in_no_window() -> None:
    rig = Rig(**FLOOR)
    rig.read(1000)
    rig.clock.advance(10)
    assert rig.expired == [(10.0, "throughput")]


def test_a_window_saves_nothing_for_the_next() -> None:
    rig = Rig(**FLOOR)
    rig.read()
    rig.read(1000, after=9)
    rig.read(19, after=9)
    rig.clock.advance(2000)
    assert rig.expired == [(20.0, "throughput")]


def test_silence_is_told_by_whichever_comes_first() -> None:
    rig = Rig(**FLOOR, idle=3.0)
    rig.read()
    rig.clock.advance(2000)
    assert rig.expired == [(3.0, "idle")]


def test_the_first_token_is_no_matter_of_throughput() -> None:
    rig = Rig(throughput=2.0, throughput_window=1.0)
    rig.clock.advance(2000)
    assert rig.expired == [(10.0, "first_token")]


def test_an_answer_without_events_has_no_window() -> None:
    rig = Rig(**FLOOR)
    for _ in range(50):
        rig.read(0, after=1)
    assert rig.expired == []


def test_our_own_pauses_do_not_count() -> None:
    rig = Rig(**FLOOR)
    rig.read(busy=60)
    for _ in range(6):  # four events a second while we read
        rig.read(4, after=1, busy=30)
    for _ in range(200):
        rig.read(2, after=0.5, busy=0.2)
    assert rig.expired == []
    rig.clock.advance(40)
    assert [what for _, what in rig.expired] == ["throughput"]


def test_a_trickle_is_noticed_through_pauses() -> None:
    """The timer may fall into a pause; then it is a window late, and no more."""
    rig = Rig(**FLOOR)
    rig.read(busy=5)
    for _ in range(20):
        rig.read(after=1, busy=0.5)
    rig.clock.advance(1)
    ((when, what),) = rig.expired
    assert what == "throughput"
    assert 15 <= when <= 15 + 5 + 10


def test_no_timer_for_an_event() -> None:
    rig = Rig(throughput=1.0, throughput_window=10.0, idle=5.0)
    for _ in range(5000):
        rig.read(after=0.01)
    assert rig.expired == []
    assert len(rig.clock.timers) == 1
    assert rig.clock.set < 25  # fifty seconds: one an idle period or window


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 8)), min_size=1, max_size=40),
    st.integers(1, 3),
    st.integers(2, 9),
)
def test_against_windows_counted_by_hand(
    reads: list[tuple[int, int]], floor: int, window: int
) -> None:
    """Reads of so many events after so many seconds; half a second off the windows' ends."""
    rig = Rig(throughput=floor, throughput_window=window)
    rig.read()
    rig.clock.advance(0.5)
    at, counts = 0.5, dict.fromkeys(range(500), 0)
    for events, after in reads:
        rig.read(events, after=after)
        at += after
        counts[int(at // window)] += events
    poor = [number for number in range(int(at // window)) if counts[number] < floor * window]
    expected = [((poor[0] + 1) * float(window), "throughput")] if poor else []
    assert rig.expired == expected
