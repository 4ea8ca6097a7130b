"""Tool calls of a message: where they begin."""

from broker.dialects.wire import decode_object
from broker.frames import Frame, Kind, data_of

_SEALS = ("thinking", "redacted_thinking")
_SERVERS = ("server_tool_use", "mcp_tool_use")  # the provider runs these itself


def begins_call(frame: Frame) -> bool:
    """Whether a block that calls one of the caller's tools begins in a frame."""
    if frame.kind != Kind.DIALECT or b"tool_use" not in frame.body:
        return False
    event = decode_object(data_of(frame.body)) or {}
    block = event.get("content_block")
    kind = block.get("type") if isinstance(block, dict) else None
    return isinstance(kind, str) and kind.endswith("tool_use") and kind not in _SERVERS


def leads_to_call(frame: Frame) -> bool:
    """Whether a frame may be of a seal that a tool call after it bears."""
    event = decode_object(data_of(frame.body)) or {}
    match event.get("type"):
        case "content_block_start":
            block = event.get("content_block")
            return isinstance(block, dict) and block.get("type") in _SEALS
        case "content_block_delta":
            delta = event.get("delta")
            return isinstance(delta, dict) and delta.get("type") == "signature_delta"
        case kind:
            return kind == "content_block_stop"
