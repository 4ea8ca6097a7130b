"""The stand-in: a thread that says what a process's loop is too busy to say.

Leases are renewed and readers reported by the event loop, which also decodes, translates and
folds. While something holds it, neither is said, and others take the process for dead: its jobs
are rescued, its readers' jobs cancelled. So a thread looks at when the loop said it last, and
while that is overdue says it itself, over a connection of its own, which is made when it is first
needed. While the loop is punctual the thread does nothing.

    loop:    said ─ said ─ said ─────────── held ───────────── said ─
    thread:                       said ── said ── said

A stuck process differs from a busy one by time. Once the loop has said nothing
for ``stuck`` seconds the thread says nothing either; the leases run out and the jobs are rescued.
A process that is stopped (SIGSTOP) or cut off says nothing at all, for its threads stop with it.

The thread only sends. What the store answers (that a lease is lost) the loop learns by its own
renewal, once it is free. Nor does it say that the worker is there for further jobs: see renew.lua.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from redis.exceptions import NoScriptError, RedisError

from broker import log
from broker.store.scripts import digest_of, source
from broker.turns import Turns

Order = tuple[str, str, Sequence[str | bytes | int]]  # a script, the prefix, its arguments

_LATE = 1.5  # times the usual pause after which the loop is late
_LOOKS = 4  # a pause
_LEAST = 0.05  # seconds between two looks
_JOIN = 5.0  # seconds that the thread may take to end


class Client(Protocol):
    """A connection that blocks."""

    def execute_command(self, *args: Any) -> Any: ...

    def close(self) -> None: ...


class StandIn:
    """Of one duty of one process, which its loop has every ``every`` seconds.

    ``orders`` gives what to send now; it is called in the thread, while the loop may be in
    the middle of anything. Without ``connect`` (a store that is no server) nobody stands in.
    ``epoch`` is that of the process's connections (``store.failover``): ours is of the same.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Client] | None,
        turns: Turns,
        orders: Callable[[], Sequence[Order]],
        *,
        every: float,
        stuck: float,
        epoch: Callable[[], int] = lambda: 0,
    ) -> None:
        self.times = 0  # that it has stood in
        self._name = name
        self._connect = connect
        self._turns = turns
        self._orders = orders
        self._late = max(_LATE * every, 2 * _LEAST)
        self._pause = max(every / _LOOKS, _LEAST)
        self._stuck = stuck
        self._said = self._stood = time.monotonic()
        self._given_up = False
        self._away = False
        self._client: Client | None = None
        self._epoch = epoch
        self._connected_in = 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """From now on the loop is expected to say it."""
        self.said()
        if self._connect is not None and self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def said(self) -> None:
        """The loop has said it."""
        self._said = time.monotonic()

    async def close(self) -> None:
        """Stand in no more."""
        self._over.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join, _JOIN)

    # ── In the thread ───────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            try:
                self.look(time.monotonic())
            except Exception:  # noqa: BLE001 - the thread's boundary: without it nobody stands in
                log.exception(f"{self._name}.defect")
        self._drop()

    def look(self, now: float) -> None:
        """Stand in, if the loop is late and not stuck. ``now`` is of ``time.monotonic``."""
        silent = now - self._said
        if silent < self._late:
            self._given_up = self._away = False
        elif silent >= self._stuck:
            self._give_up(now)
        elif now - self._stood >= self._late:
            self._stood = now
            self._turns.see()
            self._say()

    def _give_up(self, now: float) -> None:
        """Log it, once, where it is the loop that is stuck, and not the store that is away."""
        if not self._given_up and now - self._turns.last >= self._stuck:
            self._given_up = True
            log.warning(f"{self._name}.stuck", seconds=round(now - self._turns.last, 1))

    def _say(self) -> None:
        orders = self._orders()
        if not orders or self._connect is None:
            return
        epoch = self._epoch()
        if epoch != self._connected_in:
            self._drop()
        try:
            if self._client is None:
                self._client, self._connected_in = self._connect(), epoch
            for script, prefix, args in orders:
                _run_script(self._client, script, prefix, args)
        except (RedisError, OSError) as error:
            self._drop()
            if not self._away:
                self._away = True
                log.warning(f"{self._name}.stand_in_away", reason=type(error).__name__)
        else:
            self.times += 1

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _run_script(client: Client, name: str, prefix: str, args: Sequence[str | bytes | int]) -> None:
    try:
        client.execute_command("EVALSHA", digest_of(name), 1, prefix, *args)
    except NoScriptError:
        client.execute_command("EVAL", source(name), 1, prefix, *args)
