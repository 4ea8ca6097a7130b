"""Continuing: the provider was given the delivered text and goes on from it.

Its first text goes into the block that was left open, later blocks get the next indexes, and
its thoughts are left out: those behind the text went out before it.
"""

from typing import Any

from broker.dialects.messages.message import Block, index_of
from broker.dialects.text import joined
from broker.dialects.white_space import WhiteSpace

Event = dict[str, Any]
_THOUGHTS = ("thinking", "redacted_thinking")


class Continuation:
    """Fits the events of an attempt that goes on from these blocks, the last of which is text."""

    owes = False

    def __init__(self, blocks: list[tuple[int, Block]]) -> None:
        last, block = blocks[-1]
        self._open: int | None = None if block.closed else last
        self._next = last + 1
        self._places: dict[int, int | None] = {}  # by the attempt's own index; None: left out
        text = joined(block.text())
        self._space = WhiteSpace("" if block.closed else text[len(text.rstrip()) :])

    def fit(self, event: Event) -> list[Event]:
        """The events to write for one."""
        match event.get("type"):
            case "content_block_start":
                return self._begin(event)
            case "content_block_delta":
                return self._go_on(event)
            case "content_block_stop":
                place = self._places.get(index_of(event))
                if place == self._open:
                    self._open = None
                return [] if place is None else [{**event, "index": place}]
            case "message_delta" | "message_stop":
                return [*self._close(), event]
        return [event]

    def _begin(self, event: Event) -> list[Event]:
        index, start = index_of(event), event.get("content_block")
        block = start if isinstance(start, dict) else {}
        if block.get("type") in _THOUGHTS:
            self._places[index] = None
            return []
        if block.get("type") == "text" and self._open is not None and not self._places_open:
            self._places[index] = self._open
            said = self._space.unsaid(block.get("text") or "")
            return [_text(self._open, said)] if said else []
        place, self._next = self._next, self._next + 1
        self._places[index] = place
        return [*self._close(), {**event, "index": place}]

    @property
    def _places_open(self) -> bool:
        return self._open in self._places.values()

    def _go_on(self, event: Event) -> list[Event]:
        place, delta = self._places.get(index_of(event)), event.get("delta")
        if place is None:
            return []
        if place == self._open and isinstance(delta, dict) and isinstance(delta.get("text"), str):
            text = self._space.unsaid(delta["text"])
            return [{**event, "index": place, "delta": {**delta, "text": text}}] if text else []
        return [{**event, "index": place}]

    def _close(self) -> list[Event]:
        """The end of the open block, before anything that comes after it."""
        if self._open is None:
            return []
        index, self._open = self._open, None
        self._space = WhiteSpace()
        return [{"type": "content_block_stop", "index": index}]


def _text(index: int, text: str) -> Event:
    delta = {"type": "text_delta", "text": text}
    return {"type": "content_block_delta", "index": index, "delta": delta}
