"""HTTP/1.1 and nothing else on a plain socket.

hypercorn takes any plain connection over to HTTP/2 that begins with its preface or asks for
an upgrade. Nothing here needs that: browsers speak HTTP/2 over TLS only, to the proxy in front,
which speaks HTTP/1.1 to us; and an event costs five times as much over it. What it brings is
trouble: settings that can't be decoded raise with the caller's headers in the trace, and a
caller that half-closes its end behind an upgrade leaves its connection open for ever, as the
task that sends waits for one that has ended. Neither takes a key.
"""

import h11
from hypercorn.protocol.h11 import H11Protocol


async def _stay(self: H11Protocol, event: h11.Request) -> None:
    """In place of the look for a preface or an upgrade."""


def speak_http1_only() -> None:
    """For this process: answer in HTTP/1.1 whatever a request asks to be upgraded to."""
    H11Protocol._check_protocol = _stay  # type: ignore[method-assign]
