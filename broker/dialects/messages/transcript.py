"""What a stream of messages has said so far, read back from its own frames."""

from collections.abc import Iterable
from typing import Any

from broker.dialects.messages.fold import events_of
from broker.dialects.messages.message import Block, Message
from broker.dialects.text import is_text, joined
from broker.dialects.wire import decode_object
from broker.frames import Frame, Kind, begins_attempt, data_of

_PREFILLED = ("text", "thinking", "redacted_thinking")  # blocks that leave a text to go on from


class Transcript:
    """The delivered part of a message; see ``broker.dialects.dialect.Transcript``."""

    def __init__(self) -> None:
        self.message = Message()
        self.before = 0
        self.usage: dict[str, Any] | None = None
        self.said: dict[str, Any] | None = None
        self._whole = False
        self._joined = False
        self._last = Message()  # what the last attempt said of its usage

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
                for event in events_of(data):
                    self.feed(event)
            elif data is not None:
                self.feed(data)

    def _begin(self, notice: dict[str, Any]) -> None:
        """Another attempt begins."""
        self.before = self.length
        self.usage = self.said = None
        self._last = Message()
        self._joined = "mode" in notice

    def feed(self, event: dict[str, Any]) -> None:
        """Take the data of one event."""
        self.message.feed(event)
        if event.get("type") in ("message_start", "message_delta") and not self._joined:
            self._last.feed(event)
            usage = self._last.usage or None
            self.usage, self.said = (usage, None) if self._last.ended else (None, usage)

    @property
    def blocks(self) -> list[tuple[int, Block]]:
        """The blocks by index."""
        return sorted(self.message.blocks.items())

    def texts(self) -> list[str]:
        """The texts to go on from; a model takes none that ends in white space."""
        texts = [joined(block.text()) for _, block in self.blocks if block.type == "text"]
        return [*filter(None, texts[:-1]), texts[-1].rstrip()] if texts else []

    @property
    def silent(self) -> bool:
        """Whether nothing was said yet, the message's start and an empty block apart."""
        said = self._whole or self.message.ended
        return not said and all(block.empty for _, block in self.blocks)

    def complete(self, choices: int = 1) -> bool:
        """Whether the message has its reason to stop: nothing is missing."""
        return self._whole or self.message.ended

    @property
    def prefillable(self) -> bool:
        """Whether a model can go on from it: its last block is text, and nothing but thoughts
        and text came before. Neither half a thought nor half a tool call can be taken up.
        """
        blocks = [block for _, block in self.blocks]
        if self.complete() or not blocks or blocks[-1].type != "text":
            return False
        last = self.texts()[-1]
        return bool(last) and is_text(last) and all(b.type in _PREFILLED for b in blocks)

    @property
    def length(self) -> int:
        """Characters delivered, over all blocks."""
        return sum(block.length for _, block in self.blocks)
