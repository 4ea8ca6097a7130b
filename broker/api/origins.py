"""Origins: the web pages that may call, and the headers that their browsers get (CORS).

A page of a listed origin may call and may read the answer, errors included. A page on
loopback may call, as it always could, but gets no such header, so that its browser keeps the
answer from it. All others are refused. Credentials mode is never offered: there are no
cookies, a caller's key is in a header that the page sets itself. That is why ``*`` may be
listed where there are accounts; without any the settings refuse it.

A page may send what headers it likes: the official SDKs add a dozen of their own, other ones with
each release, and none of them opens anything here.
"""

import re

from starlette.types import Scope

from broker.api.options import DESCRIBED, header_of
from broker.settings import Server

Headers = list[tuple[bytes, bytes]]

_ALLOWED = ("authorization", "content-type", "last-event-id", "idempotency-key", "x-api-key")
_ALWAYS = tuple(name.encode() for name in (*_ALLOWED, *map(header_of, DESCRIBED)))
_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
_MOST_NAMES = 100
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-max-age", b"600"),
]
_EXPOSED = (
    b"access-control-expose-headers",
    b"x-request-id, request-id, location, retry-after, x-should-retry, x-streamhold-lost",
)


class Origins:
    """What ``server.allowed_origins`` lists."""

    def __init__(self, server: Server) -> None:
        self._listed = frozenset(origin.encode() for origin in server.allowed_origins)
        self._any = b"*" in self._listed

    def lists(self, origin: bytes) -> bool:
        """Whether pages of this origin may call and read."""
        return self._any or origin in self._listed

    def stamps(self, origin: bytes | None) -> Headers:
        """What every answer to a call with this Origin carries, and to one without."""
        if not self._listed:
            return []
        vary = (b"vary", b"origin")  # on all answers: a cache must not mix them up
        if origin is None or not self.lists(origin):
            return [vary]
        shown = b"*" if self._any else origin
        return [vary, (b"access-control-allow-origin", shown), _EXPOSED]

    def preflight(self, scope: Scope, headers: dict[bytes, bytes]) -> Headers | None:
        """What a browser's question before a call is answered with; None if it is not one."""
        asked = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers
        if not (asked and self.lists(headers.get(b"origin", b""))):
            return None
        names = _named(headers.get(b"access-control-request-headers", b""))
        allowed = b", ".join(dict.fromkeys((*_ALWAYS, *names)))
        return [*_PREFLIGHT, (b"access-control-allow-headers", allowed)]


def _named(value: bytes) -> list[bytes]:
    """The names of headers in a comma list, without what is none."""
    names = [name.strip().lower() for name in value.split(b",")[:_MOST_NAMES]]
    return [name for name in names if _NAME.fullmatch(name)]
