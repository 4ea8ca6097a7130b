"""What a chat stream has said so far, read back from its own frames.

A lost attempt's successor has to know where the answer stands. Nothing keeps count of that
while tokens flow; when an attempt is lost, by its provider or with its worker, the stream is
read back once and fed in here.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from broker.dialects.chat.wire import decode_object
from broker.frames import Frame, Kind, data_of

# Texts of a delta that grow from chunk to chunk; any other key of one is set once.
TEXTS = ("content", "refusal", "reasoning_content", "reasoning")


class Call(msgspec.Struct):
    """A tool call as far as it was delivered."""

    id: str | None = None
    name: str = ""
    arguments: str = ""


class Said(msgspec.Struct):
    """One choice as far as it was delivered. ``texts`` is by the delta's own key."""

    texts: dict[str, str] = msgspec.field(default_factory=dict)
    calls: dict[int, Call] = msgspec.field(default_factory=dict)
    finish: str | None = None


class Transcript:
    """The delivered part of an answer.

    ``identity`` is what every chunk of one answer shares: id, created, model and the like,
    from the first chunk. ``choices`` is by index. ``began`` tells whether any chunk was read.
    """

    def __init__(self) -> None:
        self.identity: dict[str, Any] = {}
        self.choices: dict[int, Said] = {}
        self.began = False
        self.before = 0  # characters delivered by attempts before the last

    @classmethod
    def of(cls, frames: Iterable[Frame]) -> "Transcript":
        """The transcript of a stream's frames, from the first on."""
        transcript = cls()
        for frame in frames:
            if frame.kind == Kind.NATIVE:  # another attempt begins
                transcript.before = transcript.length
            elif frame.kind == Kind.DIALECT:
                chunk = decode_object(data_of(frame.body))
                if chunk is not None:
                    transcript.feed(chunk)
        return transcript

    def feed(self, chunk: dict[str, Any]) -> None:
        """Take one chunk."""
        if not self.began:
            self.began = True
            self.identity = {
                key: chunk[key]
                for key in ("id", "created", "model", "system_fingerprint", "service_tier")
                if key in chunk
            }
        for choice in chunk.get("choices") or ():
            if not isinstance(choice, dict):
                continue
            said = self.choices.setdefault(choice.get("index") or 0, Said())
            said.finish = choice.get("finish_reason") or said.finish
            delta = choice.get("delta")
            if isinstance(delta, dict):
                _add(said, delta)

    def text(self, choice: int = 0) -> str:
        """The answer's text of a choice so far."""
        said = self.choices.get(choice)
        return said.texts.get("content", "") if said else ""

    @property
    def silent(self) -> bool:
        """Whether nothing was said yet, a role apart: another attempt may begin the answer."""
        return not any(
            said.calls or said.finish or any(said.texts.values()) for said in self.choices.values()
        )

    def complete(self, choices: int) -> bool:
        """Whether every one of so many choices has its finish: nothing is missing."""
        return sum(1 for said in self.choices.values() if said.finish) >= choices

    @property
    def finished(self) -> bool:
        """Whether some choice has its finish already: then nothing can go on from here."""
        return any(said.finish for said in self.choices.values())

    @property
    def prefillable(self) -> bool:
        """Whether a model can go on from it: one choice, some text, no tool call begun.

        Reasoning without text can't be gone on from: no dialect takes a partial thought back.
        """
        if self.finished or set(self.choices) != {0}:
            return False
        said = self.choices[0]
        return bool(said.texts.get("content")) and not said.calls

    @property
    def length(self) -> int:
        """Characters delivered, texts and arguments, over all choices."""
        return sum(
            sum(map(len, said.texts.values()))
            + sum(len(call.name) + len(call.arguments) for call in said.calls.values())
            for said in self.choices.values()
        )


def _add(said: Said, delta: dict[str, Any]) -> None:
    for key in TEXTS:
        if isinstance(delta.get(key), str):
            said.texts[key] = said.texts.get(key, "") + delta[key]
    for place, part in enumerate(delta.get("tool_calls") or ()):
        if not isinstance(part, dict):
            continue
        index = part.get("index")
        call = said.calls.setdefault(index if isinstance(index, int) else place, Call())
        call.id = part.get("id") or call.id
        function = part.get("function")
        if isinstance(function, dict):
            call.name = function.get("name") or call.name
            call.arguments += function.get("arguments") or ""
