"""Fixtures that every floor of the tests shares: the tools of the machine, real stores.

What a machine lacks is skipped with its name; under STREAMHOLD_REQUIRE_ALL=1 (CI) it is a
failure, so that no test is lost in silence.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from broker.cli import valkey
from broker.cli.tether import tether

pytest_plugins = ("tests.contract.upstream",)  # its fixtures serve several modules

STORES = ("valkey", "redis7")


def require(tool: str) -> Path:
    """The path of a program, or a skip (a failure under STREAMHOLD_REQUIRE_ALL=1)."""
    path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is not None:
        return Path(path)
    reason = f"{tool} is not installed on this machine"
    if os.environ.get("STREAMHOLD_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class StoreServer:
    """A real store of a test's own, on a unix socket, that can be killed and started again."""

    binary: Path
    data: Path
    options: tuple[str, ...] = ()
    folder: Path = field(default_factory=valkey.make_socket_folder)
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "s.sock"

    @property
    def url(self) -> str:
        return valkey.store_url(self.socket)

    def start(self, *, wait: bool = True) -> None:
        command = valkey.server_command(self.binary, self.socket, self.data)
        with open(self.data / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=tether(signal.SIGKILL),
            )
        if wait and not valkey.wait_ready(self.socket):
            raise AssertionError((self.data / "server.log").read_text()[-2000:])

    def kill(self) -> None:
        """kill -9; the data folder stays for the next ``start``."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it for good. SIGKILL: a test's data is worth nothing."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def store_binary(kind: str) -> Path:
    """The server program of one of ``STORES``."""
    return valkey.find_binary() if kind == "valkey" else require("redis-server")


@pytest.fixture
def make_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., StoreServer]]:
    """``make_store(kind="valkey", *options)`` starts a store of the test's own."""
    made: list[StoreServer] = []

    def make(kind: str = "valkey", *options: str) -> StoreServer:
        server = StoreServer(store_binary(kind), tmp_path_factory.mktemp(kind), options)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.close()


def _session_store(kind: str, factory: pytest.TempPathFactory) -> Iterator[str]:
    server = StoreServer(store_binary(kind), factory.mktemp(kind))
    try:
        server.start()
        yield server.url
    finally:
        server.close()


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the embedded Valkey, shared by the run: use keys of your own."""
    yield from _session_store("valkey", tmp_path_factory)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis 7, shared by the run: use keys of your own."""
    yield from _session_store("redis7", tmp_path_factory)


@pytest.fixture(scope="session", params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    """Every store in turn (ids ``valkey``, ``redis7``); only the one in use is started."""
    fixture = {"valkey": "valkey_url", "redis7": "redis_url"}[request.param]
    url: str = request.getfixturevalue(fixture)
    return url
