"""What clients that speak responses send beside what changes the answer."""

from broker.dialects.hints.hint import Hint

HINTS: tuple[Hint, ...] = ()
