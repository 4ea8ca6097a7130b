"""Who waited for a core, and when: evidence that stands beside a silence, and excuses nothing.

On a machine that others use as well a process may be ready and not run. The kernel counts
that time (``/proc/PID/schedstat``). A silence in which the deployment's processes waited for
most of it may be the machine's; one in which they did not is surely the broker's.
"""

from bisect import bisect_left, bisect_right
from pathlib import Path

from tests.neighbours.history import History, Span, Waiting


class Cores:
    """The waits of a run, process by process."""

    def __init__(self, history: History) -> None:
        self._series: dict[tuple[str, int], tuple[list[float], list[float]]] = {}
        for line in history.of(Waiting):
            times, seconds = self._series.setdefault((line.part, line.pid), ([], []))
            times.append(line.at)
            seconds.append(line.seconds)

    @property
    def shares(self) -> dict[str, float]:
        """The share of the measured time in which each part waited."""
        spent: dict[str, tuple[float, float]] = {}
        for (part, _), (times, seconds) in self._series.items():
            waited, measured = spent.get(part, (0.0, 0.0))
            spent[part] = (waited + seconds[-1] - seconds[0], measured + times[-1] - times[0])
        return {part: waited / (measured or 1.0) for part, (waited, measured) in spent.items()}

    def during(self, span: Span) -> str:
        """Who waited most within a span, in words; empty if nobody was looked at then."""
        waits = [
            (_between(times, seconds, span), part)
            for (part, _), (times, seconds) in self._series.items()
            if times[0] < span[1] and times[-1] > span[0]
        ]
        if not waits:
            return ""
        most, part = max(waits)
        return f", {part} waited {most:.2f} s for a core"


def _between(times: list[float], seconds: list[float], span: Span) -> float:
    first = max(0, bisect_right(times, span[0]) - 1)
    last = min(len(times) - 1, bisect_left(times, span[1]))
    return seconds[last] - seconds[first]


def waited(pid: int) -> float | None:
    """Seconds in which a process's main thread was ready and had no core; None if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return None
