"""How much memory each process of the deployment takes: the kernel's own peaks.

``VmHWM`` is the most that a process ever had resident; writing 5 to ``clear_refs`` begins it
anew, so no peak between two looks is missed. A child process belongs to the part that made it.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.neighbours.cores import waited
from tests.neighbours.history import History, Memory, Waiting

PARTS = ("api", "worker")  # names begin so; the store is apart
_STEP = 1 << 20  # bytes; a peak that is less above the last one is not noted


class Meter:
    """Looks at processes and their children.

    The *rest* of a process is what it had before the attacks. One that came later counts from
    the rest of its part's first process: a child has loaded no more than its parent, and one
    that was started again is the same program.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._rests: dict[str, int] = {}  # by part
        self._own: dict[int, int] = {}  # rests by process
        self._peaks: dict[int, int] = {}

    def begin(self, pids: Mapping[str, int]) -> None:
        """What the processes have now is their rest; their peaks begin anew."""
        for part, pid in pids.items():
            if not part.startswith(PARTS):
                continue
            self._rests[part] = _status(pid, "VmRSS") or 0
            for each in family(pid):
                self._own[each] = _status(each, "VmRSS") or 0
                Path(f"/proc/{each}/clear_refs").write_text("5")

    def look(self, pids: Mapping[str, int]) -> None:
        """Note the peaks that have grown, and the waits for a core."""
        for part, pid in pids.items():
            if part not in self._rests:
                continue
            seconds = waited(pid)
            if seconds is not None:
                line = Waiting(part=part, pid=pid, at=time.monotonic(), seconds=seconds)
                self._history.add(line)
            for each in family(pid):
                peak = _status(each, "VmHWM")
                if peak is not None and peak > self._peaks.get(each, 0) + _STEP:
                    self._peaks[each] = peak
                    self._note(part if each == pid else f"{part}'s child", part, each, peak)

    def _note(self, name: str, part: str, pid: int, peak: int) -> None:
        rest = self._own.get(pid, self._rests[part])
        self._history.add(
            Memory(part=name, pid=pid, at=time.monotonic(), peak=peak, rest=rest),
        )


def family(pid: int) -> Iterator[int]:
    """A process and all that descend from it; nothing of one that is gone."""
    if not Path(f"/proc/{pid}").exists():
        return
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # the thread has ended meanwhile
            continue
        for child in found:
            yield from family(int(child))


def _status(pid: int, field: str) -> int | None:
    """Bytes of a field of a process's status; None if it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return None  # a process that has ended, but was not waited for
