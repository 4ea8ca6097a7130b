"""One running ``streamhold`` command; all that it prints goes to a log of its own."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from broker.cli.tether import tether
from rig.nursery import Nursery

START = 20.0  # seconds that anything may take to start
STOP = 40.0  # seconds from SIGTERM to the end: the longest drain, and a margin
FORKED = ("api", "worker", "sim")  # commands that a nursery starts
_LOOK = 0.01  # seconds between two looks at a condition
_MAIN = "from broker.cli.main import main; main(prog_name='streamhold')"


def until(condition: Callable[[], bool], seconds: float = START) -> bool:
    """Block until the condition holds; False if the time passed first."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK)
    return True


nursery: Nursery | None = None  # by which commands are started, where there is one


class Process(Protocol):
    """What is used here of ``subprocess.Popen``."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


class Program:
    """One running ``streamhold`` command; all that it prints goes to ``log``."""

    def __init__(
        self, words: list[str], log: Path, env: Mapping[str, str], python: str = sys.executable
    ) -> None:
        self.log = log
        self._stopped = False
        self.process: Process
        if nursery is not None and python == sys.executable and words[0] in FORKED:
            log.touch()
            self.process = nursery.start(words, env, log)
            return
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [python, "-P", "-c", _MAIN, *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=dict(env),
                start_new_session=True,
                preexec_fn=tether(signal.SIGKILL),
            )

    def wait_for(self, pattern: str) -> str:
        """The first group of the pattern, once the log has it. Fails with the log if never."""
        found: list[str] = []

        def look() -> bool:
            found.extend(re.findall(pattern, self.log.read_text()))
            return bool(found) or self.process.poll() is not None

        until(look)
        assert found, f"no {pattern!r} in the log:\n{self.log.read_text()[-4000:]}"
        return found[0]

    def stop(self) -> None:
        """SIGTERM, once: a second one would hurry it."""
        if not self._stopped:
            self._stopped = True
            self.process.terminate()

    def close(self, patience: float = STOP) -> None:
        """SIGTERM, and wait for the end. Fails with the log if it does not come, or badly.

        After ``patience`` seconds a second SIGTERM hurries it; it may also end it, where it is just
        about to end by itself and takes no signals any more.
        """
        self.stop()
        good = [0]
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            good.append(-signal.SIGTERM)
        try:
            code: int | None = self.process.wait(STOP)
        except subprocess.TimeoutExpired:
            code = None
            self.process.kill()
            self.process.wait()
        assert code in good, f"ended with {code}:\n{self.log.read_text()[-4000:]}"

    def events(self) -> list[dict[str, Any]]:
        """The log's structured lines, those of child processes included."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]
