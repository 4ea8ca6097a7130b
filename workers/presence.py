"""Presence: time in which the store was there, by which acknowledged frames grow old.

A host crash of the store takes the last moments of its log; what workers sent in them they send
again. Those moments are the store's: while it is away nothing is logged and nothing can be lost,
however long that is. So frames do not grow old while nothing is heard of it. When it is back the
clock steps back, and all that was kept as it went is kept for a whole term once more, for it is
now that it may have to be sent again.
"""


class Presence:
    """A clock, fed with the loop's time.

    ``silence`` is how long nothing may be heard of a store that is there, and ``back`` how far
    the clock steps back after more; in seconds.
    """

    def __init__(self, silence: float, back: float) -> None:
        self._silence = silence
        self._back = back
        self._answered: float | None = None
        self._stood = 0.0  # seconds that the clock is behind the loop's

    def answered(self, now: float) -> None:
        """The store answered something just now."""
        last, self._answered = self._answered, now
        if last is not None and now - last > self._silence:
            self._stood += now - last - self._silence + self._back

    def time(self, now: float) -> float:
        """The clock's time."""
        if self._answered is None:
            return now
        return min(now, self._answered + self._silence) - self._stood
