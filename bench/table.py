"""The readable tables: all figures with their ratios, and the goals. As text and as Markdown.

Of the figures a block is a measure, a line a figure, a column a subject; then come Streamhold's
values divided by the others'.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from bench.figures import DIRECT, STREAMHOLD, Figure, Goal

_MARKS = {True: "pass", False: "FAIL", None: ""}
_VERDICTS = {True: "reached", False: "not reached", None: "not measured"}
_NOTHING = "·"  # a subject without a value
Row = list[str]


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head, in named blocks. ``numbers`` are the columns set right."""

    head: Row
    blocks: list[tuple[str, list[Row]]]
    numbers: range

    def text(self) -> str:
        """As lines of plain text; empty columns are left out."""
        rows = [self.head]
        for title, block in self.blocks:
            rows += [self._wide([title])] if title else []
            rows += [["  " * bool(title) + row[0], *row[1:]] for row in block]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.head))]
        return "\n".join(self._line(row, widths) for row in rows)

    def markdown(self) -> str:
        """As a table for each block, under its title."""
        rule = ["--:" if place in self.numbers else "---" for place in range(len(self.head))]
        parts = []
        for title, block in self.blocks:
            rows = [self.head, rule, *block]
            lines = "\n".join("| " + " | ".join(row) + " |" for row in rows)
            parts.append(f"### {title}\n\n{lines}" if title else lines)
        return "\n\n".join(parts)

    def _wide(self, row: Row) -> Row:
        return row + [""] * (len(self.head) - len(row))

    def _line(self, row: Row, widths: Sequence[int]) -> str:
        cells = [
            text.rjust(width) if place in self.numbers else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        return "  ".join(cells).rstrip()


def table(figures: Sequence[Figure]) -> Table:
    """All figures; the last three columns are a limit, whether it is kept, and the note."""
    subjects = subjects_of(figures)
    others = [subject for subject in subjects if subject != STREAMHOLD]
    if STREAMHOLD not in subjects:
        others = []
    limits = any(figure.limit is not None for figure in figures)
    head = ["", *subjects, *(f"÷ {other}" for other in others), "unit"]
    head += ["limit" if limits else "", "", ""]
    blocks = []
    for measure, group in groupby(figures, lambda figure: figure.measure):
        rows = [_row(figure, subjects, others) for figure in group]
        blocks.append((measure.replace("_", " "), rows))
    return Table(head, blocks, range(1, 1 + len(subjects) + len(others)))


def goals(figures: Sequence[Figure]) -> Table:
    """Every goal with what it is about, and whether it is reached."""
    rows = [_goal(figure, goal) for figure in figures for goal in figure.goals]
    return Table(["goal", "is", "wanted", "unit", ""], [("", rows)], range(1, 3))


def render(figures: Sequence[Figure]) -> str:
    """All figures, and the goals if there are any, as text."""
    found = table(figures).text()
    if any(figure.goals for figure in figures):
        found += "\n\n" + goals(figures).text()
    return found


def number(value: float) -> str:
    """A value with three significant digits, or all of its whole ones."""
    whole = f"{value:,.0f}"
    return whole if abs(value) >= 99.95 else f"{value:.3g}"


def subjects_of(figures: Sequence[Figure]) -> list[str]:
    """The provider and Streamhold first, then the others by name."""
    found = {subject for figure in figures for subject in figure.values}
    first = [subject for subject in (DIRECT, STREAMHOLD) if subject in found]
    return first + sorted(found - set(first))


def _row(figure: Figure, subjects: Sequence[str], others: Sequence[str]) -> Row:
    values = figure.values
    return [
        figure.quantity,
        *(number(values[subject]) if subject in values else _NOTHING for subject in subjects),
        *(_ratio(figure, other) for other in others),
        figure.unit,
        "" if figure.limit is None else f"≤ {number(figure.limit)}",
        _MARKS[figure.passed],
        figure.note,
    ]


def _ratio(figure: Figure, other: str) -> str:
    own, others = figure.values.get(STREAMHOLD), figure.values.get(other)
    return _NOTHING if own is None or not others else number(own / others)


def _goal(figure: Figure, goal: Goal) -> Row:
    own, wanted = figure.values.get(STREAMHOLD), goal.wanted(figure.values)
    sign = "≥" if goal.least else "≤"
    words = f"{figure.measure.replace('_', ' ')}: {figure.quantity}"
    if goal.beside is not None:
        words += f" {sign} {number(goal.bound)} × {goal.beside}"
    return [
        words,
        _NOTHING if own is None else number(own),
        _NOTHING if wanted is None else f"{sign} {number(wanted)}",
        figure.unit,
        _VERDICTS[goal.reached(figure.values)],
    ]
