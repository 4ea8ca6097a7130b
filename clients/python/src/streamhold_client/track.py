"""A stream's place over all of its connections. Pure.

It lets every event through once and whole: what a cut left unfinished is dropped, and what a
connection brings again is dropped too: ``place`` says when that is so.

It never stands in the way. Bytes that are not Streamhold's (an event without a number for its
id, an event larger than ``MAX_EVENT``) make it **transparent** for good: from there on all
goes through as it comes, and a cut is the reader's own affair, as it would be without us.
"""

from streamhold_client.place import Place
from streamhold_client.sse import Block, Splitter
from streamhold_client.surface import Ends

MAX_EVENT = 64 * 1024 * 1024  # bytes held back at most; a server's whole body is half of this


class Track:
    """What came, how far, and whether it is the end."""

    def __init__(self, ends: Ends, cursor: int = 0, max_event: int = MAX_EVENT) -> None:
        self.ended = False
        self.transparent = False
        self.retry: float | None = None  # seconds that the server asked to wait before the next
        self._place = Place(cursor)
        self._ends = ends
        self._max_event = max_event
        self._splitter = Splitter()

    @property
    def cursor(self) -> int:
        """After which event to go on."""
        return self._place.cursor

    def feed(self, data: bytes) -> list[Block]:
        """The blocks to hand on now.

        Raises:
            Backwards: what comes is not the rest of what came.
        """
        if self.transparent or self.ended:
            return [Block(data)]
        passed: list[Block] = []
        for block in self._splitter.feed(data):
            if self.transparent or self.ended or not block.fields or self._advances(block):
                passed.append(block)
        if self._splitter.size > self._max_event:
            self.transparent = True
        if self.transparent or self.ended:
            passed.append(Block(self._splitter.drain()))
        return passed

    def cut(self) -> None:
        """The connection is lost: forget the event that had only begun."""
        self._splitter.drain()
        self._place.resume()

    def _advances(self, block: Block) -> bool:
        """Note an event; whether to hand it on."""
        if block.retry is not None:
            self.retry = block.retry
        number = block.id or ""
        if not (number.isascii() and number.isdigit() and len(number) < 20):
            self.transparent = True
            return True
        if block.event == "retry" or not self._place.take(int(number), block.raw):
            return False
        self.ended = self._ends(block)
        return True
