"""A whole answer put together while its stream comes in, and made into JSON at the end.

Frames are folded as they are read, a slice a turn of the loop (``broker.tail.turns``). What is
left for the end is the making of one JSON text. If that is large it is made in a thread, one at
a time: where it is Python's own work, the interpreter goes on with the loop in between.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from broker.decoding import size_of
from broker.dialects.dialect import Dialect
from broker.frames import Frame

_LARGE = 256 * 1024  # bytes of frames

_finisher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="answers")


class Folding:
    """One answer's fold."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.clear()

    def clear(self) -> None:
        """Forget what was taken: the store lost it, and other frames come in its place."""
        self._fold = self._dialect.folding()
        self._size = 0
        self.begun = False  # whether anything was taken

    def feed(self, frames: list[Frame]) -> None:
        """Take the next frames."""
        self._size += size_of(frames)
        self.begun = True
        self._fold.feed(frames)

    async def encoded(self) -> bytes:
        """The answer as JSON."""
        return await self._made(self._fold.encoded)

    async def shown(self, show: Callable[[dict[str, Any]], bytes]) -> bytes:
        """What ``show`` makes of the answer."""
        return await self._made(lambda: show(self._fold.answer()))

    async def _made(self, make: Callable[[], bytes]) -> bytes:
        if self._size < _LARGE:
            return make()
        return await asyncio.get_running_loop().run_in_executor(_finisher, make)
