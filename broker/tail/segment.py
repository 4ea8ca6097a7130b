"""A segment: consecutive frames of one stream, decoded once and rendered once a view.

All readers of a process share a live segment, so a thousand readers of one stream cost one
decoding and one rendering a view; each then only sends the same bytes.
"""

import time
from collections.abc import Mapping

import msgspec

from broker.codec import Template, decode
from broker.cursor import never_used
from broker.dialects import View
from broker.frames import Frame, Kind
from broker.model import JobState, Terminal
from broker.store.streams import FRAMES_LOST

_TERMINAL = int(Kind.TERMINAL)  # in the hot loop a member of an enum costs as much as the rest
_ANSWER = (Kind.DIALECT, Kind.USAGE, Kind.WHOLE)


class Segment:
    """Frames ``first`` to ``last``; ``terminal`` is set if the last one ends the stream."""

    __slots__ = ("_others", "_text", "_view", "first", "frames", "last", "terminal")

    def __init__(self, last: int, frames: list[Frame]) -> None:
        self.frames = frames
        self.last = last
        self.first = last - len(frames) + 1
        self.terminal: Terminal | None = None
        if frames and frames[-1][0] == _TERMINAL:
            self.terminal = msgspec.json.decode(frames[-1].body, type=Terminal)
        self._view: View | None = None  # nearly always the only one
        self._text = b""  # in this view
        self._others: dict[View, bytes] | None = None

    @classmethod
    def decoded(cls, last: int, payload: bytes, templates: Mapping[int, Template]) -> "Segment":
        """The segment of an entry or a message.

        Raises:
            UnknownTemplate: read the templates again.
        """
        return cls(last, decode(payload, templates))

    @classmethod
    def lost_after(cls, cursor: int) -> "Segment":
        """The end for a reader who has read up to the cursor what the store has lost since.

        Its number is nobody else's.
        """
        terminal = Terminal(JobState.FAILED, error=FRAMES_LOST)
        frame = Frame(Kind.TERMINAL, msgspec.json.encode(terminal))
        return cls(never_used(cursor, time.time_ns() // 1000), [frame])

    def after(self, cursor: int) -> "Segment":
        """What of this comes after the cursor; itself if that is all."""
        return (
            self
            if cursor < self.first
            else Segment(self.last, self.frames[cursor + 1 - self.first :])
        )

    def render(self, view: View) -> bytes:
        """The frames as SSE text in this view."""
        if self._view is None:
            self._view, self._text = view, view.render(self.first, self.frames)
            return self._text
        if self._view is view or self._view == view:
            return self._text
        if self._others is None:
            self._others = {}
        found = self._others.get(view)
        if found is None:
            found = self._others[view] = view.render(self.first, self.frames)
        return found

    @property
    def answers(self) -> bool:
        """Whether any frame is part of the answer."""
        return any(frame.kind in _ANSWER for frame in self.frames)
