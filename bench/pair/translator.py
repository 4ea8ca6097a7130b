"""The translation of bodies and answers, by a process of each build, taking turns one by one.

A body takes some ten milliseconds: turns as short as that see the same machine.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from bench.pair.bodies import directions
from bench.pair.builds import Build
from bench.pair.ratio import Pair
from bench.program import ProgramError, environment_of

REQUESTS, ANSWERS = (
    Path(__file__).with_name(f"{name}.py") for name in ("translating", "answering")
)
_REPEATS = 4  # of each direction, and one before them that is not counted


class Translator:
    """A process of one build that translates when asked to."""

    def __init__(self, build: Build, process: "subprocess.Popen[str]") -> None:
        self._build = build
        self._process = process

    def translate(self, caller: str, provider: str) -> float:
        """Milliseconds of CPU that one body, or answer, took.

        Raises:
            ProgramError: the build can't do it; the process's stderr says why.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{caller} {provider}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # its end shows below
        line = self._process.stdout.readline()
        if not line:
            raise ProgramError(f"{self._build.name} does not translate {caller} to {provider}")
        return float(line)


def translated(script: Path, both: tuple[Build, Build], folder: Path, random: Random) -> Pair:
    """Milliseconds for one body (``REQUESTS``) or answer in every direction, of each build.

    Of the repeats the least counts: what else runs on the machine only ever adds.
    """
    with _running(script, both[0], folder) as this, _running(script, both[1], folder) as other:
        sides = (this, other)
        totals = [0.0, 0.0]
        for caller, provider in directions():
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(_REPEATS + 1):
                for place in random.sample((0, 1), 2):
                    times[place].append(sides[place].translate(caller, provider))
            for place in (0, 1):
                totals[place] += min(times[place][1:])
    return Pair(*totals)


@contextmanager
def _running(script: Path, build: Build, folder: Path) -> Iterator[Translator]:
    process = subprocess.Popen(
        [sys.executable, "-P", str(script), str(folder)],
        env=environment_of(build.tree),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Translator(build, process)
        finally:
            process.kill()
