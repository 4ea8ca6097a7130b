"""A stream read back at once, as far as it goes, without following it."""

from typing import NamedTuple

from broker.codec import Template
from broker.frames import Frame
from broker.store import Store
from broker.tail.segment import Segment

_PAGE = 512  # entries a read


class Back(NamedTuple):
    """A stream as it was read back: its frames from the first on, and the last one's number."""

    frames: list[Frame]
    templates: dict[int, Template]
    last: int


async def read_back(store: Store, key: str) -> Back:
    """The whole of a stream.

    Raises:
        StoreAway, JobGone.
    """
    frames: list[Frame] = []
    cursor = 0
    while True:
        entries = await store.streams.read(key, cursor, _PAGE)
        for last, payload in entries.rows:
            # A page may begin within an entry: an ended stream's are put together meanwhile.
            segment = Segment.decoded(last, payload, entries.templates)
            frames += segment.after(cursor).frames
            cursor = last
        if len(entries.rows) < _PAGE:
            return Back(frames, entries.templates, max(cursor, entries.last))
