"""What a response's stream has said so far, read back from its own frames."""

from collections.abc import Iterable
from typing import Any

from broker.dialects.responses.event import event_of
from broker.dialects.responses.gathered import ENDS, LIFE, TEXTS, Gathered
from broker.dialects.text import Growing, is_text, joined
from broker.frames import Frame, Kind, begins_attempt

Place = tuple[Any, ...]


class Transcript:
    """The delivered part of an answer; see ``broker.dialects.chat.transcript``.

    What a second run has to say again is kept by place: ``texts`` as far as they grew, ``due``
    the other events, in order; ``whole`` has the items that were delivered whole, by index, and
    ``lived`` the kinds of events that told of the response itself.
    """

    def __init__(self) -> None:
        self.texts: dict[Place, Growing] = {}
        self.due: dict[Place, list[dict[str, Any]]] = {}
        self.whole: dict[int, Any] = {}
        self.lived: set[str] = set()
        self.open = False  # whether the last item was begun and not ended
        self.before = 0
        self.usage: dict[str, Any] | None = None
        self.said: dict[str, Any] | None = None  # the dialect tells usage at the end only
        self._latest: Any = None  # the last event's type
        self._gathered = Gathered()
        self._joined = False
        self._whole = False

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
                    self._begin(event_of(frame) or {})
                continue
            event = event_of(frame)
            if frame.kind == Kind.WHOLE:
                self._whole = True
                self.feed({"type": ENDS[0], "response": event or {}})
            elif event is not None:
                self.feed(event)

    def _begin(self, notice: dict[str, Any]) -> None:
        """Another attempt begins."""
        self.before = self.length
        self.usage = None
        self._joined = "mode" in notice

    def feed(self, event: dict[str, Any]) -> None:
        """Take one event."""
        self._note(event)
        self._gathered.feed(event)
        usage = self._gathered.life.get("usage")
        if event.get("type") in LIFE and isinstance(usage, dict) and not self._joined:
            self.usage = usage

    def _note(self, event: dict[str, Any]) -> None:
        """What a second run will have to say again of it."""
        kind = self._latest = event.get("type")
        if not isinstance(kind, str):
            return
        if kind in _BOUNDS:
            self.open = kind == _BOUNDS[0]
        if grows(event):
            place = place_of(event)
            if place not in self.texts:
                self.texts[place] = Growing()
            self.texts[place].add(event["delta"])
        elif kind in LIFE:
            self.lived.add(kind)
        else:
            self.due.setdefault(place_of(event), []).append(event)
            if kind == _BOUNDS[1]:
                self.whole[index_in(event, "output_index") or 0] = event.get("item")

    @property
    def silent(self) -> bool:
        """Whether nothing was said yet, the response's own beginning apart."""
        return not self._gathered.said and self._gathered.end is None

    def complete(self, choices: int = 1) -> bool:
        """Whether the response has ended, and not in failure."""
        return self._gathered.end in ENDS[:2]

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
        ended = self.open and self._latest not in _GROWING
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


_INDEXES = ("output_index", "content_index", "summary_index", "annotation_index")


def grows(event: dict[str, Any]) -> bool:
    """Whether an event is the next piece of a text."""
    kind = event.get("type")
    if not isinstance(kind, str) or not isinstance(event.get("delta"), str):
        return False
    stem, _, verb = kind.rpartition(".")
    return verb == "delta" and stem in TEXTS


def place_of(event: dict[str, Any]) -> Place:
    """What an event is about: its type, and its place in the answer."""
    return (event.get("type"), *(index_in(event, key) for key in _INDEXES))


def index_in(event: dict[str, Any], key: str) -> int | None:
    """One of its indexes; what is no number counts as none."""
    index = event.get(key)
    return index if type(index) is int else None


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
