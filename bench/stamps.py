"""The times that tokens carry: when the simulator wrote each, beside when it was read.

With ``clock=1`` the content of every chunk is the simulator's monotonic clock in microseconds,
which on one machine is the clock that this process reads.
"""

import re

_STAMP = re.compile(rb'"content":"(\d{16})"')
_LONGEST = 28  # bytes of one, less one: so much of a read's end may begin another


class Stamps:
    """Seconds from write to read of every token of one body, over any split of it."""

    __slots__ = ("_rest", "delays")

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._rest = b""

    def feed(self, data: bytes, now: float) -> None:
        """Take in what was read at ``now``, a time of ``perf_counter``."""
        data = self._rest + data
        end = 0
        for found in _STAMP.finditer(data):
            self.delays.append(now - int(found[1]) / 1e6)
            end = found.end()
        self._rest = data[max(end, len(data) - _LONGEST) :]
