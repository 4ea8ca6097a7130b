"""The peak of a process and of its children is found, though it is over when they are looked at."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.neighbours.history import History, Memory, Waiting
from tests.neighbours.memory import Meter, family

_MB = 1 << 20
_PROGRAM = """
import subprocess, sys
print("ready", flush=True)
input()
taken = bytearray(b"x") * (80 << 20)
del taken
program = "x = bytearray(b'x') * (60 << 20); del x; print('had', flush=True); input()"
child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
input()
child.stdin.close()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")


@pytest.fixture
def program() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_a_peak_is_found_after_it_is_over(program: subprocess.Popen[str]) -> None:
    assert program.stdin is not None
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    history, pids = History(), {"api-0": program.pid, "valkey": os.getpid()}
    meter = Meter(history)
    meter.begin(pids)
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "had\n"
    meter.look(pids)
    meter.look(pids)  # nothing new
    first, second = history.of(Waiting)
    assert 0.0 <= first.seconds <= second.seconds
    found = {memory.part: memory for memory in history.of(Memory)}
    assert set(found) == {"api-0", "api-0's child"}
    assert len(history.of(Memory)) == 2
    assert found["api-0"].peak - found["api-0"].rest > 75 * _MB
    assert found["api-0's child"].peak > 60 * _MB
    assert found["api-0's child"].rest == found["api-0"].rest


def test_a_process_that_is_gone_has_no_family() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert list(family(process.pid)) == []
