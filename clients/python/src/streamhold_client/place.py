"""A reader's place in a stream, over many connections. Pure.

A frame may be several events: an answer that came whole is sent in pieces. All but its last bear
the number before it, and who loses the connection among them gets all of them again. So what was
handed on under the cursor's own number is kept, and left out when it comes again.
"""


class Backwards(Exception):
    """The server began again instead of going on after the last event."""


class Place:
    """Which events are new. ``cursor`` is the number of the last one that was."""

    def __init__(self, cursor: int = 0) -> None:
        self.cursor = cursor
        self._passed: list[bytes] = []  # the events that bear the cursor's number
        self._again: list[bytes] = []  # those of them that may come again on this connection

    def resume(self) -> None:
        """What comes from here on is another connection's."""
        self._again = self._passed.copy()

    def take(self, number: int, raw: bytes) -> bool:
        """Whether an event is new; it is noted if it is.

        A lower number than the cursor's is none: a proxy may have swallowed ``Last-Event-ID``.

        Raises:
            Backwards: it contradicts what was handed on before.
        """
        if number < self.cursor:
            return False
        if number > self.cursor:
            self.cursor, self._passed, self._again = number, [], []
        elif self._again and self._comes_again(raw):
            return False
        self._passed.append(raw)
        return True

    def _comes_again(self, raw: bytes) -> bool:
        """Whether it was handed on before, under the cursor's own number.

        Such events come again in order and to the byte. The first may be missing: it was the
        last of its own frame, which is whole.
        """
        found = self._again.index(raw) if raw in self._again else None
        first = len(self._again) == len(self._passed)
        if found is None:
            if len(self._passed) > 1:
                raise Backwards
            self._again = []
            return False
        if found > (1 if first else 0):
            raise Backwards
        del self._again[: found + 1]
        return True
