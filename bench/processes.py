"""What processes have used, from the kernel: no library between its figure and ours.

CPU time is read from each process's own clock, in nanoseconds: /proc has it in ticks of 10 ms. The
children of a process are counted with it: a peer may fork.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import clock_gettime, process_time

_PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes

CLIENT = "client"
Cpu = dict[str, float]  # seconds by process name


def cpu_of(pids: Mapping[str, int]) -> Cpu:
    """Seconds of CPU, user and system, that each process and its descendants have used.

    This process, the client, stands among them as ``client``, without its children.

    Raises:
        OSError: one of them is gone.
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


def _seconds(pid: int) -> float:
    # The clock of another process: clock_getcpuclockid(3), which Python lacks, makes the id so.
    return clock_gettime(~pid << 3 | 2)


def _family(pid: int) -> Iterable[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))
