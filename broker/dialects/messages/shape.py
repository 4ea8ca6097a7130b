"""Odd events of messages, put as Anthropic would have written them.

Relays of this dialect number their blocks as it falls, and give the input of a tool call as a text
where it is an object, or as an object where it is a text. What is odd is mended where it comes in,
once; what is not stays as it is: the very object.
"""

from typing import Any

from broker.dialects.messages.partial import parse
from broker.dialects.wire import encode

Object = dict[str, Any]
# What a delta is that has this field, and no type.
KINDS = {
    "text": "text_delta",
    "thinking": "thinking_delta",
    "signature": "signature_delta",
    "partial_json": "input_json_delta",
    "citation": "citations_delta",
}


class Shape:
    """The shape of one answer. ``strict``: no event has been odd so far."""

    def __init__(self) -> None:
        self.strict = True
        self._taken: set[int] = set()  # indexes of blocks as they go out
        self._open: dict[int, int] = {}  # of blocks, by the index that they come under
        self._texts: dict[int, str] = {}  # inputs that came as a text where their block begins
        self._begun: set[int] = set()  # blocks that were not ended, likewise
        self._last = 0  # the index that the last block came under

    def mend(self, event: Object) -> list[Object]:
        """The events that say it; the event itself if it is plain."""
        match event.get("type"):
            case "message_start":
                found = [_begun(event)]
            case "content_block_start":
                found = [*self._unended(event), self._start(event)]
            case "content_block_delta":
                found = [self._delta(event)]
            case "content_block_stop":
                found = self._stop(event)
            case "message_delta" | "message_stop" if not self.strict:
                found = [*(stop for came in list(self._begun) for stop in self._close(came)), event]
            case _:
                return [event]
        self.strict = self.strict and len(found) == 1 and found[0] is event
        return found

    def _unended(self, event: Object) -> list[Object]:
        """The end of a block that has none, where another one begins under its index."""
        index = event.get("index")
        came = index if type(index) is int else self._last
        return self._close(came)

    def _close(self, came: int) -> list[Object]:
        if came not in self._begun:
            return []
        return self._stop({"type": "content_block_stop", "index": came})

    def _start(self, event: Object) -> Object:
        index = event.get("index")
        came = index if type(index) is int else max(self._taken, default=-1) + 1
        goes = max(self._taken) + 1 if came in self._taken else came
        self._taken.add(goes)
        self._open[came] = goes
        self._last = came
        self._begun.add(came)
        block = event.get("content_block")
        text = block.get("input") if isinstance(block, dict) else None
        if isinstance(block, dict) and isinstance(text, str):
            self._texts[came] = text
            block = {**block, "input": {}}
        if index == goes and block is event.get("content_block"):
            return event
        return {**event, "index": goes, "content_block": block}

    def _delta(self, event: Object) -> Object:
        came = self._came(event)
        goes = self._open.get(came, came)
        delta = event.get("delta")
        if isinstance(delta, dict) and "partial_json" in delta:
            self._texts.pop(came, None)  # it is told again
            part = delta["partial_json"]
            if part is not None and not isinstance(part, str):
                delta = {**delta, "partial_json": encode(part).decode()}
        if isinstance(delta, dict) and "type" not in delta:
            kind = next((KINDS[key] for key in KINDS if key in delta), None)
            delta = delta if kind is None else {"type": kind, **delta}
        if event.get("index") == goes and delta is event.get("delta"):
            return event
        return {**event, "index": goes, "delta": delta}

    def _stop(self, event: Object) -> list[Object]:
        came = self._came(event)
        goes = self._open.setdefault(came, came)
        self._taken.add(goes)  # by a block whose start was never sent, too
        self._begun.discard(came)
        text = self._texts.pop(came, "")
        stop = event if event.get("index") == goes else {**event, "index": goes}
        if not text:
            return [stop]
        delta = {"type": "input_json_delta", "partial_json": text}
        return [{"type": "content_block_delta", "index": goes, "delta": delta}, stop]

    def _came(self, event: Object) -> int:
        index = event.get("index")
        return index if type(index) is int else self._last


def _begun(event: Object) -> Object:
    message = event.get("message")
    if not isinstance(message, dict):
        return event
    mended = mended_whole(message)
    return event if mended is None else {**event, "message": mended}


def mended_whole(message: Object) -> Object | None:
    """A whole message put the same way; None if it is plain."""
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": [{"type": "text", "text": content}] if content else []}
    if not isinstance(content, list):
        return None
    blocks = [_block(block) for block in content]
    if all(new is old for new, old in zip(blocks, content, strict=True)):
        return None
    return {**message, "content": blocks}


def _block(block: Any) -> Any:
    """A text as the object that it says; what says none stays, for whoever reads it to judge."""
    text = block.get("input") if isinstance(block, dict) else None
    if not isinstance(text, str):
        return block
    found = parse(text) if text else {}
    return {**block, "input": found} if isinstance(found, dict) else block
