"""The three surfaces that can be carried, and how a stream on each of them ends."""

import re
from collections.abc import Callable
from enum import Enum

from streamhold_client.sse import Block

Ends = Callable[[Block], bool]


class Surface(Enum):
    """The value is how the path of its endpoint ends."""

    CHAT = "/v1/chat/completions"
    RESPONSES = "/v1/responses"
    MESSAGES = "/v1/messages"

    def ends(self, block: Block) -> bool:
        """Whether the block is a terminal."""
        return block.event in _TERMINALS[self] or (self is Surface.CHAT and block.data == b"[DONE]")


_TERMINALS = {
    Surface.CHAT: {"error"},
    Surface.RESPONSES: {
        "response.completed",
        "response.failed",
        "response.incomplete",
        "response.cancelled",
        "error",
    },
    Surface.MESSAGES: {"message_stop", "error"},
}


_RESPONSE = re.compile(r"/v1/responses/[^/]+/?$")  # one that exists already


def surface_of(method: str, path: str) -> Surface | None:
    """The surface that a request is for; the server may live below a prefix.

    A POST generates; a GET reads a response, as a stream or as it is now.
    """
    if method == "GET":
        return Surface.RESPONSES if _RESPONSE.search(path) else None
    if method != "POST":
        return None
    return next((surface for surface in Surface if path.endswith(surface.value)), None)


def native_ends(block: Block) -> bool:
    """Whether the block is the terminal of the native view."""
    return block.event == "end"
