"""CPU time of processes, from their own clocks."""

import os
import subprocess

import pytest

from bench.processes import CLIENT, cpu_of, spent


def test_the_clock_of_a_process() -> None:
    before = cpu_of({"own": os.getpid()})
    sum(range(100_000))
    used = spent(before, cpu_of({"own": os.getpid()}))
    assert used["own"] > 0
    assert used["own"] == pytest.approx(used[CLIENT], rel=0.5)


def test_a_process_that_is_gone() -> None:
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    with pytest.raises(OSError, match="Invalid argument"):
        cpu_of({"gone": process.pid})


def test_what_was_spent_in_between() -> None:
    assert spent({"api": 1.0}, {"api": 1.5, "store": 0.25}) == {"api": 0.5, "store": 0.25}
