"""Messages events, written. Blocks follow one another; the end waits for the usage."""

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
from broker.dialects.neutral.sequence import Sequence
from broker.dialects.neutral.signature import Signature, seal
from broker.dialects.neutral.usage import Usage

_REASONS = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "filter": "refusal",
    "refusal": "refusal",
}
_EMPTY: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}


class MessagesWriter:
    """Writes one answer."""

    def __init__(self) -> None:
        self._usage: dict[str, Any] | None = None
        self._sequence = Sequence()
        self._stop = Stop("end")
        self._open: str | None = None  # the type of the open block
        self._index = -1  # of the last block

    def feed(self, event: Event) -> list[dict[str, Any]]:
        """The events that say it, by now or as soon as it is its turn."""
        return [out for each in self._sequence.feed(event) for out in self._write(each)]

    def end(self) -> list[dict[str, Any]]:
        """The answer is complete."""
        delta = {
            "stop_reason": _REASONS[self._stop.reason],
            "stop_sequence": self._stop.sequence,
        }
        counts = self._usage or {"output_tokens": 0}
        return [
            *self._close(),
            {"type": "message_delta", "delta": delta, "usage": counts},
            {"type": "message_stop"},
        ]

    def _write(self, event: Event) -> list[dict[str, Any]]:
        match event:
            case Start():
                return [_start(event)]
            case TextDelta(text) | RefusalDelta(text):
                return self._say("text", {"type": "text_delta", "text": text})
            case ThoughtDelta(text):
                return self._say("thinking", {"type": "thinking_delta", "thinking": text})
            case Signed(signature):
                return self._sign(signature)
            case CallStart(_, id, name):
                block = {"type": "tool_use", "id": id, "name": name, "input": {}}
                return self._begin("tool_use", block)
            case ArgumentsDelta(_, text):
                return [self._delta({"type": "input_json_delta", "partial_json": text})]
            case Usage():
                self._usage = usage.to_messages(event)
            case Stop():
                self._stop = event
                return self._close()
            case Failed():
                return [errors.to_messages(event)]
        return []

    def _say(self, kind: str, delta: dict[str, Any]) -> list[dict[str, Any]]:
        begun = [] if self._open == kind else self._begin(kind, _EMPTY[kind])
        return [*begun, self._delta(delta)]

    def _sign(self, signature: Signature) -> list[dict[str, Any]]:
        if signature.origin == "messages.redacted":
            block = {"type": "redacted_thinking", "data": signature.data}
            return [*self._begin("redacted_thinking", block), *self._close()]
        delta = {"type": "signature_delta", "signature": seal(signature, "messages")}
        return [*self._say("thinking", delta), *self._close()]

    def _begin(self, kind: str, block: dict[str, Any]) -> list[dict[str, Any]]:
        closed = self._close()
        self._open = kind
        self._index += 1
        begun = {"type": "content_block_start", "index": self._index, "content_block": block}
        return [*closed, begun]

    def _delta(self, delta: dict[str, Any]) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _close(self) -> list[dict[str, Any]]:
        if self._open is None:
            return []
        self._open = None
        return [{"type": "content_block_stop", "index": self._index}]


def _start(event: Start) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": event.id,
        "type": "message",
        "role": "assistant",
        "model": event.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }
    return {"type": "message_start", "message": message}
