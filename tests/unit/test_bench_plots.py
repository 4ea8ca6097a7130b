"""What is drawn of which figures, and that the drawings are documents."""

from xml.etree import ElementTree

import pytest

from bench.figures import DIRECT, STREAMHOLD, Figure
from bench.plots import CHARTS, Compared, Curve, bars_of, draw, lines_of
from bench.svg import Bars, Lines, Series, draw_bars, draw_lines

COLOURS = {DIRECT: 0, STREAMHOLD: 1, "peer": 2}
SVG = "{http://www.w3.org/2000/svg}"


def rising(name: str, **values: float) -> list[Figure]:
    """A figure at each load; the loads are not in order."""
    return [
        Figure(f"rising_load.{name}", "ms", {STREAMHOLD: base * 2, **values}, x=base)
        for base in (100.0, 10.0)
    ]


def test_lines_go_by_load_and_end_where_values_do() -> None:
    figures = rising("median")
    figures[1].values["peer"] = 50.0  # at 10 only
    lines = lines_of(Curve("t", "x", ("rising_load.median",)), figures, COLOURS)
    assert [(each.name, list(each.points)) for each in lines.series] == [
        (STREAMHOLD, [(10.0, 20.0), (100.0, 200.0)]),
        ("peer", [(10.0, 50.0)]),
    ]
    assert lines.y == "ms"


def test_the_second_name_of_a_curve_is_dashed_and_named() -> None:
    chart = Curve("t", "x", ("rising_load.median", "rising_load.p99"))
    lines = lines_of(chart, [*rising("median"), *rising("p99")], COLOURS)
    assert [(each.name, each.dashed) for each in lines.series] == [
        (STREAMHOLD, False),
        (f"{STREAMHOLD}, p99", True),
    ]


def test_bars_stand_by_figure_in_the_order_of_subjects() -> None:
    figure = Figure("cpu.total", "µs", {"peer": 3.0, DIRECT: 1.0})
    bars = bars_of(Compared("t", ("cpu.total", "cpu.none")), [figure], COLOURS)
    assert bars.groups == [("total", [(DIRECT, 0, 1.0), ("peer", 2, 3.0)])]


def test_only_what_was_measured_is_drawn() -> None:
    drawn = draw([Figure("cpu.total", "µs", {STREAMHOLD: 3.0}), *rising("median")])
    assert set(drawn) == {"cpu", "rising-load"}
    assert drawn.keys() <= CHARTS.keys()


@pytest.mark.parametrize("log", [False, True])
def test_a_chart_of_lines_is_a_document_with_all_its_points(log: bool) -> None:
    series = [Series("a < b", [(1.0, 0.5), (10.0, 70.0)]), Series("c", [(3.0, 3.0)])]
    root = ElementTree.fromstring(draw_lines(Lines("t & u", "x", "y", series, log, log)))
    dots = root.findall(f"{SVG}circle")
    assert len(dots) == 3
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert all(0 < float(dot.attrib["cx"]) < width for dot in dots)
    assert all(0 < float(dot.attrib["cy"]) < height for dot in dots)
    first, second = (float(dot.attrib["cy"]) for dot in dots[:2])
    assert first > second  # the larger value is higher
    assert {"a < b", "t & u"} <= {text.text for text in root.findall(f"{SVG}text")}


@pytest.mark.parametrize("log", [False, True])
def test_a_longer_bar_is_a_larger_value(log: bool) -> None:
    groups = [("g", [("a", 0, 2.0), ("b", 1, 900.0), ("none", 2, 0.0)])]
    root = ElementTree.fromstring(draw_bars(Bars("t", "1/s", groups, log)))
    small, large, none = (float(bar.attrib["width"]) for bar in root.findall(f"{SVG}rect")[1:])
    assert none <= small < large < 680
