"""A message as its events add up to it.

The rules are those of the dialect's own clients, and go beyond them where a provider would
otherwise lose something (PROTOCOL.md has the table):

- ``message_start`` begins it, ``message_delta`` sets what stands in its ``delta`` and beside
  it; figures of ``usage`` are totals, so the last holds. A null never overwrites a value.
- Blocks are told apart by ``index``. In their deltas ``text``, ``thinking`` and the pieces of
  ``partial_json`` grow, ``citation`` is added to ``citations``, everything else is set.
- Blocks, deltas and fields nobody has heard of follow the same rules.
"""

from collections.abc import Iterable
from typing import Any

from broker.dialects.messages.partial import parse
from broker.dialects.text import Growing

GROWING = ("text", "thinking")
_BEGUN: dict[str, dict[str, Any]] = {  # what a block is whose start was never sent
    "text_delta": {"type": "text", "text": ""},
    "citations_delta": {"type": "text", "text": ""},
    "thinking_delta": {"type": "thinking", "thinking": "", "signature": ""},
    "input_json_delta": {"type": "tool_use", "input": {}},
}


class Block:
    """One content block so far. What grows is not copied for each piece of it."""

    def __init__(self, start: dict[str, Any]) -> None:
        self.fields = start
        self.json = Growing()
        self.closed = False
        self._grown: dict[str, Growing] = {}
        self._cited = False  # whether the list of citations is our own

    @property
    def type(self) -> Any:
        return self.fields.get("type")

    def feed(self, delta: dict[str, Any]) -> None:
        """Take one delta."""
        for key, value in delta.items():
            if key == "type":
                continue
            if key == "partial_json" and isinstance(value, str):
                self.json.add(value)
            elif key in GROWING and isinstance(value, str):
                if key not in self._grown:
                    first = self.fields.get(key)
                    self._grown[key] = Growing(first if isinstance(first, str) else "")
                self._grown[key].add(value)
            elif key == "citation" and delta.get("type") == "citations_delta":
                self._cite(value)
            elif value is not None or key not in self.fields:
                self.fields[key] = value

    def _cite(self, citation: Any) -> None:
        known = self.fields.get("citations")
        if not self._cited or not isinstance(known, list):
            known = self.fields["citations"] = [*(known if isinstance(known, list) else ())]
            self._cited = True
        known.append(citation)

    def text(self, key: str = "text") -> str:
        """A growing text so far."""
        grown = self._grown.get(key)
        first = self.fields.get(key) if grown is None else str(grown)
        return first if isinstance(first, str) else ""

    @property
    def whole(self) -> dict[str, Any]:
        """The block as a whole message has it."""
        block = {**self.fields, **{key: self.text(key) for key in self._grown}}
        said = str(self.json)
        if said:
            found = parse(said)
            block["input"] = block.get("input", {}) if found is None else found
        return block

    @property
    def length(self) -> int:
        """Characters said in it."""
        return len(self.text()) + len(self.text("thinking")) + len(self.json)

    @property
    def empty(self) -> bool:
        """Whether nothing but its kind is known."""
        plain = self.type in GROWING and not self.fields.get("citations")
        return plain and not self.length and not self.fields.get("signature")


class Message:
    """A message so far. ``started``: its ``message_start`` was seen."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.usage: dict[str, Any] = {}
        self.blocks: dict[int, Block] = {}
        self.started = False

    def feed(self, event: dict[str, Any]) -> None:
        """Take the data of one event."""
        match event.get("type"):
            case "message_start":
                self._start(event.get("message"))
            case "content_block_start":
                self._begin(event)
            case "content_block_delta":
                if isinstance(delta := event.get("delta"), dict):
                    self._block(event, delta).feed(delta)
            case "content_block_stop":
                block = self.blocks.get(index_of(event))
                if block is not None:
                    block.closed = True
            case "message_delta":
                self._end(event)

    @property
    def ended(self) -> bool:
        """Whether its reason to stop was given."""
        return bool(self.fields.get("stop_reason"))

    def _start(self, message: Any) -> None:
        if self.started or not isinstance(message, dict):
            return
        self.started = True
        _set(self.fields, message.items())
        count(self.usage, message.get("usage"))
        content = message.get("content")
        for index, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, dict):
                self.blocks[index] = Block(dict(block))
                self.blocks[index].closed = True

    def _begin(self, event: dict[str, Any]) -> None:
        start = event.get("content_block")
        if isinstance(start, dict):
            self.blocks.setdefault(index_of(event), Block(dict(start)))

    def _block(self, event: dict[str, Any], delta: dict[str, Any]) -> Block:
        index = index_of(event)
        if index not in self.blocks:
            self.blocks[index] = Block(dict(_BEGUN.get(str(delta.get("type")), {})))
        return self.blocks[index]

    def _end(self, event: dict[str, Any]) -> None:
        delta = event.get("delta")
        _set(self.fields, delta.items() if isinstance(delta, dict) else ())
        beside = (pair for pair in event.items() if pair[0] not in ("type", "delta", "usage"))
        _set(self.fields, beside)
        count(self.usage, event.get("usage"))


def index_of(event: dict[str, Any]) -> int:
    """The index of the block that an event is about."""
    index = event.get("index")
    return index if type(index) is int else 0


def count(usage: dict[str, Any], said: Any) -> None:
    """Take the figures that an event says: totals, of which the last holds."""
    if isinstance(said, dict):
        _set(usage, said.items())


def _set(into: dict[str, Any], pairs: Iterable[tuple[str, Any]]) -> None:
    for key, value in pairs:
        if value is not None or key not in into:
            into[key] = value
