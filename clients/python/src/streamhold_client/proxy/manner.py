"""How each request is treated when its connection to the broker is lost. Pure."""

import re
from dataclasses import dataclass
from enum import Enum

from streamhold_client.sse import Block
from streamhold_client.surface import Ends, Surface, native_ends, surface_of


class Again(Enum):
    """Whether a request may reach the broker twice."""

    ALWAYS = "always"  # it comes to the same done twice, or has a key
    UNSENT = "unsent"  # only if the broker can't have seen it


@dataclass(frozen=True)
class Manner:
    """``keyed``: it makes a job, under a key. ``ends``: how its stream ends, if it may be one."""

    again: Again
    keyed: bool = False
    ends: Ends | None = None


_EVENTS = re.compile(r"/v1/jobs/[^/]+/events/?$")
_TWICE = re.compile(
    r"/v1/(jobs/[^/]+/(cancel|tickets)|responses/[^/]+/cancel|messages/count_tokens)$"
)
_JOBS = re.compile(r"/v1/jobs/?$")
_SAFE = frozenset(("GET", "HEAD", "OPTIONS", "DELETE"))


def _any_ends(block: Block) -> bool:
    """Whether the block is a terminal of any dialect, where only the job knows which it has."""
    return any(surface.ends(block) for surface in Surface)


def manner_of(method: str, path: str, query: bytes) -> Manner:
    """How to treat a request. The base URL may lack its ``/v1``, or have one too many."""
    path = f"/v1{path}" if "/v1/" not in path else path
    surface = surface_of(method, path)
    if surface is not None:
        return Manner(Again.ALWAYS, method == "POST", surface.ends)
    if method == "GET" and _EVENTS.search(path):
        dialect = b"view=dialect" in query.split(b"&")
        return Manner(Again.ALWAYS, ends=_any_ends if dialect else native_ends)
    if method in _SAFE or (method == "POST" and _TWICE.search(path)):
        return Manner(Again.ALWAYS)
    if method == "POST" and _JOBS.search(path):
        return Manner(Again.ALWAYS, keyed=True)
    return Manner(Again.UNSENT)
