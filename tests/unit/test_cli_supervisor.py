"""Groups of children: the order of the start, the order of the stop, and a second signal."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from broker.cli import child
from broker.cli.child import Plan
from broker.cli.supervisor import Supervisor
from broker.errors import ConfigError, StartFailed

# Writes "+name" when it runs and "-name" when it was asked to end, into one file for all.
CODE = """
import signal, sys
name, path, deaf = sys.argv[1:]
def note(sign):
    with open(path, "a") as file:
        file.write(sign + name + " ")
def end(*_):
    note("-")
    if deaf != "deaf":
        sys.exit()
signal.signal(signal.SIGTERM, end)
note("+")
while True:
    signal.pause()
"""


class Fakes:
    """Plans of small children that write down their lives."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lives"
        self.path.touch()

    @property
    def lives(self) -> list[str]:
        return self.path.read_text().split()

    def plan(
        self, name: str, *, deaf: bool = False, death: signal.Signals = signal.SIGKILL
    ) -> Plan:
        async def is_ready() -> bool:
            return f"+{name}" in self.lives

        words = [name, str(self.path), "deaf" if deaf else ""]
        command = [sys.executable, "-I", "-S", "-c", CODE, *words]
        return Plan(name, command, is_ready=is_ready, grace=30, death=death)


async def test_groups_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path)
    groups = [[fakes.plan("store")], [], [fakes.plan("sim")], [fakes.plan("a"), fakes.plan("b")]]
    supervisor = Supervisor(groups, lambda: None)
    running: dict[str, int] = {}

    def on_ready() -> None:
        running.update(supervisor.pids)
        supervisor.stop()

    await supervisor.run(on_ready)
    assert list(running) == ["store", "sim", "a", "b"]
    lives = fakes.lives
    assert lives[:2] == ["+store", "+sim"]
    assert set(lives[2:4]) == {"+a", "+b"}
    assert set(lives[4:6]) == {"-a", "-b"}
    assert lives[6:] == ["-sim", "-store"]
    assert supervisor.pids == {}


async def test_a_second_stop_hurries_all_but_the_store(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path)
    store = fakes.plan("store", death=signal.SIGTERM)
    groups = [[store], [fakes.plan("deaf", deaf=True)]]
    supervisor = Supervisor(groups, lambda: None)

    def on_ready() -> None:
        supervisor.stop()
        asyncio.get_running_loop().call_soon(supervisor.stop)

    await supervisor.run(on_ready)
    assert fakes.lives[-1] == "-store"


async def test_a_stop_during_the_start_stops_what_runs(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    fakes = Fakes(tmp_path)
    stuck = Plan("stuck", ["/bin/sleep", "60"], is_ready=never)
    supervisor: Supervisor

    def on_change() -> None:
        if "stuck" in supervisor.pids:
            supervisor.stop()

    supervisor = Supervisor([[fakes.plan("store")], [stuck], [fakes.plan("api")]], on_change)
    await asyncio.wait_for(supervisor.run(lambda: None), 20)
    assert fakes.lives == ["+store", "-store"]


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_child_that_can_not_be_started_ends_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(child, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(child, "LONGEST_WAIT", 0.001)
    fakes = Fakes(tmp_path)
    groups = [[fakes.plan("store")], [fakes.plan("sim")], [fakes.plan("a")]]
    groups[place].append(Plan("broken", ["/bin/false"]))
    supervisor = Supervisor(groups, lambda: None)
    with pytest.raises(StartFailed, match="broken ended 5 times"):
        await supervisor.run(lambda: None)
    assert supervisor.pids == {}
    began = {life[1:] for life in fakes.lives if life[0] == "+"}
    assert {life[1:] for life in fakes.lives if life[0] == "-"} <= began


async def test_no_time_is_given_to_what_has_lost_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is gone for good: a child that won't end is killed before its grace is over."""
    monkeypatch.setattr(child, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(child, "LONGEST_WAIT", 0.001)
    fakes = Fakes(tmp_path)
    flag = tmp_path / "broken"

    async def is_ready() -> bool:
        return not flag.exists()

    code = "import os, sys, time; os.path.exists(sys.argv[1]) and sys.exit(1); time.sleep(60)"
    command = [sys.executable, "-I", "-S", "-c", code, str(flag)]
    store = Plan("store", command, is_ready=is_ready, death=signal.SIGTERM)
    supervisor = Supervisor([[store], [fakes.plan("deaf", deaf=True)]], lambda: None)

    def on_ready() -> None:
        flag.touch()
        os.kill(supervisor.pids["store"], signal.SIGKILL)

    with pytest.raises(StartFailed, match="store ended 5 times"):
        await asyncio.wait_for(supervisor.run(on_ready), 25)  # its grace is 30
    assert supervisor.pids == {}


async def test_a_configuration_that_a_child_refuses_ends_the_start(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path)
    refuses = Plan(
        "api-0", [sys.executable, "-I", "-S", "-c", "raise SystemExit(2)"], is_ready=never
    )
    supervisor = Supervisor([[fakes.plan("store")], [refuses]], lambda: None)
    with pytest.raises(ConfigError, match="api-0"):
        await supervisor.run(lambda: None)
    assert fakes.lives == ["+store", "-store"]


async def never() -> bool:
    return False
