"""The fold: the whole message that a stream's events add up to, and its inverse."""

from collections.abc import Iterable
from typing import Any

import msgspec

from broker.dialects.fold import Fold
from broker.dialects.messages.message import GROWING, Message
from broker.frames import Frame


class MessagesFold(Fold):
    """The events of a message so far."""

    def __init__(self) -> None:
        super().__init__()
        self._message = Message()

    def take(self, event: dict[str, Any]) -> None:
        """Take the data of one event."""
        self._message.feed(event)

    def folded(self) -> dict[str, Any]:
        """The message that they add up to."""
        return folded(self._message)


def fold(frames: Iterable[Frame]) -> dict[str, Any]:
    """The whole message of a completed stream, or its verbatim whole-answer frame."""
    gathered = MessagesFold()
    gathered.feed(frames)
    return gathered.answer()


def folded(message: Message) -> dict[str, Any]:
    """What was gathered, as one object."""
    answer = {"type": "message", "role": "assistant", **message.fields}
    answer["content"] = [message.blocks[index].whole for index in sorted(message.blocks)]
    if message.usage:
        answer["usage"] = message.usage
    return answer


def events_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The events that fold into this whole message, ``message_stop`` the last of them."""
    start = {**answer, "content": [], "stop_reason": None, "stop_sequence": None}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    content = answer.get("content")
    for index, block in enumerate(content if isinstance(content, list) else ()):
        if isinstance(block, dict):
            events += _block_events(index, block)
    ending = {key: answer.get(key) for key in ("stop_reason", "stop_sequence")}
    usage = answer.get("usage")
    events.append({"type": "message_delta", "delta": ending, "usage": usage or {}})
    return [*events, {"type": "message_stop"}]


def _block_events(index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
    start, deltas = dict(block), []
    for key in GROWING:
        if isinstance(block.get(key), str) and block.get("type") == key:
            start[key] = ""
            if block[key]:
                deltas.append({"type": f"{key}_delta", key: block[key]})
    if block.get("type") == "thinking" and block.get("signature"):
        start["signature"] = ""
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    if str(block.get("type")).endswith("tool_use") and block.get("input"):
        start["input"] = {}
        said = msgspec.json.encode(block["input"]).decode()
        deltas.append({"type": "input_json_delta", "partial_json": said})
    if isinstance(block.get("citations"), list) and block["citations"]:
        start["citations"] = []
        deltas += ({"type": "citations_delta", "citation": each} for each in block["citations"])
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": each} for each in deltas),
        {"type": "content_block_stop", "index": index},
    ]
