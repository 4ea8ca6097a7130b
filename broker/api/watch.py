"""The deadline of a connection: one timer, whatever state the connection is in.

    state      begins with                              lasts at most
    waiting    the connection, or the end of an answer  ``head_timeout``, later ``keep_alive``
    head       the first bytes of a request             ``head_timeout``, then 408
    body       a head whose body is still to come       ``body_timeout``, and a second more for
                                                        each ``body_rate`` bytes, then 408
    answer     a whole request                          what its endpoint takes
    sending    bytes that the client doesn't take       ``send_timeout`` and ``ping`` without
                                                        progress, then it is cut off
    closing    the last bytes, or a refusal             ``LINGER``, then it is cut off

The timer is set anew only where a state ends before it would ring: a request that comes in whole
costs no timer at all. Time in which the application doesn't take a body isn't the client's, and
a loop that was busy at the end of a state gives it another second: what the client has sent may
not have been read.
"""

import asyncio
import math
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Protocol

from broker.api.crowd import Crowd, Waiting

LINGER = 5.0  # seconds for a client to take what was sent last, and to stop sending
_SHORT = 0.5  # the same when the server ends
_AGAIN = 1.0  # seconds until a state is looked at again that isn't the client's fault
_BUSY = 0.2  # seconds that a timer may ring late; beyond, the loop has read nothing for so long


class State(Enum):
    WAITING = auto()
    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    SENDING = auto()
    CLOSING = auto()
    OVER = auto()


class Times(Protocol):
    """What a server's configuration says, in seconds; ``body_rate`` in bytes a second."""

    head_timeout: float
    body_timeout: float
    body_rate: float
    send_timeout: float
    keep_alive_timeout: float
    crowd: Crowd
    cut: Callable[[str], None]  # counts a connection that was ended, by its reason


class Watched(Waiting, Protocol):
    """The connection, as its deadline sees it."""

    def late_head(self) -> None:
        """A request's head is not there: refuse it."""

    def late_body(self) -> bool:
        """A body is not there: refuse the request. False if it isn't waited for any more."""

    @property
    def unsent(self) -> int:
        """Bytes that the client has still to take."""


class Watch:
    """One connection's. ``end`` lets go of it."""

    __slots__ = (
        "_at",
        "_due",
        "_got",
        "_loop",
        "_of",
        "_since",
        "_size",
        "_spared",
        "_taking",
        "_timer",
        "_times",
        "state",
    )

    def __init__(self, of: Watched, times: Times, loop: asyncio.AbstractEventLoop) -> None:
        self.state = State.ANSWER
        self._of: Watched | None = of
        self._times = times
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._at = math.inf  # when the timer rings
        self._due = math.inf  # when the state is over
        self._since = 0.0  # when the body began, less the time that the application took for it
        self._got = 0  # bytes of the body since then
        self._taking = False
        self._spared = False
        self._size = 0  # bytes unsent when they were looked at last

    async def restart(self, group: Any, action: Any) -> None:
        """The server's word for: the connection is there. It goes before everything else."""

    async def stop(self) -> None:
        """The server's word for: the connection is closed."""

    # ── States ───────────────────────────────────────────────────────────────────────────

    def waits(self, seconds: float) -> None:
        """The next request may come."""
        crowd, of = self._times.crowd, self._of
        if of is None:
            return
        self._enter(State.WAITING, seconds)
        if crowd.ended:
            of.close_idle()
        else:
            crowd.waiting[of] = None

    def head(self) -> None:
        """Some of a request's head has come in."""
        if self.state is State.WAITING:
            self._enter(State.HEAD, self._times.head_timeout)

    def body(self) -> None:
        """Some of a request's body has still to come in."""
        if self.state is not State.BODY:
            self._since, self._got = self._loop.time(), 0
            self._enter(State.BODY, self._times.body_timeout)

    async def take(self, size: int, taken: Any) -> None:
        """Wait until the application has taken so much of a body."""
        began, self._taking = self._loop.time(), True
        try:
            await taken
        finally:
            self._taking = False
            self._got += size
            self._since += self._loop.time() - began

    def answers(self) -> None:
        """The request is whole; or it is answered, whole or not."""
        if self.state in (State.WAITING, State.HEAD):
            self._leave()
        if self.state is not State.CLOSING:
            self.state, self._due = State.ANSWER, math.inf

    def sends(self, size: int) -> None:
        """So many bytes have still to be taken by the client, who is waited for."""
        if self.state is not State.CLOSING:
            self._size = size
            self._enter(State.SENDING, self._times.send_timeout)

    def sent(self) -> None:
        """The client has taken enough."""
        if self.state is State.SENDING:
            self.answers()

    def closes(self) -> None:
        """What was sent is the last."""
        self._leave()
        if self.state is not State.CLOSING:
            self._enter(State.CLOSING, _SHORT if self._times.crowd.ended else LINGER)

    def end(self) -> None:
        """The connection is closed, or somebody else's."""
        self._leave()
        self.state, self._of, self._at = State.OVER, None, math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ── The timer ────────────────────────────────────────────────────────────────────────

    def _leave(self) -> None:
        """It does not wait for a request."""
        if self._of is not None:
            self._times.crowd.waiting.pop(self._of, None)

    def _enter(self, state: State, seconds: float) -> None:
        if self.state is not State.OVER:
            self.state, self._spared = state, False
            self._set(self._loop.time() + seconds)

    def _set(self, due: float) -> None:
        self._due = due
        if due < self._at:
            if self._timer is not None:
                self._timer.cancel()
            self._at = due
            self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer, self._at = None, math.inf
        if self._due == math.inf:
            return
        late = self._loop.time() - self._due
        if late < 0:
            self._set(self._due)
        elif late > _BUSY and not self._spared:
            self._spared = True
            self._set(self._due + late + _AGAIN)
        else:
            self._expire()

    def _expire(self) -> None:
        of, state = self._of, self.state
        self._due = math.inf
        assert of is not None  # else there would be no timer
        if state is State.WAITING:
            of.close_idle()
        elif state is State.HEAD:
            self._times.cut("head")
            of.late_head()
        elif state is State.BODY:
            self._look_at_body(of)
        elif state is State.SENDING and of.unsent < self._size:
            self.sends(of.unsent)
        else:
            if of.unsent:  # else it is a client that went on sending, refused as it was
                self._times.cut("stalled")
            of.abort()

    def _look_at_body(self, of: Watched) -> None:
        now = self._loop.time()
        due = self._since + self._times.body_timeout + self._got / self._times.body_rate
        if self._taking:
            self._set(now + _AGAIN)
        elif now < due:
            self._set(due)
        elif of.late_body():
            self._times.cut("body")
