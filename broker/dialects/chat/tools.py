"""Tool calls of a chat stream: where they begin."""

import re

from broker.dialects.wire import decode_object
from broker.frames import Frame, Kind, data_of

_CALL = re.compile(rb'"(?:tool_calls|function_call)"')


def begins_call(frame: Frame) -> bool:
    """Whether a frame holds a piece of a tool call."""
    if frame.kind != Kind.DIALECT or not _CALL.search(frame.body):
        return False
    chunk = decode_object(data_of(frame.body))
    choices = chunk.get("choices") if chunk is not None else None
    deltas = [
        choice.get("delta")
        for choice in (choices if isinstance(choices, list) else ())
        if isinstance(choice, dict)
    ]
    return any(
        isinstance(delta, dict) and (delta.get("tool_calls") or delta.get("function_call"))
        for delta in deltas
    )
