"""One process of ``up``: started, watched, started again when it dies, and stopped.

    start ──▶ running ──dies by itself──▶ wait (0.2 s, doubled each time, 5 s at most) ──▶ start
                 │
                 └──stop()──▶ SIGTERM ──▶ gone, or SIGKILL once its grace has passed

A child that ran for ten seconds is sound again: its next wait is the shortest. ``refused`` is set
once it has refused its configuration.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from broker import log
from broker.cli.tether import tether

FIRST_WAIT = 0.2  # seconds before a dead child is started again
LONGEST_WAIT = 5.0
SOUND_AFTER = 10.0  # seconds of life after which the wait begins at FIRST_WAIT again
MISCONFIGURED = 2  # the exit status of a command whose configuration is wrong
_FIRST_PROBE = 0.01  # seconds between two looks whether a started child is ready
_LONGEST_PROBE = 0.5


@dataclass(frozen=True)
class Plan:
    """What to run, and how to treat it.

    ``is_ready`` is asked after each start until it says so. ``grace`` is how many seconds it
    may take to end after SIGTERM. ``death`` is what it gets when this process is killed:
    SIGKILL, which the design survives anywhere, unless it has something to put on disk.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # added to this process's own
    is_ready: Callable[[], Awaitable[bool]] | None = None
    grace: float = 10.0
    death: signal.Signals = signal.SIGKILL
    fds: tuple[int, ...] = ()  # left open in the child


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

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def keep(self) -> None:
        """Run the plan until ``stop`` is called, and return once the process is gone."""
        loop = asyncio.get_running_loop()
        wait = FIRST_WAIT
        while not self._stopping.is_set():
            started = loop.time()
            status = await self._run_once()
            self.ready.clear()
            self._on_change()
            if self._stopping.is_set():
                return
            if status == MISCONFIGURED:
                self.refused.set()
            if loop.time() - started >= SOUND_AFTER:
                wait = FIRST_WAIT
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

    async def _run_once(self) -> int | str:
        try:
            process = await self._spawn()
        except OSError as error:
            return str(error)
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

    async def _spawn(self) -> asyncio.subprocess.Process:
        # A session of its own, so that Ctrl-C in the terminal reaches `up` alone, which
        # then stops the children in the right order. stdout is ours to be read by programs.
        return await asyncio.create_subprocess_exec(
            *self.plan.command,
            env={**os.environ, **self.plan.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
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
