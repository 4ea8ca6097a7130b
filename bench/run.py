"""One run: the plan, the subjects, and what every measure is given of them."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeVar

from bench.figures import Figure
from bench.plan import Plan
from bench.streamhold import Streamhold
from bench.subject import Subject

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """What a measure has to work with.

    ``failures`` are what could not be measured, and why; ``missed`` those that are not a peer's.
    """

    plan: Plan
    streamhold: Streamhold
    peers: tuple[Subject, ...] = ()
    failures: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    begun: float = field(default_factory=perf_counter)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """All of them: the provider itself, Streamhold, peers."""
        return (self.streamhold.direct, self.streamhold.broker, *self.peers)

    @property
    def left(self) -> float:
        """Seconds that the measures may still take."""
        whole = self.plan.whole + self.plan.whole_a_peer * len(self.peers)
        return self.begun + whole - perf_counter()

    @property
    def strong(self) -> tuple[Subject, ...]:
        """Those that stand thousands of streams; the provider itself is not asked to."""
        return tuple(each for each in self.subjects if each.strong)

    @property
    def followed(self) -> tuple[Subject, ...]:
        """Those whose streams can be followed by others than their caller."""
        return tuple(each for each in self.subjects if each.following)

    async def of_each(
        self, what: str, measure: Callable[[Subject], Awaitable[T]], subjects: Sequence[Subject]
    ) -> dict[str, T]:
        """What a measure finds of each subject, by name. A peer that fails it is left out.

        Raises:
            Exception: the provider or Streamhold failed it, or took longer than the plan allows.
        """
        found: dict[str, T] = {}
        for subject in subjects:
            try:
                async with asyncio.timeout(min(self.plan.longest, self.left)):
                    found[subject.name] = await measure(subject)
            except Exception as error:  # what a peer can't do is a finding
                if subject not in self.peers:
                    raise
                self._note(f"{what} of {subject.name}", error)
                subject.pool.close()
        return found

    def fail(self, what: str, error: Exception) -> None:
        """Note that something of Streamhold's, or of the provider's, could not be measured."""
        self._note(what, error)
        self.missed.append(what)

    def _note(self, what: str, error: Exception) -> None:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        self.failures.append(f"{what}: {type(error).__name__}: {error}"[:500])
        print(self.failures[-1], file=sys.stderr)


Measure = Callable[[Run], Awaitable[list[Figure]]]
