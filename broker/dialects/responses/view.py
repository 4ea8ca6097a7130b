"""The responses view: a stream as the dialect's own streaming answer.

An answer ends with the dialect's own event, so that a terminal after one shows nothing: the
connection just ends, and the frame before the terminal is as good as it for a cursor (see
``last_shown``). Any other end is an ``error`` event. Its fields stand in it twice: beside the
type, where the dialect has them, and under ``error``, where the official SDKs look for
something to raise.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from broker.dialects.chat.errors import terminal_error
from broker.dialects.responses.event import numbered
from broker.dialects.wire import encode
from broker.frames import Frame, Kind, data_of
from broker.model import Job, JobState, Terminal

_DIALECT = int(Kind.DIALECT)
_WHOLE = int(Kind.WHOLE)
_TERMINAL = int(Kind.TERMINAL)


class ResponsesView(msgspec.Struct, frozen=True):
    """The view of whoever follows a response."""

    def render(self, first: int, frames: Sequence[Frame]) -> bytes:
        """See ``broker.dialects.View``."""
        events: list[bytes] = []
        for number, (kind, body) in enumerate(frames, first):
            if kind == _DIALECT:
                events.append(b"%b\n\n" % numbered(number, body))
            elif kind == _WHOLE:
                data = b'{"type":"response.completed","response":%b}' % data_of(body)
                event = b"event: response.completed\ndata: " + data
                events.append(b"%b\n\n" % numbered(number, event))
            elif kind == _TERMINAL:
                events.append(_ending(number, body))
        return b"".join(events)


def _ending(number: int, body: bytes) -> bytes:
    terminal = msgspec.json.decode(body, type=Terminal)
    if ends_itself(terminal):
        return b""
    event = b"event: error\ndata: " + encode(error_event(terminal))
    return b"%b\n\n" % numbered(number, event)


def ends_itself(terminal: Terminal) -> bool:
    """Whether the frame before this terminal was the dialect's own end."""
    return terminal.state is JobState.COMPLETED or terminal.told


def error_event(terminal: Terminal) -> dict[str, Any]:
    """What an ``error`` event says of a terminal without an answer."""
    error = terminal_error(terminal)["error"]
    fields = {key: error[key] for key in ("code", "message", "param")}
    return {"type": "error", **fields, "error": error}


def last_shown(job: Job) -> int:
    """The number after which this view shows nothing of an ended job any more."""
    return job.last - (job.state is JobState.COMPLETED)
