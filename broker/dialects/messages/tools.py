"""Tool calls of a message: where they begin."""

from broker.dialects.wire import decode_object
from broker.frames import Frame, Kind, data_of

_SERVERS = ("server_tool_use", "mcp_tool_use")  # the provider runs these itself


def begins_call(frame: Frame) -> bool:
    """Whether a block that calls one of the caller's tools begins in a frame."""
    if frame.kind != Kind.DIALECT or b"tool_use" not in frame.body:
        return False
    event = decode_object(data_of(frame.body)) or {}
    block = event.get("content_block")
    kind = block.get("type") if isinstance(block, dict) else None
    return isinstance(kind, str) and kind.endswith("tool_use") and kind not in _SERVERS
