"""Chat chunks, read. Only choice 0: more than one is refused before the call."""

from collections.abc import Iterator
from typing import Any

from broker.dialects.chat.view import whole_chunk
from broker.dialects.neutral import errors, usage
from broker.dialects.neutral.event import (
    Event,
    RefusalDelta,
    Signed,
    Start,
    Stop,
    StopReason,
    TextDelta,
    ThoughtDelta,
    untold,
)
from broker.dialects.neutral.reading.calls import Calls
from broker.dialects.neutral.reading.thoughts import piece_of

_REASONS: dict[str, StopReason] = {
    "length": "length",
    "content_filter": "filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


class ChatReader:
    """Reads one answer. ``fallback`` is its id where the provider gives none."""

    def __init__(self, fallback: str = "") -> None:
        self._id = fallback
        self._started = False
        self._stopped = False
        self._refused = False
        self._flat = False  # reasoning came as plain text, so that pieces only repeat it
        self._calls = Calls()
        self._last = 0  # the key of the call that was spoken of last

    def feed(self, chunk: dict[str, Any]) -> list[Event]:
        """The events of one chunk."""
        return list(self._read(chunk))

    def whole(self, answer: dict[str, Any]) -> list[Event]:
        """The events of a whole answer."""
        return [*self.feed(whole_chunk(answer, include_usage=True)), *self.end()]

    def end(self) -> list[Event]:
        """The answer is complete: what remains to be said."""
        return list(self._stop("stop"))

    def _read(self, chunk: dict[str, Any]) -> Iterator[Event]:
        if chunk.get("error") is not None:
            yield errors.from_openai(chunk["error"])
            return
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                yield from self._start(chunk)
                delta = choice.get("delta")
                if isinstance(delta, dict) and not self._stopped:
                    yield from self._delta(delta)
                if isinstance(reason := choice.get("finish_reason"), str) and reason:
                    yield from self._stop(reason)
        if isinstance(counts := chunk.get("usage"), dict):
            yield usage.from_chat(counts)

    def _start(self, chunk: dict[str, Any]) -> Iterator[Event]:
        if not self._started:
            self._started = True
            self._id = chunk.get("id") or self._id
            yield Start(self._id, chunk.get("model") or "")

    def _delta(self, delta: dict[str, Any]) -> Iterator[Event]:
        flat = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(flat, str) and flat:
            self._flat = True
            yield ThoughtDelta(flat)
        details = delta.get("reasoning_details")
        for detail in details if isinstance(details, list) else ():
            text, signature = piece_of(detail)
            if text and not self._flat:
                yield ThoughtDelta(text)
            if signature is not None:
                yield Signed(signature)
        yield from _content(delta.get("content"))
        if delta.get("images"):
            yield untold("a picture")
        if delta.get("audio"):
            yield untold("sound")
        if isinstance(refusal := delta.get("refusal"), str) and refusal:
            self._refused = True
            yield RefusalDelta(refusal)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                yield from self._call(call)

    def _call(self, call: dict[str, Any]) -> Iterator[Event]:
        """Part of a call, by its index; without one a new id begins a call."""
        id, function = call.get("id") or "", call.get("function") or {}
        key = call.get("index")
        known = self._calls.id_of(self._last if key is None else key)
        fresh = known is None or bool(id and known and id != known)
        if not isinstance(key, int):
            key = self._last + 1 if fresh and self._calls.any else self._last
        self._last = key
        if fresh:
            yield from self._calls.end(key)
            yield from self._calls.begin(key, id, function.get("name") or "", self._id)
        yield from self._calls.more(key, function.get("arguments"))

    def _stop(self, reason: str) -> Iterator[Event]:
        if self._stopped:
            return
        self._stopped = True
        yield from self._calls.end_all()
        found = _REASONS.get(reason, "end")
        if found == "end" and self._calls.any:  # said of a call that was forced
            found = "tool_calls"
        elif found == "end" and self._refused:
            found = "refusal"
        yield Stop(found)


def _content(content: Any) -> Iterator[Event]:
    """Text; some providers give parts, and have their reasoning among them."""
    if isinstance(content, str) and content:
        yield TextDelta(content)
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") == "thinking":
            inner = part.get("thinking")
            for each in inner if isinstance(inner, list) else [{"text": inner}]:
                if isinstance(each, dict) and isinstance(each.get("text"), str) and each["text"]:
                    yield ThoughtDelta(each["text"])
        elif isinstance(part, dict) and isinstance(part.get("text"), str) and part["text"]:
            yield TextDelta(part["text"])
