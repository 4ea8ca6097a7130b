"""The processes of a run: the deployment under ``up``, two providers, and the harness's own.

    innocent ─▶ API 0, API 1 ─▶ store ◀─ worker 0, worker 1 ─▶ the innocent's provider
    attacker ─▶                                             ─▶ the attackers' provider
    prober   ─▶

What dies is started again by ``up``, as its users have it; that it died is a violation.
"""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from broker.cli.tether import tether
from rig.program import until
from tests.deployment import Deployment
from tests.neighbours.course import INNOCENT, render
from tests.neighbours.history import Fault, History

_ROOT = Path(__file__).parents[2]
YIELDING = 10  # of nice: what attackers are, and their provider
_PATIENCE = 15.0  # seconds for an answer once all is over
_TOLD = 2000  # characters of a defect


class Helper:
    """A process of the harness: a module of this package, run over the run's folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with open(self._log, "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"tests.neighbours.{name}", str(folder)],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=tether(signal.SIGKILL),
            )

    def wait_for(self, pattern: str) -> str:
        """The pattern's first group, once the log has it."""

        def look() -> bool:
            return self._found(pattern) is not None or self.process.poll() is not None

        until(look)
        found = self._found(pattern)
        assert found is not None, f"{self.name}: no {pattern!r} in {self._log.read_text()[-2000:]}"
        return found

    def _found(self, pattern: str) -> str | None:
        found = re.search(pattern, self._log.read_text())
        return None if found is None else found[1]

    def close(self) -> str:
        """End it; what is wrong with how it ended, if anything is."""
        running = self.process.poll() is None
        if running:
            self.process.kill()
        code = self.process.wait()
        if running or code == 0:
            return ""
        return f"{self.name} ended with {code}: {self._log.read_text()[-_TOLD:]}"


class Scene:
    """The deployment and the innocent's provider, running."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._helpers = [Helper("provider", folder)]
        try:
            self.provider_url = self._helpers[0].wait_for(r"provider listening on (\S+)")
            self.deployment = Deployment(
                folder, apis=2, workers=2, config=render("{sim}", self.provider_url)
            )
        except BaseException:
            self._helpers[0].close()
            raise
        self.urls = self.deployment.urls
        niced = os.getpriority(os.PRIO_PROCESS, 0) + YIELDING
        os.setpriority(os.PRIO_PROCESS, self.deployment.sim.process.pid, niced)

    def start(self, *names: str) -> list[Helper]:
        """Start processes of the harness; they end with the scene at the latest."""
        helpers = [Helper(name, self._folder) for name in names]
        self._helpers += helpers
        return helpers

    @property
    def pids(self) -> dict[str, int]:
        """The deployment's processes, ``up`` among them."""
        up = self.deployment.up.process
        return {**self.deployment.pids, **({"up": up.pid} if up.poll() is None else {})}

    def kill(self, part: str) -> None:
        os.kill(self.pids[part], signal.SIGKILL)

    def provider_calls(self) -> dict[str, int]:
        """How often the innocent's provider was called, by prompt."""
        calls: dict[str, int] = get(self.provider_url, "/sim/calls")["by_prompt"]
        return calls

    def record(self, job: str) -> dict[str, Any] | None:
        """What the innocent account sees of a job, a problem included; None if nobody answers."""
        for url in self.urls:
            with suppress(OSError, HTTPException):
                found: dict[str, Any] = get(url, f"/v1/jobs/{job}")
                return found
        return None

    def close(self, history: History) -> None:
        """End all; what was wrong is noted."""
        for helper in self._helpers:
            if problem := helper.close():
                history.add(Fault(what="harness", text=problem))
        try:
            self.deployment.up.close()
        except AssertionError as error:  # it did not end, or badly
            history.add(Fault(what="up", text=str(error)[-_TOLD:]))
        self.deployment.sim.process.kill()  # it may be busy with what attackers asked for
        self.deployment.sim.process.wait()
        self._note_defects(history)

    def _note_defects(self, history: History) -> None:
        text = self.deployment.up.log.read_text(errors="replace")
        for line in text.splitlines():
            if line.startswith("{") and json.loads(line).get("level") in ("error", "critical"):
                history.add(Fault(what="log", text=line[:_TOLD]))
        for found in re.finditer(r"^Traceback|was never awaited|never retrieved", text, re.M):
            history.add(Fault(what="log", text=text[found.start() :][:_TOLD]))


def get(url: str, path: str) -> Any:
    """JSON of a server of the scene."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=_PATIENCE)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {INNOCENT}"})
        return json.load(connection.getresponse())
    finally:
        connection.close()
