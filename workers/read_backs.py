"""Read-backs: where an answer stands, found in its stream, in steps and by few jobs at once.

An answer that was lost is gone on with from its own stream, and what it cost is estimated from
it where its provider never said. A stream may be of any length. So it is read page by page, the
loop turns between two steps of it (``broker.tail.back``), what is kept is texts and lengths
(``dialect.Transcript``), and a worker reads a few streams at a time: the others wait. Short ones
don't wait for long ones.
"""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import NamedTuple

from broker.codec import Template
from broker.dialects.dialect import Dialect, Transcript
from broker.store import Store
from broker.tail.back import pages
from workers.attaching import Stand

_LONG = 4096  # frames; what is shorter is read in some ten steps
_MOST_LONG, _MOST_SHORT = 2, 4  # at once: a turn of the loop has a step of each


class Found(NamedTuple):
    """What a stream says of its answer; ``last`` is the number of its last frame."""

    transcript: Transcript
    stand: Stand
    templates: Mapping[int, Template]
    last: int


class ReadBacks:
    """Of one worker."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._long = asyncio.Semaphore(_MOST_LONG)
        self._short = asyncio.Semaphore(_MOST_SHORT)

    def takes_long(self, length: int) -> bool:
        """Whether a stream of so many frames is a long one."""
        return length > _LONG

    async def read(
        self, key: str, dialect: Dialect, length: int, until: int | None = None
    ) -> Found:
        """Read a stream of about ``length`` frames; only ``until`` of them, if given.

        Raises:
            StoreAway, JobGone, JobNotFound.
        """
        async with self._long if self.takes_long(length) else self._short:
            return await self._read(key, dialect, until)

    async def _read(self, key: str, dialect: Dialect, until: int | None) -> Found:
        transcript, stand, last = dialect.transcript(), Stand(), 0
        templates: Mapping[int, Template] = {}
        async with aclosing(pages(self._store, key)) as parts:
            async for part in parts:
                frames, templates = part.frames, part.templates
                last = part.last
                if until is not None and stand.count + len(frames) > until:
                    last -= stand.count + len(frames) - until
                    frames = frames[: until - stand.count]
                transcript.take(frames)
                stand.take(frames)
                if until is not None and stand.count >= until:
                    break
        return Found(transcript, stand, templates, last)
