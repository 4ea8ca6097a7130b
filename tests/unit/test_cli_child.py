"""One child: started again when it dies, stopped within its grace, heard of at each change."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import pytest

from broker.cli import child as module
from broker.cli.child import Child, Plan

SLEEPER = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-I",
    "-S",
    "-c",
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "open(sys.argv[1], 'w').close(); time.sleep(60)",
]


class Watched:
    """A child whose changes can be waited for."""

    def __init__(self, plan: Plan) -> None:
        self.changed = asyncio.Event()
        self.child = Child(plan, self.changed.set)
        self.task = asyncio.create_task(self.child.keep())

    async def pid(self, other_than: int | None = None) -> int:
        """The process id, once it runs and is not the one given."""
        while self.child.pid in (None, other_than):
            self.changed.clear()
            await self.changed.wait()
        assert self.child.pid is not None
        return self.child.pid


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(module, "LONGEST_WAIT", 0.03)


def deaths(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [vars(record)["fields"] for record in caplog.records if record.message == "child.died"]


@pytest.mark.usefixtures("quick")
async def test_a_killed_child_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(Plan("sleeper", SLEEPER))
    first = await watched.pid()
    os.kill(first, signal.SIGKILL)
    second = await watched.pid(other_than=first)
    watched.child.stop()
    await watched.task
    assert second != first
    assert watched.child.pid is None
    [death] = deaths(caplog)
    assert death["child"] == "sleeper"
    assert death["status"] == -signal.SIGKILL


@pytest.mark.usefixtures("quick")
async def test_the_waits_grow_to_their_limit(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    watched = Watched(Plan("false", ["/bin/false"]))
    while len(deaths(caplog)) < 4:
        watched.changed.clear()
        await watched.changed.wait()
    watched.child.stop()
    await watched.task
    assert [death["restart_in"] for death in deaths(caplog)][:4] == [0.01, 0.02, 0.03, 0.03]


@pytest.mark.usefixtures("quick")
async def test_a_child_that_lived_long_is_sound_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SOUND_AFTER", 0.0)
    watched = Watched(Plan("false", ["/bin/false"]))
    while len(deaths(caplog)) < 3:
        watched.changed.clear()
        await watched.changed.wait()
    watched.child.stop()
    await watched.task
    assert {death["restart_in"] for death in deaths(caplog)} == {0.01}


@pytest.mark.usefixtures("quick")
async def test_a_missing_program_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(Plan("none", ["/does/not/exist"]))
    while len(deaths(caplog)) < 2:
        watched.changed.clear()
        await watched.changed.wait()
    watched.child.stop()
    await watched.task
    assert "No such file" in str(deaths(caplog)[0]["status"])


async def test_a_stubborn_child_is_killed_after_its_grace(tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"

    async def is_deaf() -> bool:
        return deaf.exists()

    plan = Plan("stubborn", [*STUBBORN, str(deaf)], is_ready=is_deaf, grace=0.05)
    watched = Watched(plan)
    await watched.child.ready.wait()
    watched.child.stop()
    await watched.task


async def test_hurry_does_not_wait_for_the_grace(tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"

    async def is_deaf() -> bool:
        return deaf.exists()

    watched = Watched(Plan("stubborn", [*STUBBORN, str(deaf)], is_ready=is_deaf, grace=3600))
    await watched.child.ready.wait()
    watched.child.stop()
    await asyncio.sleep(0)
    watched.child.hurry()
    await watched.task


async def test_the_environment_is_added_to(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = "import os, sys; open(sys.argv[1], 'w').write(os.environ['PATH'] + os.environ['X'])"
    watched = Watched(Plan("env", [sys.executable, "-c", code, str(out)], env={"X": ":x"}))
    pid = await watched.pid()
    while watched.child.pid == pid:
        watched.changed.clear()
        await watched.changed.wait()
    watched.child.stop()
    await watched.task
    assert out.read_text() == os.environ["PATH"] + ":x"
