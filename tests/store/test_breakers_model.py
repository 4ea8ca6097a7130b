"""Circuit breakers against a naive model: whatever is told in whatever order, both agree."""

import asyncio
import itertools
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

import fakeredis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from broker.settings import Breaker as Limits
from broker.store.breakers import parse_change
from tests.store.conftest import make_settings, open_at
from tests.store.samples import half_window_passes, listening, raw, wait_is_over

T = TypeVar("T")
_DEPLOYMENTS = itertools.count(1)
NAMES = ("p/m", "p/another m")
LEAST, RATIO, COOLDOWN, TRIAL = 4, 0.5, 1000.0, 2000.0
LIMITS = Limits(window=1e6, least_calls=LEAST, failure_ratio=RATIO, cooldown=COOLDOWN, trial=TRIAL)


@dataclass
class ModelBreaker:
    """One breaker: calls (good, bad) of this half window and the last, whether its wait is over."""

    state: str = "closed"
    now: tuple[int, int] = (0, 0)
    before: tuple[int, int] = (0, 0)
    due: bool = False
    counted: bool = False

    def report(self, good: int, bad: int, trial: bool) -> bool:
        """Whether the state changed."""
        self.counted = True
        self.now = (self.now[0] + good, self.now[1] + bad)
        if trial and self.state == "half-open":
            if bad:
                self.state, self.due = "open", False
            else:
                self.state, self.now, self.before = "closed", (good, 0), (0, 0)
            return True
        failed = self.now[1] + self.before[1]
        calls = failed + self.now[0] + self.before[0]
        if self.state == "closed" and bad and calls >= LEAST and failed / calls >= RATIO:
            self.state, self.due = "open", False
            return True
        return False

    def trial(self) -> bool:
        """Whether the caller may call."""
        if self.state == "closed":
            return True
        granted, self.due = self.due, False
        if granted:
            self.state = "half-open"
        return granted

    @property
    def wait(self) -> float:
        return 0 if self.due else {"closed": 0, "open": COOLDOWN, "half-open": TRIAL}[self.state]


class BreakerMachine(RuleBasedStateMachine):
    """Every rule does one call, compares its answer and what was published meanwhile."""

    address: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        options = make_settings(
            self.address, deployment=f"breakers{next(_DEPLOYMENTS)}", breaker=LIMITS
        )
        self.store = open_at(self.address, fakeredis.FakeServer(), options)
        self.model = {name: ModelBreaker() for name in NAMES}
        self.channel = self.store.keys.breaker_channel
        self.listening = listening(self.store, self.channel)
        self.heard = self.run(self.listening.__aenter__())

    def run(self, call: Awaitable[T]) -> T:
        return self.loop.run_until_complete(call)

    def teardown(self) -> None:
        self.run(self.listening.__aexit__(None, None, None))
        self.run(self.store.close())
        self.loop.close()

    def check_published(self, name: str, changed: bool) -> None:
        """A change is published once, nothing else is."""

        self.run(raw(self.store).publish(self.channel, "end of step"))
        found = []
        while (data := self.run(self.heard())) != b"end of step":
            found.append(parse_change(data))
        model = self.model[name]
        assert [(each.name, each.state, each.wait) for each in found] == (
            [(name, model.state, model.wait)] if changed else []
        )

    # ── what happens ───────────────────────────────────────────────────────────────────

    @rule(
        name=st.sampled_from(NAMES),
        calls=st.sampled_from(((1, 0), (0, 1), (0, 2), (3, 1), (0, 5), (9, 0))),
    )
    def report(self, name: str, calls: tuple[int, int]) -> None:
        changed = self.model[name].report(*calls, trial=False)
        breaker = self.run(self.store.breakers.report(name, *calls))
        assert (breaker.name, breaker.state) == (name, self.model[name].state)
        self.check_published(name, changed)

    @rule(name=st.sampled_from(NAMES), good=st.booleans())
    def report_trial(self, name: str, good: bool) -> None:
        """The trial has ended; or one that was forgotten has, long after."""
        changed = self.model[name].report(int(good), int(not good), trial=True)
        told = self.store.breakers.report(name, int(good), int(not good), trial=True)
        assert self.run(told).state == self.model[name].state
        self.check_published(name, changed)

    @rule(name=st.sampled_from(NAMES), askers=st.integers(1, 3))
    def trial(self, name: str, askers: int) -> None:
        closed, due = self.model[name].state == "closed", self.model[name].due
        expected = [self.model[name].trial() for _ in range(askers)]

        async def ask() -> list[bool]:
            calls = (self.store.breakers.trial(name) for _ in range(askers))
            asked = await asyncio.gather(*calls)
            assert {breaker.state for _, breaker in asked} == {self.model[name].state}
            return [granted for granted, _ in asked]

        assert sorted(self.run(ask())) == sorted(expected)
        self.check_published(name, due and not closed)

    @rule(name=st.sampled_from(NAMES))
    def wait_ends(self, name: str) -> None:
        """A cooldown is over, or a trial was lost."""
        if self.model[name].state != "closed":
            self.model[name].due = True
            self.run(wait_is_over(self.store, name))

    @rule(name=st.sampled_from(NAMES))
    def half_a_window_passes(self, name: str) -> None:
        model = self.model[name]
        if model.counted:
            model.now, model.before = (0, 0), model.now
            self.run(half_window_passes(self.store, name))

    @invariant()
    def all_agree(self) -> None:
        shown = self.run(self.store.breakers.all())
        counted = [name for name in sorted(NAMES) if self.model[name].counted]
        assert [each.name for each in shown] == counted
        for each in shown:
            model = self.model[each.name]
            assert each.state == model.state
            assert (each.good, each.bad) == (
                model.now[0] + model.before[0],
                model.now[1] + model.before[1],
            )
            assert model.wait - 60 <= each.wait <= model.wait


def test_the_breakers_against_the_model(address: str | None) -> None:
    machine = type("Machine", (BreakerMachine,), {"address": address})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60 if address is None else 30,
            stateful_step_count=30,
            derandomize=True,
            database=None,
            deadline=None,
        ),
    )
