"""A stream read back as far as it goes, without following it: page by page, in steps.

A stream may hold more than fits into memory, or into a turn of the loop. So it is read in pages
that are bounded in entries and bytes, and given in steps that are bounded in frames and bytes:
the loop turns between two of them. Whoever reads keeps of a step what it needs.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import NamedTuple

from broker.codec import Template
from broker.frames import Frame
from broker.store import Store
from broker.tail.segment import Segment

_PAGE = 512  # entries a read at most
_FIRST_PAGE = 16  # entries of the first read: nobody knows yet how large they are
_PAGE_BYTES = 512 * 1024  # that a read should bring; a single entry may be larger
_STEP = 256  # frames at most between two turns of the loop: two milliseconds to who decodes them
_STEP_BYTES = 128 * 1024  # likewise; a single frame may be larger


class Back(NamedTuple):
    """A part of a stream, as it was read back: its frames, and the last one's number.

    ``templates`` are at least those of the stream up to here.
    """

    frames: list[Frame]
    templates: dict[int, Template]
    last: int


async def pages(store: Store, key: str, after: int = 0) -> AsyncGenerator[Back, None]:
    """The stream after the cursor, in order, as far as it goes; each part has a frame.

    Raises:
        StoreAway, JobGone, JobNotFound: by then what was given still stands.
    """
    cursor, count = after, min(_FIRST_PAGE, _PAGE)
    while True:
        entries = await store.streams.read(key, cursor, count)
        size = 0
        for last, payload in entries.rows:
            size += len(payload)
            # A page may begin within an entry: an ended stream's are put together meanwhile.
            frames = Segment.decoded(last, payload, entries.templates).after(cursor).frames
            for step in _steps(frames):
                cursor += len(step)
                yield Back(step, entries.templates, cursor)
                await asyncio.sleep(0)
            cursor = last
        if len(entries.rows) < count:
            return
        count = max(1, min(_PAGE, count * _PAGE_BYTES // max(1, size)))


def _steps(frames: list[Frame]) -> list[list[Frame]]:
    """The frames, cut into what may be worked on in one turn."""
    found: list[list[Frame]] = []
    begin = size = 0
    for place, frame in enumerate(frames):
        length = len(frame.body)
        if place > begin and (place - begin >= _STEP or size + length > _STEP_BYTES):
            found.append(frames[begin:place])
            begin, size = place, 0
        size += length
    if begin < len(frames):
        found.append(frames[begin:])
    return found


async def read_back(store: Store, key: str) -> Back:
    """The whole of a stream, for one that is known to be short.

    Raises:
        StoreAway, JobGone, JobNotFound.
    """
    frames: list[Frame] = []
    templates: dict[int, Template] = {}
    cursor = 0
    async for page in pages(store, key):
        frames += page.frames
        templates, cursor = page.templates, page.last
    return Back(frames, templates, cursor)
