"""Order among tool calls that a provider streams interleaved.

Messages and responses have one part after another, each ended before the next; chat has no
end of a call at all. A call has ended once its arguments are the JSON of a whole object, for
nothing can follow that. While a call goes on, what comes for later parts waits for its end,
at the latest the answer's. So the usual calls, one after the other, pass as they come.
"""

import json

from broker.dialects.neutral.event import (
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    Start,
    Stop,
)
from broker.dialects.neutral.usage import Usage


class Garbled(ValueError):
    """A part of the answer went on after its end."""


class Sequence:
    """Lets neutral events through so that the deltas of a call follow its start, unbroken."""

    def __init__(self) -> None:
        self._current: int | None = None  # the call that is let through
        self._arguments: list[str] = []  # of it
        self._waiting: list[Event] = []
        self._started: set[int] = set()

    def feed(self, event: Event) -> list[Event]:
        """The events whose turn it is, in order.

        Raises:
            Garbled: more arguments of a call that had ended.
        """
        match event:
            case Start() | Usage() | Failed():
                return [event]
            case Stop():
                return [*self._release(), event]
            case ArgumentsDelta() if event.index == self._current:
                self._arguments.append(event.text)
                return [event, *self._proceed()] if self._waiting else [event]
        if self._waiting or not self._ended():
            self._waiting.append(event)
            return []
        return self._begin(event)

    def _begin(self, event: Event) -> list[Event]:
        if isinstance(event, ArgumentsDelta):
            if event.index not in self._started or not event.text.isspace():
                raise Garbled
            return []
        self._current = None
        if isinstance(event, CallStart):
            self._current, self._arguments = event.index, []
            self._started.add(event.index)
        return [event]

    def _ended(self) -> bool:
        if self._current is None:
            return True
        text = "".join(self._arguments)
        self._arguments = [text]
        if not text.rstrip().endswith("}"):
            return False
        try:
            json.loads(text)
        except ValueError:
            return False
        return True

    def _proceed(self) -> list[Event]:
        """What waited, as far as it may go on now."""
        if not self._ended():
            return []
        waiting, self._waiting = self._waiting, []
        self._current = None
        return [found for event in waiting for found in self.feed(event)]

    def _release(self) -> list[Event]:
        """All that waited: whatever call goes on has ended with the answer."""
        found: list[Event] = []
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            self._current = None
            found += [out for event in waiting for out in self.feed(event)]
        return found
