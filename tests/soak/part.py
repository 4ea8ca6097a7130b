"""One process of the deployment, which is killed, stopped, and started again.

Every start has a log of its own. An end that nobody here asked for is noted.
"""

import asyncio
import re
import signal
from collections.abc import Mapping
from pathlib import Path

from rig.program import Program

_LOOK = 0.03  # seconds between two looks at a log or a process


class Part:
    """``streamhold`` with these words. Start it from the main thread: it is tethered to it."""

    def __init__(self, name: str, words: list[str], folder: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.starts = 0
        self._words = words
        self._folder = folder
        self._env = env
        self._program: Program | None = None
        self._asked = False  # whether its end was asked for

    def start(self) -> None:
        log = self._folder / f"{self.name}.{self.starts}.log"
        self._program = Program(self._words, log, self._env)
        self._asked = False
        self.starts += 1

    @property
    def running(self) -> bool:
        return self._program is not None and self._program.process.poll() is None

    @property
    def ended_badly(self) -> str | None:
        """How it ended, if that was not asked for, or not with 0 where it was asked politely."""
        code = None if self._program is None else self._program.process.poll()
        if code is None or (self._asked and code in (0, -signal.SIGKILL)):
            return None
        assert self._program is not None
        return f"ended with {code}: {self._program.log.read_text()[-1500:]}"

    def signal(self, number: signal.Signals) -> None:
        """SIGKILL and SIGTERM are asking for its end."""
        assert self._program is not None
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._asked = True
        self._program.process.send_signal(number)

    async def until_said(self, pattern: str) -> str | None:
        """The pattern's first group, once this start's log has it; None if it ended before."""
        program = self._program
        assert program is not None
        while True:
            running = program.process.poll() is None
            found = re.search(pattern, program.log.read_text())
            if found is not None:
                return found[1]
            if not running:
                return None
            await asyncio.sleep(_LOOK)

    async def until_ended(self) -> None:
        """A part that was asked for its end; gives it all the time it takes."""
        assert self._program is not None
        while self._program.process.poll() is None:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(_LOOK)

    def close(self) -> None:
        """Kill it for good, stopped or not."""
        if self._program is not None:
            self.signal(signal.SIGKILL)
            self._program.process.wait()
