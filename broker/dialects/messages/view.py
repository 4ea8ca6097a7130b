"""The messages view: a stream as the dialect's own streaming answer.

The dialect ends a message with ``message_stop``, and nothing comes after it. So that a stream
ends in exactly one terminal here too, a provider's own ``message_stop`` is not shown (the
native view has it) and the terminal is rendered as that, or as an ``error`` event. A reader
that has seen ``message_stop`` has seen the job's end, and its cursor is the terminal's.

A whole answer, from a target that does not stream, has one number and becomes several
events. All but the last bear the number before it: who is cut off among them and resumes
gets all of them again, and nothing less.
"""

from collections.abc import Sequence

import msgspec

from broker.dialects.messages.errors import terminal_error
from broker.dialects.messages.fold import events_of
from broker.dialects.wire import decode_object, encode
from broker.frames import Frame, Kind, data_of
from broker.model import JobState, Terminal

# As plain numbers: in the hot loop a member of an IntEnum costs more than the comparison.
_VERBATIM = frozenset((int(Kind.DIALECT), int(Kind.USAGE)))
_WHOLE = int(Kind.WHOLE)
_TERMINAL = int(Kind.TERMINAL)
_STOP = b"event: message_stop\n"
_PLAIN = '{"type":"message_stop"}'


class MessagesView(msgspec.Struct, frozen=True):
    """The view of a caller of ``POST /v1/messages``."""

    def render(self, first: int, frames: Sequence[Frame]) -> bytes:
        """See ``broker.dialects.View``."""
        events: list[bytes] = []
        for number, (kind, body) in enumerate(frames, first):
            if kind in _VERBATIM:
                if not body.startswith(_STOP):
                    events.append(b"id: %d\n%b\n\n" % (number, body))
            elif kind == _WHOLE:
                events += _spread(number, body)
            elif kind == _TERMINAL:
                events.append(b"id: %d\n%b\n\n" % (number, _ending(body)))
        return b"".join(events)


def _spread(number: int, body: bytes) -> list[bytes]:
    events = events_of(decode_object(data_of(body)) or {})[:-1]
    ids = [number - 1] * (len(events) - 1) + [number]
    return [
        b"id: %d\nevent: %b\ndata: %b\n\n" % (each, event["type"].encode(), encode(event))
        for each, event in zip(ids, events, strict=True)
    ]


def _ending(body: bytes) -> bytes:
    terminal = msgspec.json.decode(body, type=Terminal)
    if terminal.state is JobState.COMPLETED:
        return _STOP + b"data: " + (terminal.closing or _PLAIN).encode()
    return b"event: error\ndata: " + encode(terminal_error(terminal))
