"""Figures: what a run found out, one row a quantity, one value a subject."""

import msgspec

DIRECT, STREAMHOLD = "direct", "streamhold"


class Figure(msgspec.Struct, frozen=True):
    """One quantity. ``limit`` is the most that Streamhold's value may be."""

    name: str  # measure and quantity, as in "first_token.median"
    unit: str
    values: dict[str, float]  # by subject
    limit: float | None = None
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether the limit is kept; None if there is none, or nothing to hold to it."""
        value = self.values.get(STREAMHOLD)
        return None if self.limit is None or value is None else value <= self.limit


class Report(msgspec.Struct, frozen=True):
    """All figures of a run, with what they depend on."""

    at: str
    machine: dict[str, str]
    plan: dict[str, float]
    figures: list[Figure]

    @property
    def passed(self) -> bool:
        """Whether every limit is kept."""
        return all(figure.passed is not False for figure in self.figures)
