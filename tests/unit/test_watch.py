"""The deadline of a connection, on a clock of the test's own."""

import asyncio
import heapq
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from broker.api.crowd import Crowd
from broker.api.watch import LINGER, State, Watch


class Clock:
    """In place of a loop: its time goes on when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.made = 0
        self._timers: list[tuple[float, int, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> Any:
        self.made += 1
        entry = (when, self.made, call)
        heapq.heappush(self._timers, entry)
        return SimpleNamespace(cancel=lambda: self._timers.remove(entry))

    def go(self, seconds: float) -> None:
        """Ring what is due, each at its time."""
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, call = heapq.heappop(self._timers)
            self.now = max(self.now, when)
            call()
        self.now = end

    def stand_still(self, seconds: float) -> None:
        """Be busy: what is due rings at the end of it."""
        self.now += seconds
        self.go(0)

    @property
    def timers(self) -> int:
        return len(self._timers)


class Of:
    """The connection: it notes what its deadline asks for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.unsent = 0
        self.waits_for_body = True

    def close_idle(self) -> None:
        self.asked.append("close_idle")

    def abort(self) -> None:
        self.asked.append("abort")

    def late_head(self) -> None:
        self.asked.append("late_head")

    def late_body(self) -> bool:
        self.asked.append("late_body")
        return self.waits_for_body


class Case:
    def __init__(self) -> None:
        self.clock, self.of, self.cut = Clock(), Of(), list[str]()
        self.crowd = Crowd(1000, self.cut.append)
        times = SimpleNamespace(
            head_timeout=10.0,
            body_timeout=30.0,
            body_rate=1000.0,
            send_timeout=60.0,
            keep_alive_timeout=75.0,
            crowd=self.crowd,
            cut=self.cut.append,
        )
        self.watch = Watch(self.of, times, cast(asyncio.AbstractEventLoop, self.clock))

    async def came(self, size: int, after: float = 0.0) -> None:
        """Some of the body; the application takes it after a while."""

        async def taken() -> None:
            self.clock.go(after)

        await self.watch.take(size, taken())

    def lasts(self, seconds: float, then: str) -> None:
        """The state lasts for so long, and no longer."""
        self.clock.go(seconds - 0.1)
        assert self.of.asked == []
        self.clock.go(0.2)
        assert self.of.asked == [then]


@pytest.fixture
def case() -> Case:
    return Case()


def test_a_connection_on_which_nothing_comes(case: Case) -> None:
    case.watch.waits(75.0)
    case.lasts(75.0, "close_idle")
    assert case.cut == []  # which is how most connections end


def test_a_head_that_does_not_end(case: Case) -> None:
    case.watch.waits(75.0)
    case.clock.go(50.0)
    case.watch.head()
    case.clock.go(5.0)
    case.watch.head()  # some more of it
    case.lasts(5.0, "late_head")
    assert case.cut == ["head"]


def test_a_body_that_does_not_come(case: Case) -> None:
    case.watch.body()
    case.lasts(30.0, "late_body")
    assert case.cut == ["body"]


async def test_a_body_that_trickles(case: Case) -> None:
    case.watch.body()
    for _ in range(29):
        case.clock.go(1.0)
        await case.came(10)
        case.watch.body()
    case.lasts(1.0 + 0.29, "late_body")


async def test_a_body_at_the_least_rate_has_its_time(case: Case) -> None:
    case.watch.body()
    for _ in range(100):
        case.clock.go(1.0)
        await case.came(1000)
    case.lasts(30.0, "late_body")


async def test_the_application_s_time_is_not_the_client_s(case: Case) -> None:
    case.watch.body()
    await case.came(0, after=500.0)
    case.lasts(30.0, "late_body")


def test_a_body_that_is_not_waited_for_is_nothing(case: Case) -> None:
    case.of.waits_for_body = False
    case.watch.body()
    case.lasts(30.0, "late_body")
    case.clock.go(1000.0)
    assert (case.of.asked, case.cut) == (["late_body"], [])


def test_an_answer_takes_its_time(case: Case) -> None:
    case.watch.waits(10.0)
    case.watch.answers()
    case.clock.go(10_000.0)
    assert case.of.asked == []


def test_a_client_that_takes_nothing(case: Case) -> None:
    case.of.unsent = 100
    case.watch.sends(100)
    case.lasts(60.0, "abort")
    assert case.cut == ["stalled"]


def test_a_client_that_takes_a_little(case: Case) -> None:
    case.watch.sends(100)
    for left in (99, 98, 97):
        case.of.unsent = left
        case.clock.go(60.0)
    assert case.of.asked == []
    case.lasts(60.0, "abort")


def test_what_was_taken_is_over(case: Case) -> None:
    case.watch.sends(100)
    case.watch.sent()
    case.clock.go(1000.0)
    assert (case.of.asked, case.watch.state) == ([], State.ANSWER)


@pytest.mark.parametrize("before", ["waits", "answers", "sends"])
def test_a_close_is_bounded_and_nothing_takes_it_back(case: Case, before: str) -> None:
    if before == "answers":
        case.watch.answers()
    else:
        getattr(case.watch, before)(100)
    case.watch.closes()
    case.clock.go(LINGER - 0.1)
    case.watch.answers()
    case.watch.sends(1)
    case.watch.sent()
    case.watch.closes()
    case.lasts(0.1, "abort")


def test_after_the_end_there_is_nothing(case: Case) -> None:
    case.watch.waits(10.0)
    case.watch.end()
    case.watch.waits(10.0)
    case.watch.closes()
    assert case.clock.timers == 0
    assert not case.crowd.waiting


def test_requests_that_come_whole_cost_no_timer(case: Case) -> None:
    for _ in range(100):
        case.watch.waits(75.0)
        case.clock.go(0.1)
        case.watch.answers()
        case.clock.go(0.1)
    assert case.clock.made == 1


def test_a_busy_loop_is_not_the_client_s_fault(case: Case) -> None:
    case.watch.waits(10.0)
    case.clock.stand_still(15.0)
    assert case.of.asked == []
    case.clock.stand_still(15.0)  # but it has to end
    assert case.of.asked == ["close_idle"]


def test_those_that_wait_are_known_the_longest_first(case: Case) -> None:
    other = Watch(Of(), case.watch._times, cast(asyncio.AbstractEventLoop, case.clock))
    case.watch.waits(10.0)
    other.waits(10.0)
    assert next(iter(case.crowd.waiting)) is case.of
    case.watch.head()
    assert case.of in case.crowd.waiting
    case.watch.answers()
    assert list(case.crowd.waiting) == [other._of]
    case.watch.waits(10.0)
    assert list(case.crowd.waiting)[-1] is case.of


def test_the_server_s_end_closes_those_that_wait_then_and_later(case: Case) -> None:
    case.watch.waits(10.0)
    case.crowd.end()
    assert case.of.asked == ["close_idle"]
    case.watch.answers()
    case.watch.waits(10.0)
    assert case.of.asked == ["close_idle"] * 2
