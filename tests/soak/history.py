"""What happened in a soak, line by line: the evidence that the checks read.

Every line is one struct with its name as the tag. Times are seconds since the soak began, on
one clock. Bytes are kept as digests: a run's lines stay small, and equal digests are enough.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import msgspec

Mark = tuple[int, str]  # an event: its id, the digest of its bytes


def digest(data: bytes) -> str:
    """64 bits of a hash: what is compared in place of the bytes."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


class Call(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """One exchange that is no stream: what was asked of which API process, what came back.

    ``status`` is 0 where no answer came; ``state`` is the job's, where the answer showed it;
    ``body`` is the digest of a whole answer.
    """

    job: str
    kind: str  # jobs | whole | result | look | cancel | delete
    api: int
    begun: float
    ended: float
    status: int
    state: str | None = None
    cursor: int | None = None
    body: str | None = None


class Read(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """One connection of one reader, from its request to its end.

    ``ending``: ``terminal``, ``cut`` (an unclean end), ``dropped`` (the reader left),
    ``handed_back``, ``status`` (no stream came), ``clean`` (without a terminal), ``broken``
    (an id that does not rise, and the like). ``final`` tells a status that repeats from one
    that asks to come again.
    """

    job: str
    reader: int  # of the job's; below 0: after all had healed, the reference
    view: str  # native | chat | usage
    api: int
    after: int
    begun: float
    ended: float
    status: int
    ending: str
    final: bool
    events: list[Mark]
    silence: float = 0.0  # the longest, in seconds


class Struck(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A fault; ``done`` is false where its target was down already."""

    at: float
    kind: str
    target: str
    seconds: float
    done: bool


class Noted(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Something that should not have been: a defect in a log, a process that died by itself."""

    at: float
    kind: str  # defect | died | unfinished
    part: str
    text: str


class Final(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What is left of a job once all is over.

    ``status`` is that of its record, ``calls`` the provider's count under its prompt,
    ``result`` the digest of the folded answer. ``said`` (JSON) and ``finishes`` are from
    the chunks that a late reader got.
    """

    job: str
    model: str
    deleted: bool
    status: int
    record: dict[str, Any] | None
    calls: int
    result_status: int
    result: str | None
    said: str
    finishes: int
    told: int  # attempts that the native view announces
    losses: int  # leases that expired under it


class Listed(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The jobs that ``GET /v1/jobs`` lists at the end, over all pages."""

    jobs: list[str]


class Counted(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A metric's sum over the API processes at the end, or a gauge of the provider's."""

    name: str
    value: float


Line = Call | Read | Struck | Noted | Final | Listed | Counted


class History:
    """The lines of a run; written to ``file`` as they come, if there is one."""

    def __init__(self, lines: Iterable[Line] = (), file: IO[bytes] | None = None) -> None:
        self.lines: list[Line] = list(lines)
        self._file = file

    def add(self, line: Line) -> None:
        self.lines.append(line)
        if self._file is not None:
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._file.flush()

    @property
    def calls(self) -> list[Call]:
        return [line for line in self.lines if isinstance(line, Call)]

    @property
    def reads(self) -> list[Read]:
        return [line for line in self.lines if isinstance(line, Read)]

    @property
    def faults(self) -> list[Struck]:
        return [line for line in self.lines if isinstance(line, Struck)]

    @property
    def notes(self) -> list[Noted]:
        return [line for line in self.lines if isinstance(line, Noted)]

    @property
    def finals(self) -> list[Final]:
        return [line for line in self.lines if isinstance(line, Final)]

    @property
    def lists(self) -> list[Listed]:
        return [line for line in self.lines if isinstance(line, Listed)]

    @property
    def counts(self) -> dict[str, float]:
        return {line.name: line.value for line in self.lines if isinstance(line, Counted)}


def load(path: Path) -> History:
    """The history in a file: ``python -m tests.soak --check FILE`` judges it again."""
    rows = path.read_bytes().splitlines()
    return History(msgspec.json.decode(row, type=Line) for row in rows)
