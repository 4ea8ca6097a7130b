"""This worker's copy of the deployment's circuit breakers.

    Passage.ended ─▶ counts ─▶ (batched) store: breaker.lua ─▶ published ─▶ every worker's copy

The store decides; see ``broker.store.breakers``. A copy may be late by a message, which
costs a call that fails and is counted; it is read anew every few seconds, for a message that
was missed. Without the store nothing is held against any target. A target whose breaker is open
is called by nobody, but for one trial a cooldown, whether or not there is another.

Each target has a breaker of its own. Whoever may call makes up names (PROVIDER/anything): what no
route names and what has never answered is kept apart, so that inventions push out no other's, and
what fails under one name is held against no other.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from broker.errors import StoreAway, StoreRefused
from broker.model import Failure
from broker.routing import Target
from broker.store.breakers import MOST, Breaker, Breakers, State, parse_change
from broker.store.refusals import damaged
from workers.blaming import is_gone, shown
from workers.providers.failures import word_of

_FLUSH = 0.25  # seconds between reports of what went well
_REFRESH = 5.0  # seconds between two readings of all
_STALE = 60.0  # seconds after which a trial that is due is nobody's any more


class _Seen(NamedTuple):
    """A breaker that is not closed, and the loop time from which a trial may be made."""

    state: State
    trial_at: float


class Passage:
    """Leave to call a target once; says how the call went."""

    def __init__(self, view: "BreakerView", target: Target, *, trial: bool = False) -> None:
        self._view = view
        self._target = target
        self._name = str(target)
        self._trial = trial

    def answered(self) -> None:
        """The target has begun to answer. A trial has passed then: others need not wait."""
        if self._trial:
            self._trial = False
            self._view.count(self._name, 1, 0, trial=True)

    def given_up(self) -> None:
        """The call was ended by ourselves, and tells nothing: another may be the trial."""
        if self._trial:
            self._view.count(self._name, 0, 0, trial=True)

    def ended(self, failure: Failure | None) -> None:
        """The call has ended. A failure that the call itself is to blame for speaks well."""
        word = word_of(failure)
        if word == "nothing":
            self.given_up()
            return
        if failure is None:
            self._view.prove(self._target)
        why = failure if word == "bad" else None
        self._view.count(
            self._name, int(word == "good"), int(word == "bad"), trial=self._trial, why=why
        )


class BreakerView:
    """What is known here of the breakers; ``run`` keeps it so."""

    def __init__(self, breakers: Breakers) -> None:
        self._breakers = breakers
        self._seen: dict[str, _Seen] = {}
        self._proven: dict[str, None] = {}  # not of routes; those used last at the end
        self._counts: dict[tuple[str, bool], tuple[int, int]] = {}
        self._why: dict[str, Failure] = {}  # of those that failed: how the last call did
        self._urgent = asyncio.Event()
        self._told = asyncio.Event()  # all that is urgent was reported
        self._told.set()
        self._running = False

    def is_known(self, name: str) -> bool:
        """Whether the target is a route's, or has answered: it is no invention."""
        return name in self._breakers.routed or name in self._proven

    def prove(self, target: Target) -> None:
        """The target has answered."""
        self._prove(str(target))

    def _prove(self, name: str) -> None:
        if name in self._breakers.routed:
            return
        self._proven.pop(name, None)
        self._proven[name] = None
        if len(self._proven) > MOST:
            del self._proven[next(iter(self._proven))]

    def shut(self, targets: Sequence[Target]) -> dict[Target, float]:
        """Those of the targets that should be left alone now, each with its seconds to go."""
        if not self._seen:
            return {}
        now = asyncio.get_running_loop().time()
        seen = ((target, self._seen.get(str(target))) for target in targets)
        return {t: each.trial_at - now for t, each in seen if each and each.trial_at > now}

    async def admit(self, target: Target, *, anyway: bool = False) -> Passage | None:
        """Leave to call a target, as the single trial where that is due; None if others try.

        Ask only when about to call. ``anyway`` is for a call that its provider has under way.
        """
        name = str(target)
        if anyway or name not in self._seen:
            return Passage(self, target)
        try:
            granted, breaker = await self._breakers.trial(name)
        except StoreAway:
            return Passage(self, target)
        self._note(breaker)
        return Passage(self, target, trial=breaker.state != "closed") if granted else None

    async def gone(self, targets: Sequence[Target]) -> Failure | None:
        """How a call of these targets would fail, whose breakers are open, if that is because none
        of them has its model any more; None if it may be anything else.
        """
        try:
            found = await self._breakers.of([str(target) for target in targets])
        except StoreAway:
            return None
        failures = [breaker.why for breaker in found]
        if len(failures) < len(targets):
            return None
        gone = [each for each in failures if each is not None and is_gone(each)]
        return gone[-1] if len(gone) == len(targets) else None

    def count(
        self, name: str, good: int, bad: int, *, trial: bool, why: Failure | None = None
    ) -> None:
        """Calls have ended; what fails and what others wait for is reported at once.

        ``why`` is how the last of those that were bad failed.
        """
        if why is not None:
            self._why[name] = shown(why)
        before = self._counts.get((name, trial), (0, 0))
        self._counts[name, trial] = (before[0] + good, before[1] + bad)
        if bad or trial:
            self._urgent.set()
            self._told.clear()

    async def told(self) -> None:
        """Return once the store has counted what failed here, and said what came of it.

        It is waited for a moment only: a store that is away holds up nobody.
        """
        if self._running and not self._told.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH):
                    await self._told.wait()

    def on_change(self, data: bytes) -> None:
        """A change was published."""
        self._note(parse_change(data))

    async def run(self) -> None:
        """Report and read until cancelled. A store that is away is waited for."""
        loop = asyncio.get_running_loop()
        read_at, self._running = loop.time(), True
        while True:
            try:
                if loop.time() >= read_at:
                    self._take(await self._breakers.all())
                    read_at = loop.time() + _REFRESH
                await self._report()
            except StoreAway:
                await asyncio.sleep(_FLUSH)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH):
                    await self._urgent.wait()

    async def _report(self) -> None:
        self._urgent.clear()
        while self._counts:
            (name, trial), (good, bad) = next(iter(self._counts.items()))
            try:
                known = self.is_known(name)
                why = self._why.get(name) if bad else None
                breaker = await self._breakers.report(
                    name, good, bad, trial=trial, known=known, why=why
                )
            except StoreRefused as error:
                if not damaged(error):
                    raise
                self._why.pop(name, None)
                del self._counts[name, trial]  # nothing of this one can be counted; others can
                continue
            # What was counted meanwhile stays; an answer that got lost counts twice at worst.
            if why is not None and self._why.get(name) is why:
                del self._why[name]
            now_good, now_bad = self._counts.pop((name, trial))
            if (now_good, now_bad) != (good, bad):
                self._counts[name, trial] = (now_good - good, now_bad - bad)
            self._note(breaker)
        if not self._urgent.is_set():
            self._told.set()

    def _take(self, breakers: Sequence[Breaker]) -> None:
        """All but those of inventions; what is none of them any more is forgotten.

        One of an invention is, once nobody has asked for its trial for a while.
        """
        known = {breaker.name for breaker in breakers}
        old = asyncio.get_running_loop().time() - _STALE
        for name, seen in list(self._seen.items()):
            if name not in known and (self.is_known(name) or seen.trial_at < old):
                del self._seen[name]
        for breaker in breakers:
            if breaker.name not in self._proven:  # others had its answer
                self._prove(breaker.name)
            self._note(breaker)

    def _note(self, breaker: Breaker) -> None:
        if breaker.state == "closed":
            self._seen.pop(breaker.name, None)
        else:
            now = asyncio.get_running_loop().time()
            self._seen[breaker.name] = _Seen(breaker.state, now + breaker.wait)
