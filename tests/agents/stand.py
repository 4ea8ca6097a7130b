"""What the clients run against: a deployment, its provider's counts, and the hand that kills."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from broker.cli.deployment import find_ports
from rig.program import Program, until
from tests.conftest import require
from tests.contract.nginx import Proxy
from tests.deployment import Deployment

# By the dialect of the provider, the name that the simulated one has in it.
PROVIDERS = {
    "chat": "sim",
    "messages": "sim-messages",
    "responses": "sim-responses",
    "gemini": "sim-gemini",
}
PACES = {
    "quick": "agent,tokens=8,interval=2ms",
    "slow": "agent,tokens=80,interval=50ms",
    "endless": "agent,tokens=1200,interval=50ms",
}
_SMALL = "tokens=4,interval=2ms"
_DEEP = 1.0  # seconds into an answer at which its reader's process is killed
_PATIENCE = 60.0  # seconds for the next answer to begin
_READERS = re.compile(r"^streamhold_readers (\d+)", re.MULTILINE)


def model(dialect: str, pace: str) -> str:
    """The route to an agent's model of this pace behind this dialect."""
    return f"{pace}-{dialect}"


def small(dialect: str) -> str:
    """The route to the model for titles and the like."""
    return f"small-{dialect}"


def _config() -> str:
    return "".join(
        f'[routes."{route}"]\ntargets = ["{provider}/{behaviour}"]\ndrop_tools = ["web_search"]\n'
        for dialect, provider in PROVIDERS.items()
        for route, behaviour in (
            *((model(dialect, pace), behaviour) for pace, behaviour in PACES.items()),
            (small(dialect), _SMALL),
        )
    )


class Stand:
    """A running deployment; with two API processes there is nginx before them.

    ``sidecar`` puts ``streamhold proxy`` before it. ``url`` is what a client calls.
    """

    def __init__(self, folder: Path, apis: int = 1) -> None:
        self._runner = asyncio.Runner()
        self._folder = folder
        self._nginx: Proxy | None = None
        self._sidecar: Program | None = None
        self._sidecar_url = ""
        self.deployment = Deployment(folder, apis=apis, config=_config())
        try:
            if apis > 1:
                self._nginx = self._start_nginx()
        except BaseException:
            self.close()
            raise
        self.url = self._nginx.url if self._nginx else self.deployment.urls[0]

    def _start_nginx(self) -> Proxy:
        folder = self._folder / "nginx"
        folder.mkdir()
        words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
        openssl = [str(require("openssl")), *words, "-subj", "/CN=localhost", *files]
        subprocess.run(openssl, check=True, stderr=subprocess.DEVNULL)
        first, second = find_ports("127.0.0.1", 0, 2)
        proxy = Proxy(folder, (first, second), [urlsplit(url).port or 0 for url in self.urls])
        self._runner.run(proxy.start())
        return proxy

    @property
    def urls(self) -> list[str]:
        """The addresses of the API processes."""
        return self.deployment.urls

    @property
    def sidecar_url(self) -> str:
        """The address of the sidecar before ``url``; it is started when first asked for.

        Raises:
            AssertionError: it does not start.
        """
        if self._sidecar is None:
            (port,) = find_ports("127.0.0.1", 0, 1)
            env = {"PATH": "/usr/bin:/bin", "HOME": str(self._folder)}
            words = ["proxy", "--api", self.url, "--port", str(port)]
            self._sidecar = Program(words, self._folder / "proxy.log", env, sys.executable)
            self._sidecar_url = f"http://127.0.0.1:{port}"
            process, log = self._sidecar.process, self._sidecar.log
            ready = until(lambda: process.poll() is not None or _listens(port))
            if not ready or process.poll() is not None:
                self._sidecar = None
                said = log.read_text().strip()[-300:]
                raise AssertionError(f"streamhold proxy does not start: {said}")
        return self._sidecar_url

    def reset(self) -> None:
        """Count the provider's calls from nothing, once it is idle."""
        until(lambda: self.active == 0)
        assert _request("POST", self._sim + "/sim/reset") == b""

    def calls(self, behaviour: str) -> int:
        """How often the provider was called with this model since the reset."""
        return int(self._counts["by_model"].get(behaviour, 0))

    @property
    def aborted(self) -> int:
        """How many calls were closed before their end since the reset."""
        return int(self._counts["aborted"])

    @property
    def active(self) -> int:
        """How many calls the provider answers now."""
        return int(self._counts["active"])

    def wait_for_answer(self, behaviour: str, number: int, runs: Callable[[], bool]) -> str | None:
        """Return in the middle of answer ``number`` (from 1), or once the client runs no more.

        Returns why that could not be; None if it was done.
        """

        def begun() -> bool:
            return self.calls(behaviour) >= number and self.active > 0

        if not until(lambda: begun() or not runs(), _PATIENCE) or not begun():
            return f"the provider has not had call {number}"
        time.sleep(_DEEP)
        return None

    def kill_in_answer(self, behaviour: str, number: int, runs: Callable[[], bool]) -> str | None:
        """Kill -9 the API process that is read, in the middle of answer ``number`` (from 1).

        Returns why that could not be; None if it was done.
        """
        if failure := self.wait_for_answer(behaviour, number, runs):
            return failure
        read: list[int] = []

        def found() -> bool:
            read.extend(place for place, url in enumerate(self.urls) if _readers(url))
            return bool(read) or self.active == 0

        if not until(found) or not read:
            return f"no API process had a reader in answer {number}"
        os.kill(self.deployment.pids[f"api-{read[0]}"], signal.SIGKILL)
        return None

    def wait_until_whole(self) -> None:
        """Return once all API processes answer again."""
        assert until(lambda: all(_is_ready(url) for url in self.urls)), "an API process is away"

    def close(self) -> None:
        """Stop all of it. Fails as ``Deployment.close`` does."""
        try:
            if self._sidecar is not None:
                self._sidecar.close()
            if self._nginx is not None:
                self._runner.run(self._nginx.stop())
        finally:
            self._runner.close()
            self.deployment.close()

    @property
    def _sim(self) -> str:
        return self.deployment.sim_url.removesuffix("/v1")

    @property
    def _counts(self) -> Any:
        return json.loads(_request("GET", self._sim + "/sim/calls"))


def _request(method: str, url: str) -> bytes:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request(method, parts.path)
        return connection.getresponse().read()
    finally:
        connection.close()


def _readers(url: str) -> int:
    """How many streams an API process has readers of; 0 if it is away."""
    try:
        found = _READERS.search(_request("GET", url + "/metrics").decode())
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _is_ready(url: str) -> bool:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _listens(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.connect()
    except OSError:
        return False
    else:
        return True
    finally:
        connection.close()
