"""What ``up`` runs: the plans of its processes, their addresses, and the state file."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from broker.cli import store_log, valkey
from broker.cli.child import Plan
from broker.cli.data import DataFolder
from broker.errors import ConfigError
from broker.settings import Settings

_MARGIN = 5.0  # seconds beyond a process's own drain before it is killed
_PROBE_TIMEOUT = 2.0
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")  # Linux: ports of outgoing connections
_LOWEST = 10_000  # the first port that is given to who asks for any
_TRIES = 50


@dataclass(frozen=True)
class Deployment:
    """One ``up``: ``ports`` are the API processes', ``sim_url`` None runs no simulator."""

    settings: Settings
    data: DataFolder
    ports: tuple[int, ...]
    workers: int = 1
    config: str | None = None
    sim_url: str | None = None

    @property
    def socket(self) -> Path:
        return self.data.sockets / "s.sock"

    @property
    def urls(self) -> list[str]:
        """The API processes' addresses, as a program on this machine reaches them."""
        return [http_url(self.settings.server.host, port) for port in self.ports]

    @property
    def memory(self) -> int:
        """Bytes that the store may use; 0 is no limit."""
        own = self.settings.store.maxmemory
        return valkey.default_memory() if own is None else own

    def groups(self) -> list[list[Plan]]:
        """The plans, in the order of the start."""
        sim = [self._sim(self.sim_url)] if self.sim_url else []
        apis = [self._api(number, port) for number, port in enumerate(self.ports)]
        return [[self._store()], sim, [*apis, *map(self._worker, range(self.workers))]]

    def write_state(self, path: Path, pids: Mapping[str, int]) -> None:
        """Put addresses and process ids into ``path``, whole or not at all."""
        state = {
            "apis": self.urls,
            "pids": dict(pids),
            "store_url": valkey.store_url(self.socket),
            "sim_url": self.sim_url,
        }
        draft = path.with_name(path.name + ".new")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
        draft.replace(path)

    def _store(self) -> Plan:
        binary = valkey.find_binary()
        return Plan(
            name="valkey",
            command=[
                *valkey.server_command(binary, self.socket, self.data.path, maxmemory=self.memory),
                "--loglevel",
                "warning",
            ],
            is_ready=partial(asyncio.to_thread, valkey.is_ready, self.socket),
            grace=10.0,
            death=signal.SIGTERM,  # it closes its append-only file first
            fds=(self.data.lock,),
            explain=partial(store_log.explain, binary, self.data.path),
        )

    def _sim(self, url: str) -> Plan:
        host, port = urlsplit(url).hostname or "", str(urlsplit(url).port)
        return Plan(
            name="sim",
            command=_streamhold("sim", "--host", host, "--port", port),
            is_ready=partial(answers_200, host, int(port), "/healthz"),
            grace=3.0,
        )

    def _api(self, number: int, port: int) -> Plan:
        # --no-auth, for this process has already refused where that is due.
        server = self.settings.server
        return Plan(
            name=f"api-{number}",
            command=_streamhold("api", "--host", server.host, "--port", str(port), "--no-auth"),
            env=self._env(),
            is_ready=partial(answers_200, reachable(server.host), port, "/readyz"),
            grace=server.drain + _MARGIN,
        )

    def _worker(self, number: int) -> Plan:
        return Plan(
            name=f"worker-{number}",
            command=_streamhold("worker"),
            env=self._env(),
            grace=self.settings.worker.drain + _MARGIN,
        )

    def _env(self) -> dict[str, str]:
        env = {"STREAMHOLD_STORE_URL": valkey.store_url(self.socket)}
        if self.config:
            env["STREAMHOLD_CONFIG"] = os.path.abspath(self.config)
        if self.sim_url:
            env["STREAMHOLD_SIM_URL"] = self.sim_url
        return env


def _streamhold(*words: str) -> list[str]:
    """This same program, whatever the PATH says; -P: whatever the working folder holds."""
    start = "from broker.cli.main import main; main(prog_name='streamhold')"
    return [sys.executable, "-P", "-c", start, *words]


def sim_address() -> str:
    """An address for the simulated provider, on a port that is free now."""
    return f"http://127.0.0.1:{find_ports('127.0.0.1', 0, 1)[0]}/v1"


def find_ports(host: str, first: int, count: int) -> tuple[int, ...]:
    """``count`` consecutive ports from ``first`` on, or any free ones when it is 0.

    They are looked at here, before anything is started: a child that can't have its port
    would be started again and again. Free ones are of those that the system gives to no outgoing
    connection, which could take one before the child has it.

    Raises:
        ConfigError: one of them is taken, or the address is not this machine's.
    """
    bound: list[socket.socket] = []
    try:
        for number in range(count):
            if not first:
                bound.append(_bind_any(host))
                continue
            if first + number > 65535:
                raise ConfigError(f"{count} ports from {first} on go beyond 65535.")
            bound.append(_bind(host, first + number))
        return tuple(each.getsockname()[1] for each in bound)
    finally:
        for each in bound:
            each.close()


def _bind_any(host: str) -> socket.socket:
    try:
        lowest = int(_OUTGOING.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _bind(host, 0)
    for _ in range(_TRIES if lowest > _LOWEST else 0):
        try:
            return _bind(host, random.randrange(_LOWEST, lowest), reuses=False)
        except ConfigError:
            continue
    return _bind(host, 0)


def _bind(host: str, port: int, *, reuses: bool = True) -> socket.socket:
    """``reuses``: also a port that a process which has just ended had."""
    taken = None
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuses)
        taken.bind(address)
    except OSError as error:
        if taken is not None:
            taken.close()
        raise ConfigError(f"Port {port} of {host} can't be had: {error}") from error
    return taken


def reachable(host: str) -> str:
    """An address under which this machine reaches a server that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)


def http_url(host: str, port: int) -> str:
    host = reachable(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def answers_200(host: str, port: int, path: str) -> bool:
    """Whether a GET of ``path`` is answered with 200."""
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                request = (
                    f"GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n"
                )
                writer.write(request.encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
