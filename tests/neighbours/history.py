"""What happened in a run: typed lines, one JSON object each, from which everything is judged.

Each process of the run writes a file of its own (``*.jsonl`` in the run's folder). All times
are seconds of ``time.monotonic``, which the processes of a machine share.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import IO, TypeVar

import msgspec

Span = tuple[float, float]  # from, to


class Call(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """One call of the innocent account, from its first byte to its last.

    ``gaps`` are the times in which its caller had to wait although its provider was sending:
    to the first event, from one event to the next, to a polled answer. Short ones are left out.
    ``problem`` is what was wrong with it, empty if nothing was.
    """

    job: str
    way: str
    model: str
    api: int
    begun: float
    ended: float
    gaps: list[Span]
    events: int = 0
    connections: int = 1
    lost: int = 0  # connections that ended though the caller did not end them
    problem: str = ""


class Probe(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A look at ``/healthz`` that was slow or had no 200 (status 0: no answer)."""

    api: int
    begun: float
    ended: float
    status: int


class Probed(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """How often one API process was looked at so far, slow looks among them."""

    api: int
    looks: int


class Stall(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A time in which a process of the harness did not get to run: see ``lag``."""

    process: str
    begun: float
    ended: float


class Watched(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """How long a process of the harness measured its own stalls, so far."""

    process: str
    seconds: float


class Memory(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A new peak of a process: ``peak`` and ``rest`` in bytes. ``part`` names it."""

    part: str
    pid: int
    at: float
    peak: int
    rest: int


class Waiting(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """For how long in all a process has been ready to run and had no core: see ``cores``."""

    part: str
    pid: int
    at: float
    seconds: float


class Ended(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A process of the deployment is gone; ``planned`` if the plan killed it."""

    part: str
    pid: int
    at: float
    planned: bool


class Assaulted(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """An assault as it was: how many strikes, and how each ended, in counts."""

    number: int
    kind: str
    begun: float
    ended: float
    strikes: int
    outcomes: dict[str, int]


class Settled(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What is left of an innocent call at the end."""

    job: str
    calls: int  # the provider's count
    state: str  # of its record; empty if it has none
    attempts: list[tuple[str, str]]  # the provider and the outcome of each


class Fault(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Something else that must not be: a defect in a log, a process that ended badly."""

    what: str
    text: str


Line = (
    Call | Probe | Probed | Stall | Watched | Memory | Waiting | Ended | Assaulted | Settled | Fault
)
_T = TypeVar("_T", bound=Line)


class History:
    """Lines, and the file that they are written to, if there is one."""

    def __init__(self, lines: Iterable[Line] = (), file: IO[bytes] | None = None) -> None:
        self.lines: list[Line] = list(lines)
        self._file = file

    def add(self, line: Line) -> None:
        self.lines.append(line)
        if self._file is not None:
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def of(self, kind: type[_T]) -> list[_T]:
        """The lines of one kind, in the order they were added."""
        return [line for line in self.lines if isinstance(line, kind)]


def open_history(folder: Path, name: str) -> History:
    """A history that is written to a file of this name."""
    return History(file=(folder / f"{name}.jsonl").open("wb"))


def load(folder: Path) -> History:
    """What all the processes of a run have written. A line cut off by a kill is left out."""
    lines: list[Line] = []
    for file in sorted(folder.glob("*.jsonl")):
        text = file.read_bytes()
        rows = text[: text.rfind(b"\n") + 1].splitlines()
        lines += [msgspec.json.decode(row, type=Line) for row in rows]
    return History(lines)
