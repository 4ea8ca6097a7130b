"""What a case is given, and what it brings back."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bench.figures import STREAMHOLD, Figure
from rig.cluster import Cluster


class Start(Protocol):
    """Starts a cluster of the case's own, which ends with the case."""

    def __call__(self, *, apis: int = 2, workers: int = 2, config: str = "") -> Awaitable[Cluster]:
        """The cluster once it is ready; in ``config`` SIM_URL stands for the provider."""


class Found(NamedTuple):
    """The figures of a case, and a table for the documentation if it makes one."""

    figures: list[Figure]
    text: str = ""


class Case(Protocol):
    """Breaks something and measures."""

    def __call__(self, start: Start) -> Awaitable[Found]: ...


@dataclass(frozen=True)
class Sheet:
    """Makes the figures of one case, or of one variant of it."""

    case: str
    variant: str = ""

    def figure(
        self, name: str, unit: str, value: float, limit: float | None = None, note: str = ""
    ) -> Figure:
        """One quantity; ``limit`` is the most it may be."""
        name = f"{self.variant}_{name}" if self.variant else name
        return Figure(f"{self.case}.{name}", unit, {STREAMHOLD: value}, limit, note)

    def none(self, name: str, value: float, note: str = "") -> Figure:
        """A count, or a difference of two, that must be 0."""
        return self.figure(name, "", abs(value), 0.0, note)
