"""One run: the plan, the subjects, and what every measure is given of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.figures import Figure
from bench.plan import Plan
from bench.streamhold import Streamhold
from bench.subject import Subject


@dataclass(frozen=True)
class Run:
    """What a measure has to work with."""

    plan: Plan
    streamhold: Streamhold
    peers: tuple[Subject, ...] = ()

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """All of them: the provider itself, Streamhold, peers."""
        return (self.streamhold.direct, self.streamhold.broker, *self.peers)


Measure = Callable[[Run], Awaitable[list[Figure]]]
