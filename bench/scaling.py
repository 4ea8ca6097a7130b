"""What a load takes, reckoned from the figures of a run.

A process spends a fixed time on each token and on each call, whatever else it holds (that this
is so is what ``growth`` measures). A load of S streams at r tokens a second each, n tokens a
call, so takes of API, worker or store

    cores = S × (r × CPU a token + r ÷ n × CPU a call) ÷ share

where ``share`` is how busy a core is to be at most. CPU a token is taken from the largest number
of streams measured, where each token travels alone: near saturation tokens travel together and
cost less, so the count is on the safe side. CPU a call is that of a call of 20 tokens, those
tokens with it.
"""

from dataclasses import dataclass
from math import ceil

from bench.figures import Report
from bench.table import number

PROCESSES = ("api", "worker", "store")
LOADS = (100_000, 1_000_000)  # streams at once


@dataclass(frozen=True)
class Shape:
    """What streams look like, and how full a core may be."""

    rate: float = 50.0  # tokens a second of one stream
    tokens: float = 500.0  # a call
    share: float = 0.6  # of a core


@dataclass(frozen=True)
class Cost:
    """One kind of process: µs of CPU a token, the same at saturation, and ms a call."""

    token: float
    saturated: float
    call: float

    def streams(self, shape: Shape) -> float:
        """How many streams one core carries."""
        call = self.call * 1e-3 * shape.rate / shape.tokens
        return shape.share / (shape.rate * self.token * 1e-6 + call)

    def cores(self, streams: float, shape: Shape) -> int:
        """How many cores so many streams take."""
        return ceil(round(streams / self.streams(shape), 6))


def costs(report: Report) -> dict[str, Cost]:
    """The cost of each kind of process.

    Raises:
        KeyError: ``growth`` or ``saturation`` was not measured.
    """
    counts = [figure.x for figure in report.figures if figure.name == "growth.api"]
    most = max((count for count in counts if count is not None), default=None)
    return {
        process: Cost(
            token=report.value(f"growth.{process}", x=most),
            saturated=report.value(f"saturation.cpu_a_token_{process}"),
            call=report.value(f"saturation.cpu_a_call_{process}"),
        )
        for process in PROCESSES
    }


def render(report: Report, shape: Shape | None = None) -> str:
    """The tables of ``docs/scaling.md``, as Markdown.

    Raises:
        KeyError: a measure that they need was not run.
    """
    shape = shape or Shape()
    found = costs(report)
    first = min(found, key=lambda process: found[process].streams(shape))
    machine = f"{report.machine['cores']} cores, Python {report.machine['python']}"
    return "\n\n".join(
        (
            f"Measured {report.at[:10]} on {machine}; streams of {shape.rate:g} tokens/s, calls "
            f"of {shape.tokens:g} tokens, cores at most {shape.share:.0%} busy.",
            _cores(found, shape),
            f"The {first} core is full first.",
            _memory(report, shape),
        )
    )


def _cores(found: dict[str, Cost], shape: Shape) -> str:
    head = ["", "µs a token", "at saturation", "ms a call", "streams a core"]
    rows = [[*head, *(f"cores for {load:,} streams" for load in LOADS)]]
    rows.append(["---", *["--:"] * (len(rows[0]) - 1)])
    for process, cost in found.items():
        cells = [number(each) for each in (cost.token, cost.saturated, cost.call)]
        cells.append(number(cost.streams(shape)))
        rows.append([process, *cells, *(number(cost.cores(load, shape)) for load in LOADS)])
    return _table(rows)


def _memory(report: Report, shape: Shape) -> str:
    reader = report.value("idle_readers.memory") * 1024
    stream = report.value("idle_streams.memory_worker") * 1024
    token = report.value("memory.plain_paced")
    job = report.value("memory.finished_job_in_all")
    kept = token * shape.tokens + job
    day = shape.rate / shape.tokens * 86_400  # calls a day of one stream's place
    sizes = {
        f"API, {number(reader / 1024)} KB a reader": reader,
        f"worker, {number(stream / 1024)} KB a stream": stream,
        f"store, {number(kept / 1024)} KB a call, running": kept,
        "store, a day of ended calls": kept * day,
    }
    rows = [["memory, GB", *(f"{load:,} streams" for load in LOADS)], ["---", "--:", "--:"]]
    for name, size in sizes.items():
        rows.append([name, *(number(size * load / 1e9) for load in LOADS)])
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
