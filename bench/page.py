"""The page of a run: its table as Markdown, with the plots, beside the figures in JSON."""

from pathlib import Path

from bench.figures import Report
from bench.plots import draw
from bench.table import goals, table


def write_page(report: Report, out: Path) -> Path:
    """Write the page and its plots beside ``out``, the JSON, and return the page."""
    plots = draw(report.figures)
    names = {}
    for name, drawing in plots.items():
        names[name] = f"{out.stem}-{name}.svg"
        (out.parent / names[name]).write_text(drawing)
    page = out.with_suffix(".md")
    page.write_text(_text(report, names))
    return page


def _text(report: Report, plots: dict[str, str]) -> str:
    machine = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in report.machine.items()
    )
    parts = [
        f"# Figures of {report.at}",
        f"{machine}. Columns beginning with ÷ are Streamhold's value divided by that one's.",
        "## Goals",
        goals(report.figures).markdown(),
        "## Plots",
        *(f"![{name.replace('-', ' ')}]({file})" for name, file in plots.items()),
        "## Figures",
        table(report.figures).markdown(),
    ]
    if report.failures:
        parts += ["## Not measured", "\n".join(f"- {line}" for line in report.failures)]
    return "\n\n".join(parts) + "\n"
