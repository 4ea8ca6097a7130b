"""The native view: every frame of a stream, and an end that sums the job up.

It is the view of ``GET /v1/jobs/{request_id}/events``, whatever the job's dialect. Its
event names are ``whole`` for a verbatim whole answer, ``end`` for the terminal, and those
of the native-only frames; an event of the dialect has the name it came with, or none.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from broker.dialects.responses.event import numbered
from broker.frames import Frame, Kind
from broker.model import Failure, Terminal

# Names of its own events, and of what readers take for an end: no provider's event may bear one.
OWN = frozenset(("attempt", "whole", "end", "retry", "error"))

# As plain numbers: in the hot loop a member of an IntEnum costs more than the comparison.
_DIALECT = int(Kind.DIALECT)
_VERBATIM = frozenset((int(Kind.DIALECT), int(Kind.USAGE), int(Kind.NATIVE)))
_WHOLE = int(Kind.WHOLE)
_TERMINAL = int(Kind.TERMINAL)


class NativeView(msgspec.Struct, frozen=True):
    """The native view of one job."""

    request_id: str
    numbers: bool = False  # whether an event of the dialect is to say its own number

    def render(self, first: int, frames: Sequence[Frame]) -> bytes:
        """See ``broker.dialects.View``."""
        events: list[bytes] = []
        for number, (kind, body) in enumerate(frames, first):
            if kind == _DIALECT and self.numbers:
                events.append(b"%b\n\n" % numbered(number, body))
            elif kind in _VERBATIM:
                events.append(b"id: %d\n%b\n\n" % (number, body))
            elif kind == _WHOLE:
                events.append(b"id: %d\nevent: whole\n%b\n\n" % (number, body))
            elif kind == _TERMINAL:
                summary = msgspec.json.encode(self._summary(number, body))
                events.append(b"id: %d\nevent: end\ndata: %b\n\n" % (number, summary))
        return b"".join(events)

    def _summary(self, number: int, body: bytes) -> dict[str, Any]:
        terminal = msgspec.json.decode(body, type=Terminal)
        return {
            "request_id": self.request_id,
            "state": terminal.state,
            "last": number,
            "usage": terminal.usage,
            "error": None if terminal.error is None else failure_object(terminal.error),
        }


def failure_object(failure: Failure) -> dict[str, Any]:
    """A failure as the native surface shows it: every key always there, null if unknown."""
    return {
        "type": failure.type,
        "message": failure.message,
        "code": failure.code,
        "param": failure.param,
        "provider_status": failure.provider_status,
        "retryable": failure.retryable,
        "fault": failure.fault,
    }
