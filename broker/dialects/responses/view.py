"""The responses view: a stream as the dialect's own streaming answer.

An answer ends with the dialect's own event, so that a terminal after one shows nothing: the
connection just ends, and the frame before the terminal is as good as it for a cursor (see
``last_shown``). Any other end is two events, as OpenAI has it: ``error``, at which the official
SDKs raise, and ``response.failed``, in which other clients look for the reason. The first bears
the number before the terminal's: who is cut off between the two and resumes gets both again.

The fields of ``error`` stand in it twice: beside the type, where the dialect has them, and under
``error``, where the official SDKs look for something to raise.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from broker.dialects.chat.errors import terminal_error
from broker.dialects.responses.echo import DEFAULTS
from broker.dialects.responses.event import made_frame, numbered
from broker.dialects.responses.gathered import ENDS
from broker.dialects.wire import encode
from broker.frames import Frame, Kind, data_of
from broker.model import Job, JobState, Terminal

_DIALECT = int(Kind.DIALECT)
_WHOLE = int(Kind.WHOLE)
_TERMINAL = int(Kind.TERMINAL)
_ENDS = tuple(f"event: {kind}\n".encode() for kind in ENDS)


class ResponsesView(msgspec.Struct, frozen=True):
    """The view of whoever follows a response; ``name`` is its id, ``model`` what was asked for."""

    name: str = ""
    model: str = ""

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
                events.append(self._ending(number, body))
        return b"".join(events)

    def _ending(self, number: int, body: bytes) -> bytes:
        terminal = msgspec.json.decode(body, type=Terminal)
        if ends_itself(terminal):
            return b""
        told = (number - 1, error_event(terminal)), (number, self._failed(terminal))
        return b"".join(
            b"%b\n\n" % numbered(place, made_frame(event).body) for place, event in told
        )

    def _failed(self, terminal: Terminal) -> dict[str, Any]:
        """The response as it failed. All of it is in the terminal, so that it is the same bytes
        for every reader: of its request it repeats nothing."""
        error = error_event(terminal)
        response = {
            "id": self.name,
            "object": "response",
            "created_at": None,
            "status": terminal.state.value,
            "error": {"code": error["code"] or error["error"]["type"], "message": error["message"]},
            "incomplete_details": None,
            "model": self.model,
            "output": [],
            "usage": terminal.usage,
            **DEFAULTS,
        }
        if terminal.closing is not None:
            response |= msgspec.json.decode(terminal.closing)
        return {"type": ENDS[2], "response": response}


def shows_end(text: bytes) -> bool:
    """Whether the last event of a rendered text ends an answer, so that its reader needs no more.

    It comes before the terminal, and a client that knows it may leave in between.
    """
    begin = text.rfind(b"\nevent: ")
    return begin >= 0 and text.startswith(_ENDS, begin + 1)


def ends_itself(terminal: Terminal) -> bool:
    """Whether the frame before this terminal was the dialect's own end."""
    return terminal.state is JobState.COMPLETED or terminal.told


def error_event(terminal: Terminal) -> dict[str, Any]:
    """What an ``error`` event says of a terminal without an answer."""
    error = terminal_error(terminal)["error"]
    fields = {key: error[key] for key in ("code", "message", "param")}
    return {"type": "error", **fields, "error": error}


def closing(created_ms: int) -> str:
    """What the terminal of a job that fails tells its view of it: when it was made."""
    return encode({"created_at": created_ms // 1000}).decode()


def last_shown(job: Job) -> int:
    """The number after which this view shows nothing of an ended job any more."""
    return job.last - (job.state is JobState.COMPLETED)
