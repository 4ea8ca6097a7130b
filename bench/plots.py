"""What is drawn of a report: the charts, and the figures that each is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.figures import STREAMHOLD, Figure
from bench.svg import Bars, Lines, Series, draw_bars, draw_lines
from bench.table import subjects_of


@dataclass(frozen=True)
class Curve:
    """A chart of figures that were measured at several loads, a line a name and subject."""

    title: str
    x: str
    names: tuple[str, ...]  # the second one is dashed
    log_x: bool = True
    log_y: bool = False


@dataclass(frozen=True)
class Compared:
    """A chart of single figures, all of one unit, a bar a subject."""

    title: str
    names: tuple[str, ...]
    log: bool = True


CHARTS: dict[str, Curve | Compared] = {
    "first-token": Compared(
        "Time to the first token, one call at a time", ("first_token.median", "first_token.p99")
    ),
    "rising-load": Curve(
        "Time to the first token at rising load: median, dashed p99",
        "calls a second, begun whether or not earlier ones were answered",
        ("rising_load.median", "rising_load.p99"),
        log_y=True,
    ),
    "token-latency": Compared(
        "From the provider's write of a token to the client's read",
        ("token_latency.median", "token_latency.p99"),
    ),
    "cpu": Compared("CPU a relayed token, all processes and the store", ("cpu.total",)),
    "cpu-by-process": Compared(
        "CPU a relayed token by process", ("cpu.api", "cpu.worker", "cpu.store"), log=False
    ),
    "growth": Curve(
        "CPU a token when more streams share the same rate", "streams at once", ("growth.total",)
    ),
    "saturation": Compared(
        "Tokens a second at saturation", ("saturation.tokens", "saturation.tokens_batched")
    ),
    "calls": Compared("Calls of 20 tokens a second at saturation", ("saturation.calls",)),
    "memory": Compared(
        "Store memory a token",
        (
            "memory.plain_burst",
            "memory.plain_paced",
            "memory.obfuscated_burst",
            "memory.obfuscated_paced",
        ),
        log=False,
    ),
}


def draw(figures: Sequence[Figure]) -> dict[str, str]:
    """SVG documents by name; a chart of which nothing was measured is left out."""
    colours = {subject: place for place, subject in enumerate(_order(figures))}
    drawn: dict[str, str] = {}
    for name, chart in CHARTS.items():
        if isinstance(chart, Curve):
            lines = lines_of(chart, figures, colours)
            if lines.series:
                drawn[name] = draw_lines(lines)
        else:
            bars = bars_of(chart, figures, colours)
            if any(value > 0 for _, group in bars.groups for _, _, value in group):
                drawn[name] = draw_bars(bars)
    return drawn


def lines_of(chart: Curve, figures: Sequence[Figure], colours: Mapping[str, int]) -> Lines:
    """The lines of a chart: (x, value) of each subject that has a value there."""
    series: list[Series] = []
    unit = ""
    for place, name in enumerate(chart.names):
        found = sorted(
            ((figure.x, figure) for figure in figures if figure.name == name and figure.x),
            key=lambda each: each[0],
        )
        unit = found[0][1].unit if found else unit
        for subject, colour in colours.items():
            points = [(x, each.values[subject]) for x, each in found if subject in each.values]
            if points:
                label = subject if not place else f"{subject}, {name.partition('.')[2]}"
                series.append(Series(label, points, colour, dashed=place > 0))
    return Lines(chart.title, chart.x, unit, series, chart.log_x, chart.log_y)


def bars_of(chart: Compared, figures: Sequence[Figure], colours: Mapping[str, int]) -> Bars:
    """The bars of a chart: a group a figure."""
    found = [figure for name in chart.names for figure in figures if figure.name == name]
    groups = [
        (
            each.quantity,
            [(name, colours[name], each.values[name]) for name in colours if name in each.values],
        )
        for each in found
    ]
    return Bars(chart.title, found[0].unit if found else "", groups, chart.log)


def _order(figures: Sequence[Figure]) -> list[str]:
    """Subjects in the order of their colours: Streamhold's is the second, whoever is there."""
    found = subjects_of(figures)
    others = [subject for subject in found if subject not in ("direct", STREAMHOLD)]
    return ["direct", STREAMHOLD, *others]
