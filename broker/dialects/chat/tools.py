"""Tool calls of a chat stream: where they begin."""

import re
from typing import Any

from broker.dialects.wire import decode_object
from broker.frames import Frame, Kind, data_of

_SEAL = b'"reasoning.encrypted"'
_CALL = re.compile(rb'"(?:tool_calls|function_call)"')


def begins_call(frame: Frame) -> bool:
    """Whether a frame holds a piece of a tool call."""
    if frame.kind != Kind.DIALECT or not _CALL.search(frame.body):
        return False
    return any(delta.get("tool_calls") or delta.get("function_call") for delta in _deltas(frame))


def leads_to_call(frame: Frame) -> bool:
    """Whether a frame has nothing but a seal, which may be of a tool call after it."""
    if frame.kind != Kind.DIALECT or _SEAL not in frame.body:
        return False
    said = [value for delta in _deltas(frame) for key, value in delta.items() if value]
    return len(said) == 1 and _is_seal(said[0])


def _is_seal(details: Any) -> bool:
    return isinstance(details, list) and all(
        isinstance(each, dict) and each.get("type") == "reasoning.encrypted" for each in details
    )


def _deltas(frame: Frame) -> list[dict[str, Any]]:
    chunk = decode_object(data_of(frame.body))
    choices = chunk.get("choices") if chunk is not None else None
    found = [
        choice.get("delta")
        for choice in (choices if isinstance(choices, list) else ())
        if isinstance(choice, dict)
    ]
    return [delta for delta in found if isinstance(delta, dict)]
