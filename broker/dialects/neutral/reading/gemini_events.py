"""Gemini's ``GenerateContentResponse`` objects, read; a whole answer is one like any other.

Each holds what is new, function calls whole. A signature stands with the part it belongs to;
here it comes before that part, or after all if the part is an empty text.
"""

from collections.abc import Iterator
from typing import Any

from broker.dialects.neutral import errors, usage
from broker.dialects.neutral.event import (
    Event,
    Failed,
    Signed,
    Start,
    Stop,
    StopReason,
    TextDelta,
    ThoughtDelta,
    untold,
)
from broker.dialects.neutral.reading.calls import Calls, arguments_text
from broker.dialects.neutral.reading.gemini_shape import (
    candidates_of,
    counts_of,
    named,
    parts_of,
)
from broker.dialects.neutral.signature import Signature

# The answer is at fault, and might come out well another time.
FAULTS = frozenset(
    (
        *("OTHER", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
        *("MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE", "IMAGE_OTHER", "NO_IMAGE"),
    )
)
# All others are filters of some kind.
REASONS: dict[str, StopReason] = {
    "STOP": "end",
    "END_TURN": "end",
    "STOP_SEQUENCE": "end",
    "TOOL_CALLS": "end",
    "TOOL_USE": "end",
    "FUNCTION_CALL": "end",
    "LENGTH": "length",
    "FINISH_REASON_UNSPECIFIED": "end",
    "MAX_TOKENS": "length",
}


# The fields of a plain object, of the candidate in it, and of a part that is a text.
_TOP = frozenset(("candidates", "modelVersion", "responseId"))
_PLAIN = frozenset(("content", "index"))
_TEXT = frozenset(("text", "thought"))


class GeminiReader:
    """Reads one answer. ``fallback`` is its id where the provider gives none."""

    def __init__(self, fallback: str = "") -> None:
        self._id = fallback
        self._started = False
        self._reason = ""  # to stop, the last that was given: some give one in every event
        self._calls = Calls()
        self._count = 0
        self._usage: dict[str, Any] | None = None

    def feed(self, chunk: dict[str, Any]) -> list[Event]:
        """The events of one response object."""
        if self._started and (plain := self._plain(chunk)) is not None:
            return [plain]
        return list(self._read(chunk))

    def _plain(self, chunk: dict[str, Any]) -> Event | None:
        """The event of an object that has more text and nothing else."""
        candidates = chunk.get("candidates")
        if type(candidates) is not list or len(candidates) != 1 or not chunk.keys() <= _TOP:
            return None
        candidate = candidates[0]
        if type(candidate) is not dict or not candidate.keys() <= _PLAIN:
            return None
        content = candidate.get("content")
        parts = content.get("parts") if type(content) is dict else None
        if type(parts) is not list or len(parts) != 1 or type(parts[0]) is not dict:
            return None
        part = parts[0]
        text = part.get("text")
        if type(text) is not str or not text or not part.keys() <= _TEXT:
            return None
        return ThoughtDelta(text) if part.get("thought") else TextDelta(text)

    def whole(self, answer: dict[str, Any]) -> list[Event]:
        """The events of a whole answer."""
        return [*self.feed(answer), *self.end()]

    def end(self) -> list[Event]:
        """The answer is complete: what remains to be said."""
        found = [self._stop()]
        if self._usage is not None:
            found.append(usage.from_gemini(self._usage))
        return found

    def _read(self, chunk: dict[str, Any]) -> Iterator[Event]:
        chunk = named(chunk)
        if chunk.get("error") is not None:
            yield errors.from_gemini(chunk["error"])
            return
        if not self._started:
            self._started = True
            self._id = chunk.get("responseId") or self._id
            yield Start(self._id, chunk.get("modelVersion") or "")
        if (counts := counts_of(chunk)) is not None:
            self._usage = (self._usage or {}) | counts
        for candidate in candidates_of(chunk):
            for part in parts_of(candidate):
                yield from self._part(part)
            if reason := candidate.get("finishReason"):
                reason = str(reason).upper()
                if reason in FAULTS:
                    yield Failed("provider", f"The model gave up: {reason}.")
                self._reason = reason
        blocked = named(chunk.get("promptFeedback") or {}).get("blockReason")
        if blocked and not chunk.get("candidates"):
            self._reason = "SAFETY"

    def _part(self, part: dict[str, Any]) -> Iterator[Event]:
        if signature := part.get("thoughtSignature"):
            yield Signed(Signature("gemini", signature))
        text = part.get("text")
        if isinstance(text, str) and text:
            yield ThoughtDelta(text) if part.get("thought") else TextDelta(text)
        if isinstance(call := part.get("functionCall"), dict):
            key = self._count
            self._count += 1
            id, name = call.get("id") or "", call.get("name") or ""
            yield from self._calls.begin(key, id, name, self._id)
            yield from self._calls.more(key, arguments_text(call.get("args")))
            yield from self._calls.end(key)
        if not part.get("thought") and (part.get("inlineData") or part.get("fileData")):
            yield untold("a picture or a file")

    def _stop(self) -> Event:
        found = REASONS.get(self._reason or "STOP", "filter")
        return Stop("tool_calls" if found == "end" and self._calls.any else found)
