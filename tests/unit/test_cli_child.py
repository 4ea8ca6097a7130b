"""One child: started again when it dies, stopped within its grace, heard of at each change."""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from broker.cli import child as module
from broker.cli.child import MOST_FAILED, Child, Plan
from broker.errors import StartFailed

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


def failing(text: str, status: int = 3, **more: Any) -> Plan:
    """Says something, and ends."""
    code = f"import sys; print({text!r}); sys.exit({status})"
    return Plan("failing", [sys.executable, "-I", "-S", "-c", code], **more)


async def never_ready() -> bool:
    return False


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("is_ready", [never_ready, None])
async def test_what_never_starts_is_given_up(
    caplog: pytest.LogCaptureFixture, is_ready: Any
) -> None:
    watched = Watched(failing("the port is taken", is_ready=is_ready))
    with pytest.raises(StartFailed) as caught:
        await watched.task
    assert "failing ended 5 times in a row, with 3," in caught.value.message
    assert caught.value.message.endswith("Its last lines:\n  | the port is taken")
    assert len(deaths(caplog)) == MOST_FAILED - 1
    assert watched.child.pid is None


@pytest.mark.usefixtures("quick")
async def test_a_program_that_is_missing_is_given_up() -> None:
    watched = Watched(Plan("none", ["/does/not/exist"]))
    with pytest.raises(StartFailed, match="No such file"):
        await watched.task


@pytest.mark.usefixtures("quick")
async def test_a_start_that_worked_begins_the_count_anew(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """It is ready at every fourth start, and ends all the same."""
    lives, works = tmp_path / "lives", tmp_path / "works"
    code = (
        "import os, sys, time; lives = open(sys.argv[1], 'a'); lives.write('.');"
        "number = lives.tell(); lives.close(); number % 4 and sys.exit(1);"
        "open(sys.argv[2], 'w').write(str(os.getpid())); time.sleep(60)"
    )

    async def is_ready() -> bool:
        return works.exists() and works.read_text() == str(watched.child.pid)

    command = [sys.executable, "-I", "-S", "-c", code, str(lives), str(works)]
    watched = Watched(Plan("at-last", command, is_ready=is_ready))
    for _ in range(2):
        await watched.child.ready.wait()
        os.kill(await watched.pid(), signal.SIGKILL)
        while watched.child.ready.is_set():
            watched.changed.clear()
            await watched.changed.wait()
    watched.child.stop()
    await watched.task
    assert [death["status"] for death in deaths(caplog)][:7] == [1, 1, 1, -9, 1, 1, 1]


@pytest.mark.usefixtures("quick")
async def test_kills_from_outside_are_no_failed_starts(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(Plan("sleeper", SLEEPER))
    pid = None
    for _ in range(MOST_FAILED + 2):
        pid = await watched.pid(other_than=pid)
        os.kill(pid, signal.SIGKILL)
    await watched.pid(other_than=pid)
    watched.child.stop()
    await watched.task
    assert len(deaths(caplog)) == MOST_FAILED + 2


@pytest.mark.usefixtures("quick")
async def test_nor_are_kills_of_a_child_that_has_worked(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Somebody kills it, each time before it is ready again."""
    ready = tmp_path / "ready"
    ready.touch()

    async def is_ready() -> bool:
        return ready.exists()

    watched = Watched(Plan("sleeper", SLEEPER, is_ready=is_ready))
    await watched.child.ready.wait()
    ready.unlink()
    pid = None
    for _ in range(MOST_FAILED + 2):
        pid = await watched.pid(other_than=pid)
        os.kill(pid, signal.SIGKILL)
    await watched.pid(other_than=pid)
    watched.child.stop()
    await watched.task
    assert len(deaths(caplog)) == MOST_FAILED + 2


@pytest.mark.usefixtures("quick")
async def test_what_is_killed_before_it_ever_worked_is_given_up() -> None:
    """As by the kernel, for the memory that it takes."""
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    plan = Plan("hungry", [sys.executable, "-I", "-S", "-c", code], is_ready=never_ready)
    with pytest.raises(StartFailed, match="5 times in a row, with -9"):
        await Watched(plan).task


@pytest.mark.usefixtures("quick")
async def test_what_a_person_must_mend_is_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    plan = failing("can't read", is_ready=never_ready, explain=lambda: "The disk is broken.")
    with pytest.raises(StartFailed, match="ended at once, with 3") as caught:
        await Watched(plan).task
    assert caught.value.message.endswith("  | can't read\nThe disk is broken.")
    assert deaths(caplog) == []


@pytest.mark.usefixtures("quick")
async def test_what_it_makes_is_private(tmp_path: Path) -> None:
    made = tmp_path / "made"
    code = "import os, sys; os.mkdir(sys.argv[1]); open(sys.argv[1] + '/file', 'w').close()"
    plan = Plan("maker", [sys.executable, "-I", "-S", "-c", code, str(made)], is_ready=never_ready)
    with pytest.raises(StartFailed):
        await Watched(plan).task
    assert [path.stat().st_mode & 0o777 for path in (made, made / "file")] == [0o700, 0o600]


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
