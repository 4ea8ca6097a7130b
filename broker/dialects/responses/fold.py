"""The fold: the response that a stream's events add up to.

The event that ends a response says all of it, so the whole answer is what it says. Before
it, the fold is what was told so far: the response as its last event had it, with the items
that were begun.
"""

from collections.abc import Iterable
from typing import Any

from broker.dialects.responses.event import event_of
from broker.dialects.responses.gathered import Gathered
from broker.frames import Frame, Kind


def gather(frames: Iterable[Frame]) -> Gathered:
    """What the frames' events come to."""
    gathered = Gathered()
    for frame in frames:
        if frame.kind == Kind.DIALECT:
            event = event_of(frame)
            if event is not None:
                gathered.feed(event)
        elif frame.kind == Kind.WHOLE:
            gathered.feed({"type": "response.completed", "response": event_of(frame)})
    return gathered


def fold(frames: Iterable[Frame]) -> dict[str, Any]:
    """The response, as far as the frames tell of it; empty if they don't."""
    gathered = gather(frames)
    if gathered.end is not None or not (gathered.life or gathered.said):
        return gathered.life
    return {**gathered.life, "output": gathered.output}
