"""The chat view: a stream as the dialect's own streaming answer.

The end is ``data: [DONE]`` or an ``error`` event; native-only frames are skipped. A whole
answer, from a target that does not stream, becomes one chunk that says all of it: it has
one number, so it is one event, and its usage (if asked for) stands in it.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from broker.dialects.chat.errors import terminal_error
from broker.dialects.wire import decode_object, encode
from broker.frames import Frame, Kind, data_of
from broker.model import JobState, Terminal

# As plain numbers: in the hot loop a member of an IntEnum costs more than the comparison.
_DIALECT = int(Kind.DIALECT)
_USAGE = int(Kind.USAGE)
_WHOLE = int(Kind.WHOLE)
_TERMINAL = int(Kind.TERMINAL)


class ChatView(msgspec.Struct, frozen=True):
    """The view of a caller of ``POST /v1/chat/completions``.

    ``include_usage``: whether the caller asked for it in ``stream_options``.
    """

    include_usage: bool

    def render(self, first: int, frames: Sequence[Frame]) -> bytes:
        """See ``broker.dialects.View``."""
        events: list[bytes] = []
        for number, (kind, body) in enumerate(frames, first):
            if kind == _DIALECT or (kind == _USAGE and self.include_usage):
                events.append(b"id: %d\n%b\n\n" % (number, body))
            elif kind == _WHOLE:
                chunk = encode(whole_chunk(decode_object(data_of(body)) or {}, self.include_usage))
                events.append(b"id: %d\ndata: %b\n\n" % (number, chunk))
            elif kind == _TERMINAL:
                events.append(b"id: %d\n%b\n\n" % (number, _ending(body)))
        return b"".join(events)


def _ending(body: bytes) -> bytes:
    terminal = msgspec.json.decode(body, type=Terminal)
    if terminal.state is JobState.COMPLETED:
        return b"data: [DONE]"
    return b"event: error\ndata: " + encode(terminal_error(terminal))


def whole_chunk(answer: dict[str, Any], include_usage: bool) -> dict[str, Any]:
    """The one chunk that folds into this whole answer: the inverse of ``fold``.

    ``usage`` is left out unless it is asked for and there is one.
    """
    chunk = {**answer, "object": "chat.completion.chunk"}
    if not include_usage or chunk.get("usage") is None:
        chunk.pop("usage", None)
    choices = answer.get("choices")
    chunk["choices"] = [
        _chunk_choice(place, choice)
        for place, choice in enumerate(choices if isinstance(choices, list) else ())
        if isinstance(choice, dict)
    ]
    return chunk


def _chunk_choice(place: int, choice: dict[str, Any]) -> dict[str, Any]:
    message = choice.get("message")
    delta = dict(message) if isinstance(message, dict) else {}
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        delta["tool_calls"] = [
            {**call, "index": at} if isinstance(call, dict) else call
            for at, call in enumerate(calls)
        ]
    rest = {key: value for key, value in choice.items() if key not in ("index", "message")}
    rest.setdefault("finish_reason", None)
    return {"index": choice.get("index", place), "delta": delta, **rest}
