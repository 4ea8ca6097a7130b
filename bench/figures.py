"""Figures: what a run found out, one row a quantity, one value a subject."""

from collections.abc import Mapping

import msgspec

DIRECT, STREAMHOLD = "direct", "streamhold"
LITELLM, RESUMABLE_STREAM = "litellm", "resumable-stream"


class Goal(msgspec.Struct, frozen=True):
    """What Streamhold's value should be: at most ``bound``, or with ``least`` at least that.

    With ``beside`` the bound counts in values of that subject; a run without it judges nothing.
    """

    bound: float
    least: bool = False
    beside: str | None = None

    def wanted(self, values: Mapping[str, float]) -> float | None:
        """The bound in the figure's own unit; None if what it counts in was not measured."""
        if self.beside is None:
            return self.bound
        other = values.get(self.beside)
        return None if other is None else self.bound * other

    def reached(self, values: Mapping[str, float]) -> bool | None:
        """Whether it is; None if there is nothing to judge."""
        value, wanted = values.get(STREAMHOLD), self.wanted(values)
        if value is None or wanted is None:
            return None
        return value >= wanted if self.least else value <= wanted


def at_most(bound: float, beside: str | None = None) -> Goal:
    return Goal(bound, beside=beside)


def at_least(bound: float, beside: str | None = None) -> Goal:
    return Goal(bound, least=True, beside=beside)


class Figure(msgspec.Struct, frozen=True):
    """One quantity. ``limit`` is the most that Streamhold's value may be: it is no goal, it holds.

    ``x`` tells the figures of one name apart that were measured at several loads.
    """

    name: str  # measure and quantity, as in "first_token.median"
    unit: str
    values: dict[str, float]  # by subject
    limit: float | None = None
    note: str = ""
    goals: tuple[Goal, ...] = ()
    x: float | None = None

    @property
    def measure(self) -> str:
        return self.name.partition(".")[0]

    @property
    def quantity(self) -> str:
        """What is measured, in words."""
        words = self.name.partition(".")[2].replace("_", " ")
        return words if self.x is None else f"{words} at {self.x:,g}"

    @property
    def passed(self) -> bool | None:
        """Whether the limit is kept; None if there is none, or nothing to hold to it."""
        value = self.values.get(STREAMHOLD)
        return None if self.limit is None or value is None else value <= self.limit


class Report(msgspec.Struct, frozen=True):
    """All figures of a run, with what they depend on. ``failures`` are what was not measured."""

    at: str
    machine: dict[str, str]
    plan: dict[str, float | tuple[float, ...]]
    figures: list[Figure]
    failures: list[str] = []

    @property
    def passed(self) -> bool:
        """Whether every limit is kept."""
        return all(figure.passed is not False for figure in self.figures)

    @property
    def reached(self) -> bool:
        """Whether every goal is reached that could be judged."""
        return all(
            goal.reached(figure.values) is not False
            for figure in self.figures
            for goal in figure.goals
        )

    def value(self, name: str, subject: str = STREAMHOLD, x: float | None = None) -> float:
        """One value.

        Raises:
            KeyError: it was not measured.
        """
        for figure in self.figures:
            if figure.name == name and figure.x == x and subject in figure.values:
                return figure.values[subject]
        raise KeyError(name if x is None else f"{name} at {x:g}")
