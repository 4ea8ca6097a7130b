"""Dialects: wire formats, and the views in which a stream is shown.

A dialect is a package of its own: what it asks of a request, how its frames fold into a
whole answer, and its view. The native view stands beside them and shows every frame.
All of it is pure: frames in, bytes or plain values out.
"""

from collections.abc import Sequence
from typing import Protocol

from broker.frames import Frame


class View(Protocol):
    """How a surface renders a stream: as SSE text.

    A view is frozen and hashable, so that readers with equal views can share what was
    rendered once. The text of a frame is a function of its number, the frame and the view,
    and of nothing else: however a stream is split into calls, the bytes are the same. That
    is what makes a replay byte-identical.
    """

    def render(self, first: int, frames: Sequence[Frame]) -> bytes:
        """The events of the frames numbered ``first``, ``first + 1``, ... as SSE text.

        Each is ``id: N``, the frame's body and a blank line; line ends are LF. A frame that
        is not the view's own is skipped, so that ids rise but may skip.
        """
        ...

    def __hash__(self) -> int: ...
