"""A deadline over a stretch of one task: ``asyncio.timeout_at`` for a third of its price.

That asks for the running loop and its task over and over, of which Python 3.11 makes a system
call each, between a job's claim and its request. What it promises holds here too: the task is
cancelled once, at the deadline; that cancellation alone becomes a TimeoutError, and one that
came from elsewhere meanwhile stays one.
"""

import asyncio
from types import TracebackType


class Deadline:
    """A context manager, entered when it is made; ``when`` is of the loop's clock."""

    __slots__ = ("_cancelling", "_loop", "_task", "_timer", "expired")

    def __init__(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        task = asyncio.current_task(loop)
        assert task is not None
        self.expired = False
        self._loop = loop
        self._task = task
        self._cancelling = task.cancelling()
        self._timer = loop.call_at(when, self._expire)

    def move(self, when: float) -> None:
        """It is then instead, unless it has passed."""
        if not self.expired:
            self._timer.cancel()
            self._timer = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        self.expired = True
        self._task.cancel()

    def __enter__(self) -> "Deadline":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if not self.expired:
            return
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
