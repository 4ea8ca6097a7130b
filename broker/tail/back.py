"""A stream read back as far as it goes, without following it: in parts, in steps."""

import asyncio
from collections.abc import AsyncGenerator
from typing import NamedTuple

from broker.codec import Template
from broker.frames import Frame
from broker.store import Store
from broker.tail.slices import slices


class Back(NamedTuple):
    """A part of a stream as it was read back: frames, its templates, the last frame's number."""

    frames: list[Frame]
    templates: dict[int, Template]
    last: int


async def pages(store: Store, key: str, after: int = 0) -> AsyncGenerator[Back, None]:
    """A stream after the cursor, from the first frame on if there is none, in bounded parts.

    What is read from the store at once is bounded in entries and bytes, and so is what comes of
    it in a page, but for a frame that is larger. A turn of the loop lies between two pages.

    Raises:
        StoreAway, JobGone.
    """
    cursor, more = after, True
    while more:
        entries = await store.streams.read(key, cursor)
        # A page may begin within an entry: an ended stream's are put together meanwhile.
        for segment in slices(entries.rows, entries.templates, cursor, entries.breaks):
            if segment is not None:
                yield Back(segment.frames, entries.templates, segment.last)
            await asyncio.sleep(0)
        cursor = entries.rows[-1][0] if entries.rows else cursor
        more = entries.more
    if entries.last > cursor:  # passed over by a break that nothing stands behind yet
        yield Back([], entries.templates, entries.last)
