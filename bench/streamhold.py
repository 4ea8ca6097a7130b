"""Streamhold as its users run it: ``streamhold up``, its processes and its store."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.figures import DIRECT, STREAMHOLD
from bench.program import Program, answers, clean_environment
from bench.subject import Subject

_START = 30.0  # seconds
_MAIN = "from broker.cli.main import main; main(prog_name='streamhold')"


class State(msgspec.Struct):
    """The state file of ``up``."""

    apis: list[str]
    pids: dict[str, int]
    store_url: str
    sim_url: str


class Restarted(Exception):
    """A process died during the run and was started again: its figures mean nothing."""


@dataclass(frozen=True)
class Streamhold:
    """A running ``up``, and its simulator as a subject of its own."""

    state: State
    state_file: Path
    direct: Subject
    broker: Subject

    @property
    def api_pid(self) -> int:
        return self.state.pids["api-0"]

    def check_unchanged(self) -> None:
        """Raise Restarted if any process is not the one that the run began with."""
        if _read(self.state_file).pids != self.state.pids:
            raise Restarted("a process of Streamhold died during the run; see its log")


@contextmanager
def running(folder: Path, log: Path) -> Iterator[Streamhold]:
    """Start everything on free ports with an empty store in ``folder``, and stop it after."""
    state_file = folder / "state.json"
    words = ["up", "--port", "0", "--data-dir", str(folder / "data")]
    command = [sys.executable, "-P", "-c", _MAIN, *words, "--state-file", str(state_file)]
    with Program(command, log, clean_environment()) as program:

        def is_ready() -> bool:
            if not state_file.exists():
                return False
            state = _read(state_file)
            return "worker-0" in state.pids and answers(f"{state.apis[0]}/readyz")

        program.wait_for(is_ready, _START)
        state = _read(state_file)
        yield Streamhold(
            state=state,
            state_file=state_file,
            direct=Subject(DIRECT, state.sim_url, "", _named(state.pids, ("sim",))),
            broker=Subject(
                STREAMHOLD,
                f"{state.apis[0]}/v1",
                "sim/",
                _named(state.pids, ("api-0", "worker-0", "valkey")),
            ),
        )


def _named(pids: dict[str, int], names: tuple[str, ...]) -> dict[str, int]:
    words = {"valkey": "store", "api-0": "api", "worker-0": "worker"}
    return {words.get(name, name): pids[name] for name in names}


def _read(path: Path) -> State:
    return msgspec.json.decode(path.read_bytes(), type=State)
