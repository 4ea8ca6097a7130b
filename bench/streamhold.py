"""Streamhold as its users run it: ``streamhold up``, its processes and its store.

Its provider is a simulator of the bench's own, and its configuration is the default but for
two lines: one worker takes all streams of a load, and a stream may be silent while it is
measured.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec
from redis import Redis

from bench.figures import DIRECT, STREAMHOLD
from bench.program import Program, answers, clean_environment, environment_of
from bench.subject import Subject
from broker.cli.deployment import find_ports

_START = 30.0  # seconds
_REST = 60.0  # seconds at most
_LOOK = 0.1  # seconds between two looks
_MAIN = "from broker.cli.main import main; main(prog_name='streamhold')"
_CONFIG = """\
[providers.sim]
base_url = "{sim}"
[worker]
concurrency = 6000
[timeouts]
idle = 600.0
"""


class State(msgspec.Struct):
    """The state file of ``up``."""

    apis: list[str]
    pids: dict[str, int]
    store_url: str


class Restarted(Exception):
    """A process died during the run and was started again: its figures mean nothing."""


@dataclass(frozen=True)
class Streamhold:
    """A running ``up``, and the simulator as a subject of its own."""

    state: State
    state_file: Path
    direct: Subject
    broker: Subject

    @property
    def api_pid(self) -> int:
        return self.state.pids["api-0"]

    @property
    def sim_pid(self) -> int:
        return self.direct.pids["sim"]

    async def rest(self) -> None:
        """Return when the store is not writing its log anew, which takes of all its commands.

        It does so when the log has doubled: after a measure that wrote much, and of no measure's.
        """
        with Redis.from_url(self.state.store_url) as store:
            until = monotonic() + _REST
            while (  # noqa: ASYNC110 - nothing tells of its end
                store.info("persistence")["aof_rewrite_in_progress"] and monotonic() < until
            ):
                await asyncio.sleep(_LOOK)

    def check_unchanged(self) -> None:
        """Raise Restarted if any process is not the one that the run began with."""
        if _read(self.state_file).pids != self.state.pids:
            raise Restarted("a process of Streamhold died during the run; see its log")


@contextmanager
def running(folder: Path, log: Path) -> Iterator[Streamhold]:
    """Start everything on free ports with an empty store in ``folder``, and stop it after."""
    with simulator(log.with_name("sim.log")) as direct, deployed(folder, log, direct) as streamhold:
        yield streamhold


@contextmanager
def deployed(
    folder: Path, log: Path, direct: Subject, tree: Path | None = None
) -> Iterator[Streamhold]:
    """Start Streamhold in front of a simulator that runs; its code is that of ``tree``."""
    state_file, config = folder / "state.json", folder / "streamhold.toml"
    config.write_text(_CONFIG.format(sim=direct.base_url))
    words = ["up", "--config", str(config), "--port", "0", "--data-dir", str(folder / "data")]
    command = [sys.executable, "-P", "-c", _MAIN, *words, "--state-file", str(state_file)]
    with Program(command, log, environment_of(tree)) as program:

        def is_ready() -> bool:
            if not state_file.exists():
                return False
            state = _read(state_file)
            return "worker-0" in state.pids and answers(f"{state.apis[0]}/readyz")

        program.wait_for(is_ready, _START)
        state = _read(state_file)
        broker = Subject(
            STREAMHOLD,
            f"{state.apis[0]}/v1",
            "sim/",
            {name: state.pids[own] for name, own in _PROCESSES.items()},
            following="/jobs/{id}/events?after={after}",
            front="api",
            submits=True,
            strong=True,
        )
        yield Streamhold(state, state_file, direct, broker)


_PROCESSES = {"api": "api-0", "worker": "worker-0", "store": "valkey"}


@contextmanager
def simulator(log: Path) -> Iterator[Subject]:
    """Start a simulated provider of this tree, and stop it after."""
    port = find_ports("127.0.0.1", 0, 1)[0]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sim", "--port", str(port)]
    with Program(command, log, clean_environment()) as program:
        program.wait_for(lambda: answers(f"{url}/healthz"), _START)
        yield Subject(DIRECT, f"{url}/v1", "", {"sim": program.pid})


def _read(path: Path) -> State:
    return msgspec.json.decode(path.read_bytes(), type=State)
