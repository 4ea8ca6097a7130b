"""Cores that never halt, for as long as a context lasts.

On a virtual machine an idle core halts, and to wake it takes the host some 50 µs, after which its
caches are cold. A call that passes through four processes while nothing else goes on meets that at
every one of them. A process of the idle class on each core leaves all time to others, and keeps the
core from halting: what a figure falls by is the machine's, not the subject's.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.program import Program, clean_environment

_LONGEST = 600  # seconds
_SPIN = f"""
import os, time
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
end = time.monotonic() + {_LONGEST}
while time.monotonic() < end:
    pass
"""
POSSIBLE = hasattr(os, "SCHED_IDLE")  # Linux


@contextmanager
def awake() -> Iterator[None]:
    """Keep every core that this process may use from halting."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for core in os.sched_getaffinity(0):
            command = (sys.executable, "-c", _SPIN)
            stack.enter_context(Program(command, Path(folder, f"{core}.log"), clean_environment()))
        yield
