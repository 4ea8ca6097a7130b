"""What a response's stream has said so far, read back from its own frames."""

from collections.abc import Iterable
from typing import Any

from broker.dialects.responses.event import event_of
from broker.dialects.responses.gathered import ENDS, LIFE, TEXTS, Gathered
from broker.dialects.text import is_text, joined
from broker.frames import Frame, Kind, begins_attempt


class Transcript:
    """The delivered part of an answer; see ``broker.dialects.chat.transcript``.

    ``events`` are all that were delivered, in order.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.before = 0
        self.usage: dict[str, Any] | None = None
        self.said: dict[str, Any] | None = None  # the dialect tells usage at the end only
        self._gathered = Gathered()
        self._joined = False
        self._whole = False

    @classmethod
    def of(cls, frames: Iterable[Frame]) -> "Transcript":
        """The transcript of a stream's frames, from the first on."""
        transcript = cls()
        for frame in frames:
            if frame.kind == Kind.TERMINAL:
                continue
            event = event_of(frame)
            if frame.kind == Kind.NATIVE:
                if begins_attempt(frame):
                    transcript._begin(event or {})
            elif frame.kind == Kind.WHOLE:
                transcript._whole = True
                transcript.feed({"type": "response.completed", "response": event or {}})
            elif event is not None:
                transcript.feed(event)
        return transcript

    def _begin(self, notice: dict[str, Any]) -> None:
        """Another attempt begins."""
        self.before = self.length
        self.usage = None
        self._joined = "mode" in notice

    def feed(self, event: dict[str, Any]) -> None:
        """Take one event."""
        self.events.append(event)
        self._gathered.feed(event)
        usage = self._gathered.life.get("usage")
        if event.get("type") in LIFE and isinstance(usage, dict) and not self._joined:
            self.usage = usage

    @property
    def silent(self) -> bool:
        """Whether nothing was said yet, the response's own beginning apart."""
        return not self._gathered.said and self._gathered.end is None

    def complete(self, choices: int = 1) -> bool:
        """Whether the response has ended, and not in failure."""
        return self._gathered.end in ENDS[:2]

    @property
    def open(self) -> bool:
        """Whether the last item was begun and not ended."""
        last = [event for event in self.events if event.get("type") in _BOUNDS][-1:]
        return bool(last) and last[0]["type"] == _BOUNDS[0]

    @property
    def prefillable(self) -> bool:
        """Whether a model can go on from it: text comes last, with nothing but text and thoughts
        before it. A text that was said to be done can't be taken up while its item is open.
        """
        if self._whole or self._gathered.end is not None:
            return False
        output = self.output
        if not output or output[-1].get("type") != "message" or not all(map(_spoken, output)):
            return False
        parts = output[-1]["content"]
        last = parts[-1].get("text") if parts else None
        ended = self.open and self.events[-1].get("type") not in _GROWING
        return bool(last) and not ended and is_text(self.text())

    @property
    def life(self) -> dict[str, Any]:
        """The response as its own beginning or end has it."""
        return self._gathered.life

    @property
    def output(self) -> list[dict[str, Any]]:
        """The items as far as they were delivered."""
        return self._gathered.output

    def text(self, choice: int = 0) -> str:
        """The text of the answer so far."""
        texts = (
            part["text"]
            for item in self.output
            for part in (item["content"] if isinstance(item.get("content"), list) else ())
            if isinstance(part, dict) and part.get("type") == "output_text" and "text" in part
        )
        return joined("".join(texts))

    @property
    def length(self) -> int:
        """Characters delivered: of texts, thoughts and arguments."""
        return sum(map(_characters, self.output))


_BOUNDS = ("response.output_item.added", "response.output_item.done")
_GROWING = ("response.output_text.delta", "response.output_text.annotation.added")


def _spoken(item: dict[str, Any]) -> bool:
    """Whether an item is a thought, or a message of nothing but text."""
    if item.get("type") == "reasoning":
        return True
    parts = item.get("content")
    return (
        item.get("type") == "message"
        and isinstance(parts, list)
        and all(isinstance(part, dict) and part.get("type") == "output_text" for part in parts)
    )


_FIELDS = {field for _, field in TEXTS.values()}


def _characters(holder: Any) -> int:
    if not isinstance(holder, dict):
        return 0
    own = sum(len(holder[key]) for key in _FIELDS if isinstance(holder.get(key), str))
    parts = [holder[key] for key in ("content", "summary") if isinstance(holder.get(key), list)]
    return own + sum(_characters(part) for each in parts for part in each)
