"""A whole deployment as its users run it: ``streamhold up`` in processes of its own.

Nothing of the broker is imported here: what tests know of it comes over HTTP, from the state
file and from the log. Waiting is always for a condition, for so long at most.
"""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rig.program import Program

_PATIENCE = 2.0  # seconds for what still runs at the end


def ask(model: str, prompt: str, **fields: Any) -> dict[str, Any]:
    """A chat request whose prompt the simulated provider counts it under."""
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **fields}


def account(name: str, key: str) -> str:
    """The configuration of an account with this one key."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f'[accounts.{name}]\nkey_sha256 = ["{digest}"]\n'


class Deployment:
    """A running ``up``: its addresses, its processes, and its provider's counts.

    ``config`` is the text of a configuration file; whatever it says there is a provider
    ``sim``, whose counts ``sim_calls`` reads. In the text ``{sim}`` stands for its address.
    ``python`` runs all but that provider.
    """

    def __init__(
        self,
        folder: Path,
        *,
        apis: int = 1,
        workers: int = 1,
        config: str = "",
        env: Mapping[str, str] | None = None,
        python: str = sys.executable,
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
        up_env = {**clean, "STREAMHOLD_SIM_URL": self.sim_url}
        self.up = Program(words, folder / "up.log", up_env, python)
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

    def open_files(self, name: str) -> int:
        """How many files a process of this name has open, connections among them."""
        return len(os.listdir(f"/proc/{self.pids[name]}/fd"))

    def close(self) -> None:
        """SIGTERM to all, and wait. Fails if it ends badly, or with a defect in its log.

        Jobs that a test has left behind are waited for a moment only, and not for a whole drain.
        """
        try:
            self.up.close(_PATIENCE)
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
