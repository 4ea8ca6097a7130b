"""One process of ``up``: started, watched, started again when it dies, and stopped.

    start ──▶ running ──dies by itself──▶ wait (0.2 s, doubled each time, 5 s at most) ──▶ start
                 │                         │
                 │                         └──a start that failed, for good or for the fifth
                 │                            time in a row──▶ StartFailed
                 └──stop()──▶ SIGTERM ──▶ gone, or SIGKILL once its grace has passed

A child that ran for ten seconds is sound again: its next wait is the shortest. A start *failed*
if the child ended before it was ready; one whose readiness nobody asks for, if it ended by itself
within those ten seconds. What fails so again and again will not be mended by another start. A
signal speaks against a child only until it has been ready once: later somebody may be killing it.
``refused`` is set once it has refused its configuration.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from broker import log
from broker.cli.output import Output
from broker.cli.tether import tether
from broker.errors import StartFailed

FIRST_WAIT = 0.2  # seconds before a dead child is started again
LONGEST_WAIT = 5.0
SOUND_AFTER = 10.0  # seconds of life after which the wait begins at FIRST_WAIT again
MOST_FAILED = 5  # starts in a row
_CARRIED = 1.0  # seconds for the last output of a process that has ended
MISCONFIGURED = 2  # the exit status of a command whose configuration is wrong
_FIRST_PROBE = 0.01  # seconds between two looks whether a started child is ready
_LONGEST_PROBE = 0.5


@dataclass(frozen=True)
class Plan:
    """What to run, and how to treat it.

    ``is_ready`` is asked after each start until it says so. ``grace`` is how many seconds it
    may take to end after SIGTERM. ``death`` is what it gets when this process is killed:
    SIGKILL, which the design survives anywhere, unless it has something to put on disk.
    ``explain`` is asked after a failed start: what it says needs a person, None another try.
    What the process makes is private to this user.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # added to this process's own
    is_ready: Callable[[], Awaitable[bool]] | None = None
    grace: float = 10.0
    death: signal.Signals = signal.SIGKILL
    fds: tuple[int, ...] = ()  # left open in the child
    explain: Callable[[], str | None] | None = None


class Child:
    """A running plan. ``on_change`` is called whenever the process id is another."""

    def __init__(self, plan: Plan, on_change: Callable[[], None]) -> None:
        self.plan = plan
        self.ready = asyncio.Event()
        self.refused = asyncio.Event()
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()
        self._proven = False  # it has been ready once
        self._failed = 0  # starts in a row
        self._said: list[str] = []  # by the process that ended last, at its end

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def keep(self) -> None:
        """Run the plan until ``stop`` is called, and return once the process is gone.

        Raises:
            StartFailed: it can't be started.
        """
        loop = asyncio.get_running_loop()
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            started = loop.time()
            status = await self._run_once()
            was_ready = self.ready.is_set()
            self.ready.clear()
            self._on_change()
            if self._stopping.is_set():
                return
            if status == MISCONFIGURED:
                self.refused.set()
            sound = loop.time() - started >= SOUND_AFTER
            if sound:
                wait = FIRST_WAIT
            await self._count(status, failed=self._has_failed(status, was_ready, sound))
            log.warning("child.died", child=self.plan.name, status=status, restart_in=wait)
            await _first_of(wait, self._stopping)
            wait = min(wait * 2, LONGEST_WAIT)

    def stop(self) -> None:
        """Ask it to end (SIGTERM); it has ``grace`` seconds."""
        self._stopping.set()

    def hurry(self) -> None:
        """Kill it now; one that must put something on disk keeps its grace."""
        self._stopping.set()
        if self.plan.death == signal.SIGKILL:
            self._hurried.set()

    def _has_failed(self, status: int | str, was_ready: bool, sound: bool) -> bool:
        if self.plan.is_ready is None:
            return not sound and not _signalled(status)
        self._proven = self._proven or was_ready
        return not was_ready and not (self._proven and _signalled(status))

    async def _count(self, status: int | str, *, failed: bool) -> None:
        """Take note of an end. Raises StartFailed if there shall be no other start."""
        self._failed = self._failed + 1 if failed else 0
        if not failed:
            return
        explain = self.plan.explain
        found = None
        if explain is not None and not _signalled(status):  # killed: it had no say
            found = await asyncio.to_thread(explain)
        if found is None and self._failed < MOST_FAILED:
            return
        log.warning("child.given_up", child=self.plan.name, status=status, starts=self._failed)
        times = "at once" if self._failed == 1 else f"{self._failed} times in a row"
        said = "".join(f"\n  | {line}" for line in self._said)
        detail = f"{self.plan.name} ended {times}, with {status}, before it could be used."
        last = f"\nIts last lines:{said}" if said else ""
        raise StartFailed(f"{detail}{last}" + (f"\n{found}" if found else ""))

    async def _run_once(self) -> int | str:
        output = Output()
        try:
            process = await self._spawn(output.end)
        except OSError as error:
            return str(error)
        finally:
            output.start()
        self._process = process
        self._on_change()
        ends = asyncio.create_task(process.wait())
        watch = asyncio.create_task(self._watch_readiness())
        asked = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((ends, asked), return_when=asyncio.FIRST_COMPLETED)
            if not ends.done():
                await self._end(process, ends)
            return await ends
        finally:
            watch.cancel()
            asked.cancel()
            self._said = await asyncio.to_thread(output.finish, _CARRIED)

    async def _spawn(self, output: int) -> asyncio.subprocess.Process:
        # A session of its own, so that Ctrl-C in the terminal reaches `up` alone, which
        # then stops the children in the right order.
        return await asyncio.create_subprocess_exec(
            *self.plan.command,
            env={**os.environ, **self.plan.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=0o077,
            preexec_fn=tether(self.plan.death),
            pass_fds=self.plan.fds,
        )

    async def _watch_readiness(self) -> None:
        wait = _FIRST_PROBE
        while self.plan.is_ready is not None:
            if await self.plan.is_ready():
                break
            await asyncio.sleep(wait)
            wait = min(wait * 1.2, _LONGEST_PROBE)
        self.ready.set()

    async def _end(self, process: asyncio.subprocess.Process, ends: "asyncio.Task[int]") -> None:
        process.terminate()
        await _first_of(self.plan.grace, self._hurried, ends)
        if not ends.done():
            log.warning("child.killed", child=self.plan.name, hurried=self._hurried.is_set())
            process.kill()


def _signalled(status: int | str) -> bool:
    """Whether a signal ended it; a text is why it never began."""
    return isinstance(status, int) and status < 0


async def _first_of(
    seconds: float, event: asyncio.Event, ends: "asyncio.Task[int] | None" = None
) -> None:
    """Wait for the event, the end of the process, or the time to pass."""
    waits: set[asyncio.Task[object]] = {asyncio.ensure_future(event.wait())}
    await asyncio.wait(
        waits | ({ends} if ends else set()),
        timeout=seconds,
        return_when=asyncio.FIRST_COMPLETED,
    )
    for task in waits:
        task.cancel()
