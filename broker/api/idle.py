"""Idle connections: closed when their time is over, by a timer each.

hypercorn has a task wait for that, which it cancels, and waits for, before it looks at the
next request: a third of what a request costs it. It makes an ``AsyncioSingleTask`` a
connection for the purpose, in whose place an ``IdleTimer`` is put here. Where that does not
look as it should, the server keeps its own: slower, and as right.
"""

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from hypercorn.asyncio import tcp_server


class IdleTimer:
    """One connection's; ``restart`` when it becomes idle, ``stop`` when it is not any more."""

    __slots__ = ("_group", "_idle", "_server", "_timer")

    def __init__(self) -> None:
        self._group: Any = None
        self._server: Any = None
        self._idle: set[IdleTimer] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def restart(self, group: Any, action: Callable[[], Any]) -> None:
        """The connection is idle. ``action`` is the server's own wait, bound to the server."""
        self._cancel()
        server = action.__self__  # type: ignore[attr-defined]
        self._group, self._server = group, server
        if server.context.terminated.is_set():
            self._close()
            return
        self._idle = _idle_under(server.context)
        self._idle.add(self)
        seconds = server.config.keep_alive_timeout
        self._timer = asyncio.get_running_loop().call_later(seconds, self._close)

    async def stop(self) -> None:
        """It is in use, or closed."""
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._idle.discard(self)

    def _close(self) -> None:
        self._cancel()
        self._group.spawn(self._server._initiate_server_close)


_idle: WeakKeyDictionary[Any, tuple[set[IdleTimer], asyncio.Task[None]]] = WeakKeyDictionary()


def _idle_under(context: Any) -> set[IdleTimer]:
    """The idle connections of one server, which its end closes."""
    if context not in _idle:
        timers: set[IdleTimer] = set()
        _idle[context] = timers, asyncio.ensure_future(_close_at_end(context.terminated, timers))
    return _idle[context][0]


async def _close_at_end(terminated: Any, timers: set[IdleTimer]) -> None:
    await terminated.wait()
    for timer in list(timers):
        timer._close()


def use_timers() -> None:
    """For this process."""
    own = getattr(tcp_server, "AsyncioSingleTask", None)
    names = vars(tcp_server.TCPServer)
    if own is not None and "_idle_timeout" in names and "_initiate_server_close" in names:
        vars(tcp_server)["AsyncioSingleTask"] = IdleTimer
