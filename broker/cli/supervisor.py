"""The children of ``up``, started and stopped in order.

    start   first group ─ready─▶ second group ─ready─▶ … ─ready─▶ running
    stop    last group gone ─▶ … ─▶ first group gone

The store is the first group and the API and workers the last, so that nothing ever runs
without what it stands on, and what drains can still write. A child that dies in between is
started again by itself; its neighbours know how to wait for it. One that can't be started stops
all; if it is what the others stand on, they are not given time to drain.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence

from broker import log
from broker.cli.child import Child, Plan
from broker.errors import ConfigError, StartFailed


class Supervisor:
    """Keeps groups of children running. ``on_change`` is told of every new process id."""

    def __init__(self, groups: Sequence[Sequence[Plan]], on_change: Callable[[], None]) -> None:
        self._groups = [[Child(plan, on_change) for plan in group] for group in groups]
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stop = asyncio.Event()
        self._hurry = False
        self._failure: StartFailed | None = None

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of what runs now, by the plans' names."""
        children = (child for group in self._groups for child in group)
        return {child.plan.name: child.pid for child in children if child.pid is not None}

    def listen_for_signals(self) -> None:
        """SIGINT and SIGTERM stop; a second one hurries."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)

    def stop(self) -> None:
        """Let ``run`` end: drained when called once, at once when called again."""
        if self._stop.is_set():
            self._hurry = True
            log.warning("up.hurried")
            for group in self._groups[1:]:
                for child in group:
                    child.hurry()
            return
        log.info("up.draining")
        self._stop.set()

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Start all, call ``on_ready`` when all are ready, and stop all after ``stop``.

        Raises:
            StartFailed: a child can't be started, now or again. All others are stopped.
            ConfigError: a child refused its configuration at the start, and said why. Later it is
                started until it takes it: who edits a file may not end what runs.
        """
        children = [child for group in self._groups for child in group]
        watches = [asyncio.create_task(self._stop_if_refused(child)) for child in children]
        try:
            started = await self._start()
            for watch in watches:
                watch.cancel()
            if started:
                on_ready()
                await self._stop.wait()
        finally:
            await self._end()
        refused = [child.plan.name for child in children if child.refused.is_set()]
        if refused and not started:
            raise ConfigError(f"{', '.join(refused)} did not start with it; see above.")
        if self._failure is not None:
            raise self._failure

    async def _stop_if_refused(self, child: Child) -> None:
        await child.refused.wait()
        self._stop.set()

    async def _start(self) -> bool:
        """False if ``stop`` came first."""
        stopped = asyncio.create_task(self._stop.wait())
        for group in self._groups:
            for child in group:
                self._tasks[child.plan.name] = asyncio.create_task(self._keep(child))
            ready = asyncio.gather(*(child.ready.wait() for child in group))
            await asyncio.wait((ready, stopped), return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                ready.cancel()
                return False
        stopped.cancel()
        return True

    async def _keep(self, child: Child) -> None:
        try:
            await child.keep()
        except StartFailed as failure:
            if self._failure is None:  # the first is why all end; others may follow from it
                self._failure = failure
                self._hurry = self._hurry or child in self._groups[0]
            self._stop.set()

    async def _end(self) -> None:
        for group in reversed(self._groups):
            running = [child for child in group if child.plan.name in self._tasks]
            for child in running:
                if self._hurry:
                    child.hurry()
                child.stop()
            await asyncio.gather(*(self._tasks[child.plan.name] for child in running))
        log.info("up.stopped")
