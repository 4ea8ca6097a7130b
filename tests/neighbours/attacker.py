"""``python -m tests.neighbours.attacker FOLDER``: the hostile accounts, a process of its own.

It carries out the plan's assaults, each within its bounds, and yields to everyone (``nice``).
When an assault's time is over its connections are closed, whatever they are at.
"""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop

from broker.process import raise_file_limit
from tests.neighbours.attacks.kinds import KINDS, strikes_of
from tests.neighbours.history import Assaulted, Fault, History, open_history
from tests.neighbours.orders import Orders, read_orders, sleep_until
from tests.neighbours.plan import Assault, make_plan
from tests.neighbours.scene import YIELDING
from tests.neighbours.wire import Striking


class Attack:
    """One assault, as it goes."""

    def __init__(self, orders: Orders, assault: Assault, history: History) -> None:
        self._history = history
        self._orders = orders
        self._assault = assault
        self._kind = KINDS[assault.kind]
        self._strikes = strikes_of(assault.kind, orders.seed, assault.number)
        self._doors = random.Random(f"doors {orders.seed} {assault.number}")
        self._turns = asyncio.Semaphore(self._kind.at_once)
        self._running: set[asyncio.Task[None]] = set()
        self._outcomes: Counter[str] = Counter()
        self._begun = 0

    async def carry_out(self) -> None:
        """From its time on, for its seconds."""
        await sleep_until(self._orders.attacks_from + self._assault.at)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._assault.seconds):
                await self._strike_on()
        except TimeoutError:
            await self._stop()
        self._history.add(
            Assaulted(
                number=self._assault.number,
                kind=self._assault.kind,
                begun=begun,
                ended=time.monotonic(),
                strikes=self._begun,
                outcomes=dict(self._outcomes),
            )
        )

    async def _strike_on(self) -> None:
        for strike in self._strikes:
            await self._turns.acquire()
            striking = Striking(strike, self._doors.choice(self._orders.urls))
            task = asyncio.ensure_future(self._carry_out(striking))
            self._running.add(task)
            task.add_done_callback(self._on_done)
            self._begun += 1
            await asyncio.sleep(self._kind.every)

    async def _carry_out(self, striking: Striking) -> None:
        try:
            await striking.carry_out()
        except asyncio.CancelledError:
            self._outcomes["stopped"] += 1
            raise
        finally:
            self._outcomes.update(striking.outcomes)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._turns.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            text = f"{self._assault.kind}: {type(error).__name__} {error}"
            self._history.add(Fault(what="harness", text=text))

    async def _stop(self) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running))


async def _main(folder: Path) -> None:
    orders = read_orders(folder)
    history = open_history(folder, "attacker")
    plan = make_plan(orders.seed, orders.minutes, orders.only)
    async with asyncio.TaskGroup() as group:
        for assault in plan.assaults:
            group.create_task(Attack(orders, assault, history).carry_out())


if __name__ == "__main__":
    os.nice(YIELDING)
    raise_file_limit()
    uvloop.run(_main(Path(sys.argv[1])))
