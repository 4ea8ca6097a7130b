"""The readable table: a block a measure, a line a figure, a column a subject."""

from collections.abc import Sequence
from itertools import groupby

from bench.figures import DIRECT, STREAMHOLD, Figure

_MARKS = {True: "pass", False: "FAIL", None: ""}


def render(figures: Sequence[Figure]) -> str:
    """The figures as text; a subject without a value for one has a dot there."""
    subjects = _subjects(figures)
    rows = [["", *subjects, "unit", "limit", "", ""]]
    for measure, group in groupby(figures, lambda figure: figure.name.partition(".")[0]):
        rows += [[measure.replace("_", " ")]]
        rows += [_row(figure, subjects) for figure in group]
    rows = [row + [""] * (len(rows[0]) - len(row)) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths, len(subjects)) for row in rows)


def number(value: float) -> str:
    """A value with three significant digits, or all of its whole ones."""
    whole = f"{value:,.0f}"
    return whole if abs(value) >= 99.95 else f"{value:.3g}"


def _row(figure: Figure, subjects: Sequence[str]) -> list[str]:
    values = figure.values
    return [
        "  " + figure.name.partition(".")[2].replace("_", " "),
        *(number(values[subject]) if subject in values else "·" for subject in subjects),
        figure.unit,
        "" if figure.limit is None else f"≤ {number(figure.limit)}",
        _MARKS[figure.passed],
        figure.note,
    ]


def _line(row: Sequence[str], widths: Sequence[int], subjects: int) -> str:
    cells = [
        text.rjust(width) if 1 <= place <= subjects else text.ljust(width)
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _subjects(figures: Sequence[Figure]) -> list[str]:
    found = {subject for figure in figures for subject in figure.values}
    first = [subject for subject in (DIRECT, STREAMHOLD) if subject in found]
    return first + sorted(found - set(first))
