"""Replaying: the provider runs the whole request again.

What it says is swallowed while it equals what was delivered, block by block, and what follows
is taken, but only once nothing is owed any more. The first difference ends the stream
truthfully. A run mints ids and signatures of its own: the delivered ones stand, and what
refers to a minted one later is told the delivered one.
"""

from collections import deque
from typing import Any

from broker.dialects.dialect import Diverged
from broker.dialects.messages.message import GROWING, Block, index_of
from broker.dialects.owed_text import Text

Event = dict[str, Any]
_MINTED = ("signature", "data", "encrypted_content")


class _Owed:
    """A block that has to be said again."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.begun = False
        said = block.fields.get("input")
        self.texts = {key: Text(block.text(key), key) for key in GROWING}
        self.texts["partial_json"] = Text(str(block.json), "partial_json")
        known = block.fields.get("citations")
        self.citations = deque(known if isinstance(known, list) else ())
        self.input = said if said and not block.json else None  # given at once

    @property
    def owes(self) -> bool:
        texts = any(text.owes for text in self.texts.values())
        return not self.begun or texts or bool(self.citations)

    def repay(self, key: str, value: Any) -> Any:
        """What is new of a field of a start or a delta; None if nothing is."""
        if key in self.texts and isinstance(value, str):
            return self.texts[key].repay(value)
        if key == "citation" and self.citations:
            if self.citations.popleft() != value:
                raise Diverged("a citation differs")
            return None
        known = self.block.fields.get(key)
        stands = known == value or self.block.closed or (key in _MINTED and known)
        return None if stands else value


class Repetition:
    """Fits the events of an attempt that says these blocks again."""

    def __init__(self, blocks: list[tuple[int, Block]]) -> None:
        self._owed = {index: _Owed(block) for index, block in blocks}
        self._unpaid = [self._owed[index] for index, _ in reversed(blocks)]  # the first one last
        self._shift = 0  # of the attempt's own indexes
        self._ids: dict[Any, Any] = {}  # minted id → delivered id
        self._held: list[Event] = []

    @property
    def owes(self) -> bool:
        """Whether not all that was delivered was said again."""
        while self._unpaid and not self._unpaid[-1].owes:  # what is paid once stays paid
            self._unpaid.pop()
        return bool(self._unpaid)

    def fit(self, event: Event) -> list[Event]:
        """The events to write for one.

        Raises:
            Diverged: it differs from what was delivered.
        """
        kind = event.get("type")
        if kind in ("content_block_start", "content_block_delta", "content_block_stop"):
            fitted = self._fit_block(kind, event)
        elif kind == "message_delta" and self.owes:
            raise Diverged("it ends early")
        else:
            fitted = [event]
        self._held += fitted
        if self.owes:
            return []
        held, self._held = self._held, []
        return held

    def _fit_block(self, kind: str, event: Event) -> list[Event]:
        index = index_of(event) + self._shift
        owed = self._owed.get(index)
        if kind == "content_block_start":
            return self._begin(event, index, owed)
        if owed is None:
            return [{**event, "index": index}]
        if kind == "content_block_delta":
            return _go_on(event, index, owed)
        if owed.owes:
            raise Diverged(f"block {index} ends early")
        return [] if owed.block.closed else [{**event, "index": index}]

    def _begin(self, event: Event, index: int, owed: _Owed | None) -> list[Event]:
        start = event.get("content_block")
        block = start if isinstance(start, dict) else {}
        if owed is None:
            return [{**event, "index": index, "content_block": self._renamed(block)}]
        if block.get("type") != owed.block.type:
            if not (owed.block.empty and index == max(self._owed)):
                raise Diverged(f"block {index} is of another type")
            # An empty block is all there is: it is left behind, and this one follows it.
            self._unpaid.remove(self._owed.pop(index))
            self._shift += 1
            stop: Event = {"type": "content_block_stop", "index": index}
            closed = [] if owed.block.closed else [stop]
            return [*closed, {**event, "index": index + 1, "content_block": block}]
        if block.get("name") != owed.block.fields.get("name"):
            raise Diverged("another tool is called")
        if owed.input is not None and block.get("input") != owed.input:
            raise Diverged("a tool is called otherwise")
        owed.begun = True
        if block.get("id"):
            self._ids[block["id"]] = owed.block.fields.get("id")
        said = {key: block[key] for key in GROWING if block.get(key)}
        delta = {"type": f"{block.get('type')}_delta", **said}
        return _go_on({"type": "content_block_delta", "delta": delta}, index, owed) if said else []

    def _renamed(self, block: Event) -> Event:
        own = block.get("tool_use_id")
        return {**block, "tool_use_id": self._ids[own]} if own in self._ids else block


def _go_on(event: Event, index: int, owed: _Owed) -> list[Event]:
    """What is new of a delta of a block that was delivered in part."""
    delta = event.get("delta")
    if not isinstance(delta, dict):
        return [{**event, "index": index}]
    left = {key: owed.repay(key, value) for key, value in delta.items() if key != "type"}
    new = {key: value for key, value in left.items() if value is not None}
    if not any(value != "" for value in new.values()):
        return []
    if owed.block.closed:
        raise Diverged(f"block {index} goes on after its end")
    return [{**event, "index": index, "delta": {"type": delta.get("type"), **new}}]
