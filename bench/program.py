"""A program of another's or of ours, run for the time of a bench and ended with it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from broker.cli.tether import tether

_LOOK = 0.05  # seconds between two looks at a condition
_STOP = 60.0  # seconds from SIGTERM to SIGKILL


class ProgramError(Exception):
    """A program did not start; the message has the end of its log."""


class Program:
    """A context manager around one child process, which writes all it says to ``log``."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self._command = command
        self._log = log
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self._env),
                start_new_session=True,
                preexec_fn=tether(signal.SIGTERM),
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def wait_for(self, holds: Callable[[], bool], seconds: float) -> None:
        """Block until it holds.

        Raises:
            ProgramError: the program ended, or the time passed, before it did.
        """
        assert self._process is not None
        deadline = time.monotonic() + seconds
        while not holds():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self._log.read_text(errors="replace")[-4000:]
                raise ProgramError(f"{self._command[0]} did not come up:\n{tail}")
            time.sleep(_LOOK)


def answers(url: str) -> bool:
    """Whether a GET of this address on loopback is answered with 200."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def clean_environment() -> dict[str, str]:
    """This process's environment without what would change a broker, and without a proxy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not (name.endswith("_API_KEY") or name.startswith(("STREAMHOLD_", "LITELLM_")))
    }
    return {**kept, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def environment_of(tree: Path | None) -> dict[str, str]:
    """The same, for a Python whose own packages are those of ``tree``."""
    return clean_environment() | ({"PYTHONPATH": str(tree)} if tree is not None else {})
