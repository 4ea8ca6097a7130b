"""A segment: consecutive frames of one stream, decoded once and rendered once a view.

All readers of a process share a live segment, so a thousand readers of one stream cost one
decoding and one rendering a view; each then only sends the same bytes.
"""

from collections.abc import Mapping

import msgspec

from broker.codec import Template, decode
from broker.dialects import View
from broker.frames import Frame, Kind
from broker.model import Terminal

_TERMINAL = int(Kind.TERMINAL)  # in the hot loop a member of an enum costs as much as the rest
_ANSWER = (Kind.DIALECT, Kind.USAGE, Kind.WHOLE)


class Segment:
    """Frames ``first`` to ``last``; ``terminal`` is set if the last one ends the stream."""

    __slots__ = ("_rendered", "first", "frames", "last", "terminal")

    def __init__(self, last: int, frames: list[Frame]) -> None:
        self.frames = frames
        self.last = last
        self.first = last - len(frames) + 1
        self.terminal: Terminal | None = None
        if frames and frames[-1][0] == _TERMINAL:
            self.terminal = msgspec.json.decode(frames[-1].body, type=Terminal)
        self._rendered: dict[View, bytes] | None = None

    @classmethod
    def decoded(cls, last: int, payload: bytes, templates: Mapping[int, Template]) -> "Segment":
        """The segment of an entry or a message.

        Raises:
            UnknownTemplate: read the templates again.
        """
        return cls(last, decode(payload, templates))

    def after(self, cursor: int) -> "Segment":
        """What of this comes after the cursor; itself if that is all."""
        return (
            self
            if cursor < self.first
            else Segment(self.last, self.frames[cursor + 1 - self.first :])
        )

    def render(self, view: View) -> bytes:
        """The frames as SSE text in this view."""
        if self._rendered is None:
            text = view.render(self.first, self.frames)
            self._rendered = {view: text}
            return text
        found = self._rendered.get(view)
        if found is None:
            found = self._rendered[view] = view.render(self.first, self.frames)
        return found

    @property
    def answers(self) -> bool:
        """Whether any frame is part of the answer."""
        return any(frame.kind in _ANSWER for frame in self.frames)
