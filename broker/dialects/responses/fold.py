"""The fold: the response that a stream's events add up to.

The event that ends a response says all of it, so the whole answer is what it says; but where it
has no output, that is what was told. Before it, the fold is what was told so far: the response as
its last event had it, with the items that were begun.
"""

from collections.abc import Iterable
from typing import Any

from broker.dialects.fold import Fold
from broker.dialects.responses.gathered import Gathered
from broker.frames import Frame, Kind


class ResponsesFold(Fold):
    """The events of a response so far."""

    kinds = frozenset((int(Kind.DIALECT),))

    def __init__(self) -> None:
        super().__init__()
        self._gathered = Gathered()

    def take(self, event: dict[str, Any]) -> None:
        """Take one event."""
        self._gathered.feed(event)

    def folded(self) -> dict[str, Any]:
        """The response, as far as they tell of it; empty if they don't."""
        gathered = self._gathered
        if not (gathered.life or gathered.said):
            return gathered.life
        output = gathered.output
        if gathered.end is not None and (gathered.life.get("output") or not output):
            return gathered.life
        return {**gathered.life, "output": output}


def fold(frames: Iterable[Frame]) -> dict[str, Any]:
    """The response, as far as the frames tell of it; empty if they don't."""
    gathered = ResponsesFold()
    gathered.feed(frames)
    return gathered.answer()
