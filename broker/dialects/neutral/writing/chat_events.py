"""Chat chunks, written.

Reasoning is ``reasoning_content``, as most providers of this dialect have it. A signature ends
a piece of it, which then comes once more as one of ``reasoning_details``, for a caller to send
back: text and signature belong together.
"""

from typing import Any

from broker.dialects.neutral import errors, usage
from broker.dialects.neutral.event import (
    ArgumentsDelta,
    CallStart,
    Event,
    Failed,
    RefusalDelta,
    Signed,
    Start,
    Stop,
    TextDelta,
    ThoughtDelta,
)
from broker.dialects.neutral.signature import seal
from broker.dialects.neutral.usage import Usage

_REASONS = {"length": "length", "tool_calls": "tool_calls", "filter": "content_filter"}


class ChatWriter:
    """Writes one answer. ``created`` is Unix seconds."""

    def __init__(self, created: int) -> None:
        self._usage: dict[str, Any] | None = None
        self._top: dict[str, Any] = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": created,
            "model": "",
        }
        self._thought: list[str] = []  # since the last signature
        self._signed = 0
        self._refused = False

    def feed(self, event: Event) -> list[dict[str, Any]]:
        """The chunks that say it."""
        match event:
            case Start(id, model):
                self._top |= {"id": id, "model": model}
                return [self._chunk({"role": "assistant", "content": ""})]
            case Stop(reason):
                return [self._chunk({}, self._reason(reason))]
            case Usage():
                self._usage = usage.to_chat(event)
                return []
            case Failed():
                return [{"error": errors.to_openai(event)}]
            case _:
                return [self._chunk(self._delta(event))]

    def end(self) -> list[dict[str, Any]]:
        """The answer is complete: its usage, which has no choices beside it."""
        return [] if self._usage is None else [{**self._top, "choices": [], "usage": self._usage}]

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return {**self._top, "choices": [choice]}

    def _delta(self, event: Event) -> dict[str, Any]:
        match event:
            case TextDelta(text):
                return {"content": text}
            case RefusalDelta(text):
                self._refused = True
                return {"refusal": text}
            case ThoughtDelta(text):
                self._thought.append(text)
                return {"reasoning_content": text}
            case Signed():
                return {"reasoning_details": [self._piece(event)]}
            case CallStart(index, id, name):
                function = {"name": name, "arguments": ""}
                call = {"index": index, "id": id, "type": "function", "function": function}
                return {"tool_calls": [call]}
            case ArgumentsDelta(index, text):
                return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}
            case _:
                raise TypeError(event)

    def _piece(self, event: Signed) -> dict[str, Any]:
        text, self._thought = "".join(self._thought), []
        sealed = seal(event.signature, "chat")
        index = self._signed
        self._signed += 1
        if text:
            return {"type": "reasoning.text", "index": index, "text": text, "signature": sealed}
        return {"type": "reasoning.encrypted", "index": index, "data": sealed}

    def _reason(self, reason: str) -> str:
        if reason == "refusal" and not self._refused:  # nothing else would tell it
            return "content_filter"
        return _REASONS.get(reason, "stop")
