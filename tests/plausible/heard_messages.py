"""Messages, heard."""

import json
from typing import Any

from tests.plausible.heard import Heard, Object
from tests.recorded.reading import Event

_DELTAS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("thinking", "signature"),
    "input_json_delta": ("tool_use", "partial_json"),
}
_KNOWN = ("text", "thinking", "redacted_thinking", "tool_use", "server_tool_use")


def heard_stream(events: list[Event], *, strict: bool) -> Heard:
    """A stream's events: blocks one after the other, each begun and ended.

    Not ``strict``: of a provider's own making, in which each block has its index and that is all.
    """
    heard = Heard()
    if not strict:
        return _gathered(heard, [json.loads(event.data) for event in events])
    reading = _Reading(heard)
    for event in events:
        data = json.loads(event.data)
        heard.demand(event.name == data.get("type"), "an event under another name than its type")
        reading.take(data)
    heard.demand(reading.over, "no message_stop")
    return heard


class _Reading:
    def __init__(self, heard: Heard) -> None:
        self.over = False
        self._heard = heard
        self._begun = False
        self._open: Object | None = None
        self._json = ""
        self._next = 0
        self._usage: Object = {}

    def take(self, event: Object) -> None:
        heard = self._heard
        heard.demand(not self.over, "an event behind message_stop")
        match event:
            case {"type": "message_start", "message": dict(message)}:
                heard.demand(not self._begun, "two beginnings")
                heard.demand(message.get("content") == [], "a beginning with content")
                self._begun = True
                self._count(message.get("usage"))
            case {"type": "content_block_start", "index": int(index), "content_block": block}:
                heard.demand(self._begun, "a block before the beginning")
                heard.demand(self._open is None, "a block within another")
                heard.demand(index == self._next, "a block out of order")
                self._next, self._open, self._json = index + 1, dict(block), ""
            case {"type": "content_block_delta", "index": int(index), "delta": dict(delta)}:
                heard.demand(index == self._next - 1, "a delta of another block")
                self._delta(delta)
            case {"type": "content_block_stop", "index": int(index)}:
                heard.demand(index == self._next - 1, "the end of another block")
                self._close()
            case {"type": "message_delta", "delta": dict(delta)}:
                heard.demand(self._open is None, "the end within a block")
                heard.reason = delta.get("stop_reason") or heard.reason
                self._count(event.get("usage"))
            case {"type": "message_stop"}:
                self.over = True
            case _:
                heard.faults.append(f"an odd event: {event.get('type')}")

    def _count(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self._usage |= {key: value for key, value in usage.items() if value is not None}
            self._heard.usage = self._usage

    def _delta(self, delta: Object) -> None:
        kind, key = _DELTAS.get(str(delta.get("type")), ("", ""))
        text = delta.get(key)
        if self._open is None or self._open["type"] != kind or not isinstance(text, str):
            self._heard.faults.append(f"an odd delta: {delta.get('type')}")
        elif key == "partial_json":
            self._json += text
        else:
            self._open[key] = self._open.get(key, "") + text

    def _close(self) -> None:
        block, self._open = self._open, None
        if block is None:
            self._heard.faults.append("the end of no block")
            return
        if block.get("type") == "tool_use":
            self._heard.demand(block.get("input") == {}, "an input in a block's start")
            block["input"] = self._heard.parsed(self._json or "{}")
        _block(self._heard, block, strict=True)


def _gathered(heard: Heard, events: list[Object]) -> Heard:
    blocks: list[Object] = []
    places: dict[Any, Object] = {}
    for event in events:
        match event:
            case {"type": "message_start", "message": {"content": list(content)}} if not blocks:
                blocks += [dict(block) for block in content]
            case {"type": "content_block_start", "content_block": dict(block)}:
                places[event.get("index", 0)] = begun = {**block, "json": ""}
                blocks.append(begun)
            case {"type": "content_block_delta", "delta": dict(delta)}:
                index = event.get("index", 0)
                if index not in places:
                    places[index] = {"type": "text", "text": ""}
                    blocks.append(places[index])
                for key in ("text", "thinking"):
                    places[index][key] = (places[index].get(key) or "") + (delta.get(key) or "")
                places[index]["json"] = places[index].get("json", "") + delta.get(
                    "partial_json", ""
                )
            case {"type": "message_delta", "delta": dict(delta)}:
                heard.reason = delta.get("stop_reason") or heard.reason
    for block in blocks:
        if block.get("type") == "tool_use" and block.get("json"):
            block["input"] = heard.parsed(block["json"])
        _block(heard, block, strict=False)
    return heard


def heard_whole(answer: Object, *, strict: bool) -> Heard:
    """A whole message. Not ``strict``: one of a provider's own making."""
    heard = Heard(reason=answer.get("stop_reason"), usage=answer.get("usage"))
    heard.demand(answer.get("type") == "message", "no message")
    content = answer.get("content")
    if not strict and isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        heard.faults.append("content is no list")
        return heard
    for block in content:
        _block(heard, block, strict=strict)
    return heard


def _block(heard: Heard, block: Object, *, strict: bool) -> None:
    match block:
        case {"type": "text", "text": str(text)}:
            heard.text += text
        case {"type": "thinking", "thinking": str(text)}:
            heard.thoughts += text
        case {"type": "tool_use"}:
            id, input = block.get("id"), block.get("input")
            input = input if strict else input or {}
            heard.demand(isinstance(input, dict), "an input that is no object")
            heard.called(id or ("" if strict else "none"), block.get("name"), json.dumps(input))
        case {"type": str(kind)} if not strict or kind in _KNOWN:
            pass
        case _:
            heard.faults.append(f"an odd block: {block.get('type')}")
