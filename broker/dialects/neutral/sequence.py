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

_MOST, _MOST_CALLS = 20_000, 256  # events that may wait, and calls that may begin among them
_OFTEN = 64


class Garbled(ValueError):
    """A part of the answer went on after its end."""


class Tangled(Garbled):
    """More waits for the end of a tool call than can be held."""


class Sequence:
    """Lets neutral events through so that the deltas of a call follow its start, unbroken."""

    def __init__(self) -> None:
        self._current: int | None = None  # the call that is let through
        self._arguments: list[str] = []  # of it
        self._size = 0  # of them, in characters
        self._misses = 0  # times that they were no whole object
        self._look = 0  # the size from which they are looked at again
        self._waiting: list[Event] = []
        self._calls = 0  # that begin among them
        self._started: set[int] = set()

    def feed(self, event: Event) -> list[Event]:
        """The events whose turn it is, in order.

        Raises:
            Garbled: more arguments of a call that had ended, or more than can be held.
        """
        match event:
            case Start() | Usage() | Failed():
                return [event]
            case Stop():
                return [*self._release(), event]
            case ArgumentsDelta() if event.index == self._current:
                self._arguments.append(event.text)
                self._size += len(event.text)
                return [event, *self._proceed()] if self._waiting else [event]
        if self._waiting or not self._ended():
            self._calls += isinstance(event, CallStart)
            if len(self._waiting) >= _MOST or self._calls > _MOST_CALLS:
                raise Tangled
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
            self._size = self._misses = self._look = 0
            self._started.add(event.index)
        return [event]

    def _ended(self) -> bool:
        if self._current is None:
            return True
        if self._size < self._look:
            return False
        text = "".join(self._arguments)
        self._arguments = [text]
        self._misses += 1
        if self._misses > _OFTEN:  # ever rarer, so that a long text takes no more than its time
            self._look = self._size + self._size // 8
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
        waiting, self._waiting, self._calls = self._waiting, [], 0
        self._current = None
        return [found for event in waiting for found in self.feed(event)]

    def _release(self) -> list[Event]:
        """All that waited, each call's pieces behind its start: every call has ended."""
        waiting, self._waiting, self._calls = self._waiting, [], 0
        self._current = None
        found: list[list[Event]] = []
        calls: dict[int, list[Event]] = {}
        for event in waiting:
            if not isinstance(event, ArgumentsDelta):
                found.append([event])
                if isinstance(event, CallStart):
                    calls[event.index] = found[-1]
            elif event.index in calls:
                calls[event.index].append(event)
            else:
                self._begin(event)
        self._started.update(calls)
        return [event for part in found for event in part]
