"""What a child of ``up`` prints: passed on line by line, the last lines kept.

A thread of its own carries it, so that a terminal that stands still holds up neither the children's
supervision nor, once it is gone, the children. stdout belongs to programs that read ``up``, so both
streams of a child go to stderr.
"""

import os
import threading
from collections import deque
from contextlib import suppress

_KEPT = 12  # lines
_CHUNK = 65536  # bytes
_STDERR = 2
_turn = threading.Lock()  # children's lines must not cut each other


class Output:
    """The output of one process. ``end`` is the descriptor to give it; close it after the fork."""

    def __init__(self) -> None:
        self._source, self.end = os.pipe()
        self._lines: deque[bytes] = deque(maxlen=_KEPT)
        self._thread = threading.Thread(target=self._carry, name="output", daemon=True)

    def start(self) -> None:
        """Begin to carry: the process has the descriptor, or will never have it."""
        os.close(self.end)
        self._thread.start()

    def finish(self, seconds: float) -> list[str]:
        """The last lines, once all is carried; a grandchild may keep the pipe for longer."""
        self._thread.join(seconds)
        return [line.decode(errors="replace") for line in list(self._lines)]

    def _carry(self) -> None:
        rest = b""
        with open(self._source, "rb", buffering=0) as source:
            while chunk := source.read(_CHUNK):
                whole, _, rest = (rest + chunk).rpartition(b"\n")
                if whole:
                    self._pass(whole)
        if rest:
            self._pass(rest)

    def _pass(self, lines: bytes) -> None:
        self._lines.extend(line for line in lines.split(b"\n")[-_KEPT:] if line.strip())
        data = memoryview(lines + b"\n")
        with _turn, suppress(OSError):  # nobody reads stderr: go on, or the child would stand still
            while data:
                data = data[os.write(_STDERR, data) :]
