"""What a chat stream has said so far, read back from its own frames.

A lost attempt's successor has to know where the answer stands. Nothing keeps count of that
while tokens flow; when an attempt is lost, by its provider or with its worker, the stream is
read back once, in steps, and each step is fed in here. It is gathered as the fold gathers it.
"""

from collections.abc import Iterable
from typing import Any

from broker.dialects.chat.fold import SET, add_choices, finished, place_of
from broker.dialects.chat.view import whole_chunk
from broker.dialects.text import Growing, is_text, joined
from broker.dialects.wire import decode_object
from broker.frames import Frame, Kind, begins_attempt, data_of

# The keys of a delta under which models think, before they speak.
THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details", "thinking_blocks")
_SILENT = ("role", "obfuscation")
_IDENTITY = ("id", "created", "model", "system_fingerprint", "service_tier")
# No dialect takes these back as the beginning of an answer.
_NOT_PREFILLED = ("tool_calls", "function_call", "refusal", "audio")


class Transcript:
    """The delivered part of an answer.

    ``identity`` is what every chunk of one answer shares: id, created, model and the like.
    ``before`` counts the characters delivered by attempts before the last, and ``usage`` is
    what the last one's provider said it cost, unless that is a sum over attempts already.
    """

    def __init__(self) -> None:
        self.identity: dict[str, Any] = {}
        self.before = 0
        self.usage: dict[str, Any] | None = None
        self.said: dict[str, Any] | None = None  # the dialect tells usage at the end only
        self._choices: dict[int, dict[str, Any]] = {}
        self._whole = False
        self._joined = False
        self._early: set[int] = set()  # choices that went on behind a finish reason

    @classmethod
    def of(cls, frames: Iterable[Frame] = ()) -> "Transcript":
        """The transcript of a stream's frames, from the first on."""
        transcript = cls()
        transcript.take(frames)
        return transcript

    def take(self, frames: Iterable[Frame]) -> None:
        """Take the stream's next frames."""
        for frame in frames:
            if frame.kind == Kind.TERMINAL:
                continue
            if frame.kind == Kind.NATIVE:
                if begins_attempt(frame):
                    self._begin(decode_object(data_of(frame.body)) or {})
                continue
            data = decode_object(data_of(frame.body))
            if data is not None and frame.kind == Kind.WHOLE:
                self._whole = True
                self.feed(whole_chunk(data, include_usage=True))
            elif data is not None:
                self.feed(data)

    def _begin(self, notice: dict[str, Any]) -> None:
        """Another attempt begins."""
        self.before = self.length
        self.usage = None
        self._joined = "mode" in notice

    def feed(self, chunk: dict[str, Any]) -> None:
        """Take one chunk."""
        for key in _IDENTITY:
            # A filter's chunk before the first token has "", "" and 0 here.
            if chunk.get(key) and not self.identity.get(key):
                self.identity[key] = chunk[key]
        usage = chunk.get("usage")
        if isinstance(usage, dict) and not self._joined:
            self.usage = usage
        self._look(chunk.get("choices"))
        add_choices(self._choices, chunk.get("choices"))

    def _look(self, choices: Any) -> None:
        """Whether a reason to end was none: there is more."""
        for place, choice in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(choice, dict) and isinstance(delta := choice.get("delta"), dict):
                index = place_of(choice, place)
                ended = self._choices.get(index, {}).get("finish_reason")
                if ended and any(delta[key] for key in delta if key not in _SILENT):
                    self._early.add(index)

    @property
    def choices(self) -> dict[int, dict[str, Any]]:
        """By index each choice as far as it was delivered: its delta and what is beside it."""
        return {index: finished(state) for index, state in self._choices.items()}

    def text(self, choice: int = 0) -> str:
        """The answer's text of a choice so far; surrogates that met are one character."""
        content = finished(self._choices.get(choice, {}).get("delta", {})).get("content")
        if not isinstance(content, str):
            return ""
        return joined(content)

    @property
    def silent(self) -> bool:
        """Whether nothing was said yet, a role apart: another attempt may begin the answer."""
        return not self._whole and not any(map(says, self._choices.values()))

    def complete(self, choices: int) -> bool:
        """Whether every one of so many choices has its finish: nothing is missing. A choice that
        went on behind a finish reason may have one anywhere."""
        ended = sum(
            1
            for index, choice in self._choices.items()
            if choice.get("finish_reason") and index not in self._early
        )
        return self._whole or ended >= choices

    @property
    def prefillable(self) -> bool:
        """Whether a model can go on from it: one choice, some text, nothing else begun.

        Reasoning without text can't be gone on from: no dialect takes a partial thought back.
        Neither can half a character.
        """
        choices = self.choices
        if self._whole or set(choices) != {0} or choices[0].get("finish_reason"):
            return False
        delta = choices[0].get("delta", {})
        text = self.text()
        return bool(text) and is_text(text) and not any(delta.get(k) for k in _NOT_PREFILLED)

    @property
    def length(self) -> int:
        """Characters delivered, texts and arguments, over all choices."""
        return sum(_characters(choice.get("delta")) for choice in self._choices.values())


def says(choice: dict[str, Any]) -> bool:
    """Whether a choice, as far as it was delivered, says more than its role."""
    delta = choice.get("delta", {})
    return bool(choice.get("finish_reason")) or any(delta[k] for k in delta if k != "role")


def _characters(value: Any) -> int:
    if isinstance(value, str | Growing):
        return len(value)
    if isinstance(value, list):
        return sum(map(_characters, value))
    if isinstance(value, dict):
        return sum(_characters(inner) for key, inner in value.items() if key not in SET)
    return 0
