"""Draws charts as SVG: lines over an axis, or bars side by side. No library needed.

Both axes may be logarithmic. A picture has its own white ground, so that it is readable on any
page, and its text is text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

_WIDTH, _HEIGHT = 680, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 40, 50
_BAR, _GAP = 18, 14
_COLOURS = ("#7f7f7f", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b")
_FONT = "font-family='sans-serif' font-size='12'"


@dataclass(frozen=True)
class Series:
    """One line: points in the order of x. ``dashed`` tells two lines of one ``colour`` apart."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    dashed: bool = False


@dataclass(frozen=True)
class Lines:
    """A chart of lines."""

    title: str
    x: str
    y: str
    series: Sequence[Series]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Bars:
    """A chart of bars, lying: (group, [(name, colour, value)])."""

    title: str
    unit: str
    groups: Sequence[tuple[str, Sequence[tuple[str, int, float]]]]
    log: bool = False


def draw_lines(chart: Lines) -> str:
    """The chart as a whole SVG document. At least one series has a point."""
    xs = [x for each in chart.series for x, _ in each.points]
    ys = [y for each in chart.series for _, y in each.points]
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    ticks_x, place_x = _axis(xs, chart.log_x, _LEFT, right)
    ticks_y, place_y = _axis(ys, chart.log_y, bottom, _TOP)
    parts = [_text(_LEFT, 22, chart.title, bold=True)]
    for tick in ticks_y:
        y = place_y(tick)
        parts.append(_rule(_LEFT, y, right, y))
        parts.append(_text(_LEFT - 6, y + 4, f"{tick:,g}", anchor="end"))
    for tick in ticks_x:
        x = place_x(tick)
        parts.append(_rule(x, bottom, x, bottom + 4))
        parts.append(_text(x, bottom + 18, f"{tick:,g}", anchor="middle"))
    parts.append(_text((_LEFT + right) / 2, _HEIGHT - 10, chart.x, anchor="middle"))
    parts.append(_text(8, _TOP - 8, chart.y))
    for row, each in enumerate(chart.series):
        points = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in each.points)
        colour = _COLOURS[each.colour % len(_COLOURS)]
        dash = " stroke-dasharray='5 4'" if each.dashed else ""
        line = f"fill='none' stroke='{colour}' stroke-width='2'{dash}"
        y = _TOP + 10 + 18 * row
        parts.append(f"<polyline points='{points}' {line}/>")
        parts += [_dot(place_x(x), place_y(y_), colour) for x, y_ in each.points]
        parts.append(f"<path d='M{right + 10} {y}h20' {line}/>")
        parts.append(_text(right + 34, y + 4, each.name))
    return _document(_HEIGHT, parts)


def draw_bars(chart: Bars) -> str:
    """The chart as a whole SVG document. At least one group has a bar above 0."""
    values = [value for _, bars in chart.groups for _, _, value in bars]
    label = 240
    ticks, place = _axis([*values, 0.0], chart.log, label, _WIDTH - 70)
    scale = ", logarithmic" if chart.log else ""
    parts = [_text(8, 22, f"{chart.title} ({chart.unit}{scale})", bold=True)]
    start, y = place(ticks[0]), float(_TOP)
    for group, bars in chart.groups:
        parts.append(_text(8, y + 13, group))
        for name, colour, value in bars:
            end = max(place(value) if value > 0 or not chart.log else start, start + 1)
            fill = _COLOURS[colour % len(_COLOURS)]
            size = f"width='{end - start:.1f}' height='{_BAR - 3}'"
            parts.append(_text(label - 6, y + 12, name, anchor="end"))
            parts.append(f"<rect x='{start:.1f}' y='{y:.1f}' {size} fill='{fill}'/>")
            parts.append(_text(end + 5, y + 12, _short(value)))
            y += _BAR
        y += _GAP
    return _document(round(y), parts)


def _axis(
    values: Sequence[float], log: bool, start: float, end: float
) -> tuple[list[float], Callable[[float], float]]:
    """(ticks, value → pixel); the first and the last tick stand at the axis's ends."""
    if log:
        above = [value for value in values if value > 0] or [1.0]
        low, high = floor(log10(min(above))), ceil(log10(max(above)))
        high = max(high, low + 1)
        ticks = [10.0**power for power in range(low, high + 1)]
        return (
            ticks,
            lambda value: (
                start + (log10(max(value, ticks[0])) - low) / (high - low) * (end - start)
            ),
        )
    top = max(values) or 1.0
    step = _step(top)
    ticks = [step * count for count in range(ceil(top / step) + 1)]
    return ticks, lambda value: start + value / ticks[-1] * (end - start)


def _step(top: float) -> float:
    """A round step that divides 0 to ``top`` into at most six."""
    power: float = 10.0 ** floor(log10(top / 6))
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit * 6 >= top * 0.999)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"


def _text(x: float, y: float, text: str, anchor: str = "start", bold: bool = False) -> str:
    weight = " font-weight='bold'" if bold else ""
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'"
    return f"<text {place} {_FONT}{weight}>{escape(text)}</text>"


def _rule(x: float, y: float, x2: float, y2: float) -> str:
    line = f"x1='{x:.1f}' y1='{y:.1f}' x2='{x2:.1f}' y2='{y2:.1f}'"
    return f"<line {line} stroke='#ddd'/>"


def _dot(x: float, y: float, colour: str) -> str:
    return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>"


def _document(height: int, parts: Sequence[str]) -> str:
    size = f"width='{_WIDTH}' height='{height}' viewBox='0 0 {_WIDTH} {height}'"
    ground = "<rect width='100%' height='100%' fill='white'/>"
    body = "\n".join([ground, *parts])
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size}>\n{body}\n</svg>\n"
