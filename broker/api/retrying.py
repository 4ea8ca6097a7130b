"""Which callers make a failed call again by themselves.

What fails is then tried by both sides, and the tries multiply: an agent's five times three here.
So for such a caller each target is tried once, before anything was delivered; the next target of
the route is tried all the same. A call that has a key is never one of these: made again it meets
the same job, so that only we can try again.

The official SDKs, and all that is built on them, send ``x-stainless-retry-count`` with each call,
the first one too. Others are known by their ``User-Agent`` (``broker.api.known_retriers``).
"""

from collections.abc import Iterable

from msgspec.structs import replace

from broker.api.known_retriers import CLIENTS
from broker.model import Options
from broker.routing import RETRIED
from broker.settings import Server

_COUNT = b"x-stainless-retry-count"
_KEY = b"idempotency-key"
_AGENT = b"user-agent"
_NONE = Options()
_KNOWN = tuple(each.begins for each in CLIENTS)


class Retrying:
    """The server's settings on this."""

    def __init__(self, server: Server) -> None:
        self._which = server.callers_retry
        agents = (*_KNOWN, *(each.lower() for each in server.retrying_agents if each))
        self._agents = tuple(each.encode("latin-1", "replace") for each in agents)

    def options(self, options: Options, headers: Iterable[tuple[bytes, bytes]]) -> Options:
        """The options of a call with these headers, with ``caller_retries`` found out."""
        if options.caller_retries is not None or not self._retries(headers):
            return options
        return RETRIED if options == _NONE else replace(options, caller_retries=True)

    def _retries(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        found = self._which == "all"
        for name, value in headers:
            if name == _KEY:
                return False
            if name == _COUNT or (name == _AGENT and value.lower().startswith(self._agents)):
                found = True
        return found and self._which != "none"
