"""What processes have used, from /proc: no library between the kernel's figure and ours.

CPU time has a resolution of one clock tick (10 ms as a rule), so measure over seconds. The
children of a process are counted with it: a peer may fork.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import process_time

_TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds
_PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes

CLIENT = "client"
Cpu = dict[str, float]  # seconds by process name


def cpu_of(pids: Mapping[str, int]) -> Cpu:
    """Seconds of CPU, user and system, that each process and its descendants have used.

    This process, the client, stands among them as ``client``, without its children.

    Raises:
        FileNotFoundError: one of them is gone.
    """
    used = {name: sum(map(_seconds, _family(pid))) for name, pid in pids.items()}
    return {**used, CLIENT: process_time()}


def spent(before: Cpu, after: Cpu) -> Cpu:
    """The difference, by name."""
    return {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}


def resident(pid: int) -> int:
    """Bytes of memory that a process and its descendants hold."""
    texts = (Path(f"/proc/{each}/statm").read_text() for each in _family(pid))
    return sum(int(text.split()[1]) for text in texts) * _PAGE


def parse_stat(text: str) -> tuple[int, int]:
    """(parent, ticks of CPU) of a line of ``/proc/PID/stat``; the name in it may hold anything."""
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), int(fields[11]) + int(fields[12])


def _seconds(pid: int) -> float:
    return parse_stat(Path(f"/proc/{pid}/stat").read_text())[1] * _TICK


def _family(pid: int) -> Iterable[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))
