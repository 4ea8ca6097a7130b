"""Messages events, read. Kinds of events and blocks that nobody asked for are passed over."""

from collections.abc import Iterator
from typing import Any

from broker.dialects.neutral import errors, usage
from broker.dialects.neutral.event import (
    Event,
    Signed,
    Start,
    Stop,
    StopReason,
    TextDelta,
    ThoughtDelta,
)
from broker.dialects.neutral.reading.calls import Calls
from broker.dialects.neutral.signature import unseal
from broker.dialects.wire import encode

_REASONS: dict[str, StopReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
}


class MessagesReader:
    """Reads one answer. ``fallback`` is its id where the provider gives none."""

    def __init__(self, fallback: str = "") -> None:
        self._id = fallback
        self._stopped = False
        self._calls = Calls()
        self._signatures: dict[int, str] = {}  # of open blocks, by their index
        self._usage: dict[str, Any] = {}

    def feed(self, event: dict[str, Any]) -> list[Event]:
        """The events of one event."""
        return list(self._read(event))

    def whole(self, answer: dict[str, Any]) -> list[Event]:
        """The events of a whole message."""
        found = self.feed({"type": "message_start", "message": answer})
        content = answer.get("content")
        for index, block in enumerate(content if isinstance(content, list) else ()):
            found += self.feed(
                {"type": "content_block_start", "index": index, "content_block": block}
            )
            found += self.feed({"type": "content_block_stop", "index": index})
        found += self.feed(
            {"type": "message_delta", "delta": answer, "usage": answer.get("usage") or {}}
        )
        return [*found, *self.end()]

    def end(self) -> list[Event]:
        """The answer is complete: what remains to be said."""
        return [] if self._stopped else list(self._stop({"stop_reason": "end_turn"}))

    def _read(self, event: dict[str, Any]) -> Iterator[Event]:
        match event:
            case {"type": "message_start", "message": dict(message)}:
                self._id = message.get("id") or self._id
                self._count(message)
                yield Start(self._id, message.get("model") or "")
            case {"type": "content_block_start", "content_block": dict(block)}:
                yield from self._begin(event.get("index", 0), block)
            case {"type": "content_block_delta", "delta": dict(delta)}:
                yield from self._delta(event.get("index", 0), delta)
            case {"type": "content_block_stop"}:
                yield from self._end(event.get("index", 0))
            case {"type": "message_delta"}:
                if (delta := event.get("delta") or {}).get("stop_reason"):
                    yield from self._stop(delta)
                if self._count(event):
                    yield usage.from_messages(self._usage)
            case {"type": "error"}:
                yield errors.from_messages(event.get("error"))

    def _count(self, event: dict[str, Any]) -> bool:
        """Take note of counts, which are totals; those left out or null still hold."""
        counts = event.get("usage")
        if not isinstance(counts, dict):
            return False
        self._usage |= {key: value for key, value in counts.items() if value is not None}
        return True

    def _begin(self, index: int, block: dict[str, Any]) -> Iterator[Event]:
        match block.get("type"):
            case "text" if block.get("text"):
                yield TextDelta(block["text"])
            case "thinking":
                if block.get("thinking"):
                    yield ThoughtDelta(block["thinking"])
                self._signatures[index] = block.get("signature") or ""
            case "redacted_thinking" if block.get("data"):
                yield Signed(unseal(block["data"], "messages.redacted"))
            case "tool_use":
                id, name = block.get("id") or "", block.get("name") or ""
                yield from self._calls.begin(index, id, name, self._id)
                if block.get("input"):
                    text = encode(block["input"]).decode()
                    yield from self._calls.more(index, text)

    def _delta(self, index: int, delta: dict[str, Any]) -> Iterator[Event]:
        match delta:
            case {"type": "text_delta", "text": str(text)} if text:
                yield TextDelta(text)
            case {"type": "thinking_delta", "thinking": str(text)} if text:
                yield ThoughtDelta(text)
            case {"type": "signature_delta", "signature": str(text)}:
                self._signatures[index] = self._signatures.get(index, "") + text
            case {"type": "input_json_delta", "partial_json": str(text)}:
                yield from self._calls.more(index, text)

    def _end(self, index: int) -> Iterator[Event]:
        if signature := self._signatures.pop(index, ""):
            yield Signed(unseal(signature, "messages"))
        yield from self._calls.end(index)

    def _stop(self, delta: dict[str, Any]) -> Iterator[Event]:
        if not self._stopped:
            self._stopped = True
            yield from self._calls.end_all()
            reason = _REASONS.get(delta["stop_reason"], "end")
            yield Stop(reason, delta.get("stop_sequence"))
