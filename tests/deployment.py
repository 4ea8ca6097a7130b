"""A whole deployment as its users run it: ``streamhold up`` in processes of its own.

Nothing of the broker is imported here but the tether: what tests know of it comes over HTTP,
from the state file and from the log. Waiting is always for a condition, for so long at most.
"""

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from broker.cli.tether import tether

START = 20.0  # seconds that anything may take to start
STOP = 40.0  # seconds from SIGTERM to the end: the longest drain, and a margin
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


def ask(model: str, prompt: str, **fields: Any) -> dict[str, Any]:
    """A chat request whose prompt the simulated provider counts it under."""
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **fields}


def account(name: str, key: str) -> str:
    """The configuration of an account with this one key."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f'[accounts.{name}]\nkey_sha256 = ["{digest}"]\n'


class Program:
    """One running ``streamhold`` command; all that it prints goes to ``log``."""

    def __init__(self, words: list[str], log: Path, env: Mapping[str, str]) -> None:
        self.log = log
        self._stopped = False
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _MAIN, *words],
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

    def close(self) -> None:
        """SIGTERM, and wait for the end. Fails with the log if it does not come, or badly."""
        self.stop()
        try:
            code: int | None = self.process.wait(STOP)
        except subprocess.TimeoutExpired:
            code = None
            self.process.kill()
            self.process.wait()
        assert code == 0, f"ended with {code}:\n{self.log.read_text()[-4000:]}"

    def events(self) -> list[dict[str, Any]]:
        """The log's structured lines, those of child processes included."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


class Deployment:
    """A running ``up``: its addresses, its processes, and its provider's counts.

    ``config`` is the text of a configuration file; whatever it says there is a provider
    ``sim``, whose counts ``sim_calls`` reads. In the text ``{sim}`` stands for its address.
    """

    def __init__(
        self,
        folder: Path,
        *,
        apis: int = 1,
        workers: int = 1,
        config: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        clean = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **(env or {})}
        self._state_file = folder / "state.json"
        self.sim = Program(["sim"], folder / "sim.log", clean)
        self.sim_url = self.sim.wait_for(r"sim listening on (\S+)")
        file = folder / "streamhold.toml"
        file.write_text(config.replace("{sim}", self.sim_url))
        words = ["up", "--port", "0", "--apis", str(apis), "--workers", str(workers)]
        words += ["--config", str(file), "--state-file", str(self._state_file)]
        words += ["--data-dir", str(folder / "data")]
        self.up = Program(words, folder / "up.log", {**clean, "STREAMHOLD_SIM_URL": self.sim_url})
        try:
            self.up.wait_for(r"(open to|Try a stream)")  # said once all is ready
        except BaseException:
            self.up.process.kill()  # what it started goes with it
            self.sim.process.kill()
            raise
        self.urls: list[str] = self._state()["apis"]
        self.store_url: str = self._state()["store_url"]

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of now, by name: ``valkey``, ``api-0``, ``worker-0`` and so on."""
        pids: dict[str, int] = self._state()["pids"]
        return pids

    @property
    def sim_total(self) -> int:
        """How many calls the provider has seen in all."""
        return int(self._calls()["total"])

    @property
    def sim_aborted(self) -> int:
        """How many calls were closed by their caller before their end."""
        return int(self._calls()["aborted"])

    def sim_calls(self, prompt: str) -> int:
        """How often the provider was called with this prompt."""
        return int(self._calls()["by_prompt"].get(prompt, 0))

    def close(self) -> None:
        """SIGTERM to all, and wait. Fails if it ends badly, or with a defect in its log."""
        try:
            self.up.close()
        finally:
            self.sim.close()
        faults = [line for line in self.up.events() if line.get("level") == "error"]
        assert not faults, faults

    def _state(self) -> Any:
        return json.loads(self._state_file.read_text())

    def _calls(self) -> Any:
        connection = HTTPConnection(urlsplit(self.sim_url).netloc, timeout=10)
        try:
            connection.request("GET", "/sim/calls")
            return json.load(connection.getresponse())
        finally:
            connection.close()
