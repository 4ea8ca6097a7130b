"""The report of a run: its figures, and the machine that they depend on."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.figures import Figure, Report


def write_report(
    figures: Sequence[Figure],
    plan: Mapping[str, float | tuple[float, ...]],
    out: Path,
    failures: Sequence[str] = (),
) -> Report:
    """Put the figures together with time and machine, and write them as JSON."""
    report = Report(
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=_machine(),
        plan=dict(plan),
        figures=list(figures),
        failures=list(failures),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return report


def read_report(path: Path) -> Report:
    """A report that was written.

    Raises:
        OSError, msgspec.ValidationError, msgspec.DecodeError.
    """
    return msgspec.json.decode(path.read_bytes(), type=Report)


def _machine() -> dict[str, str]:
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_average_after": load,
    }
