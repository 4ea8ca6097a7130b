"""What a stream's events add up to: the response as far as it was told.

An event that ends the response (``ENDS``) holds all of it, and nothing else is needed then, but
where it leaves out its output. Until one comes, items are put together from what began them, the
deltas of their texts, and whatever said that a part of them was done, which stands for all that led
up to it.
"""

from typing import Any

from broker.dialects.text import Growing

ENDS = ("response.completed", "response.incomplete", "response.failed")
LIFE = ("response.created", "response.queued", "response.in_progress", *ENDS)

# What grows: where it stands in its item (a list of parts, or the item itself), and its field.
TEXTS: dict[str, tuple[str | None, str]] = {
    "response.output_text": ("content", "text"),
    "response.refusal": ("content", "refusal"),
    "response.reasoning_text": ("content", "text"),
    "response.reasoning_summary_text": ("summary", "text"),
    "response.function_call_arguments": (None, "arguments"),
    "response.mcp_call_arguments": (None, "arguments"),
    "response.custom_tool_call_input": (None, "input"),
    "response.code_interpreter_call_code": (None, "code"),
}
# What an item is whose beginning was never told.
_BEGUN: dict[str, dict[str, Any]] = {
    "response.output_text": {"type": "message", "role": "assistant", "content": []},
    "response.refusal": {"type": "message", "role": "assistant", "content": []},
    "response.reasoning_text": {"type": "reasoning", "summary": [], "content": []},
    "response.reasoning_summary_text": {"type": "reasoning", "summary": []},
}
_PARTS = {"response.content_part": "content", "response.reasoning_summary_part": "summary"}
_PARTS_OF = {  # what kind of text says of an item that it has such parts
    "response.content_part": "response.output_text",
    "response.reasoning_summary_part": "response.reasoning_summary_text",
}
_PART_TYPES = {
    "response.output_text": "output_text",
    "response.refusal": "refusal",
    "response.reasoning_text": "reasoning_text",
    "response.reasoning_summary_text": "summary_text",
}
_INDEX = {"content": "content_index", "summary": "summary_index"}
_MOST_PARTS = 10_000  # of an item; an index beyond is a provider's slip, and no reason to swell

_Place = tuple[str | None, int, str]  # of a text in its item: where, which part, and its field


class Gathered:
    """``life`` is the response as an event last had it, ``end`` that event's type if it ends."""

    def __init__(self) -> None:
        self.life: dict[str, Any] = {}
        self.end: str | None = None
        self.said = False  # anything beside the response's own beginning
        self._items: dict[int, dict[str, Any]] = {}
        self._texts: dict[int, dict[_Place, Growing]] = {}  # by item
        self._done: set[int] = set()
        self._places: dict[str, int] = {}  # of items, by their ids
        self._noted: dict[int, set[int]] = {}  # by item the parts whose annotations are our own

    def feed(self, event: dict[str, Any]) -> None:
        """Take one event."""
        kind = event.get("type")
        if not isinstance(kind, str):
            return
        if kind in LIFE:
            response = event.get("response")
            self.life = response if isinstance(response, dict) else self.life
            self.end = kind if kind in ENDS else self.end
            return
        self.said = True
        stem, _, verb = kind.rpartition(".")
        index = self._place(event)
        if index is None:
            return
        if stem == "response.output_item":
            self._set_item(index, event.get("item"))
            if verb == "done":
                self._done.add(index)
        elif stem in _PARTS:
            if index not in self._items:
                self._set_item(index, {"id": event.get("item_id"), **_BEGUN[_PARTS_OF[stem]]})
            self._set_part(index, _PARTS[stem], event)
            if verb == "done":
                self._done.add(index)
        elif stem in _BEGUN or (stem in TEXTS and index in self._items):
            if index not in self._items:
                self._set_item(index, {"id": event.get("item_id"), **_BEGUN[stem]})
            self._add_text(index, stem, verb, event)
        elif kind == "response.output_text.annotation.added" and index in self._items:
            self._annotate(index, event)

    def _place(self, event: dict[str, Any]) -> int | None:
        """The place of an event's item; where it has none, that of the item of its id."""
        place, item = event.get("output_index"), event.get("item")
        name = event.get("item_id") or (item.get("id") if isinstance(item, dict) else None)
        if type(place) is int:
            if isinstance(name, str):
                self._places.setdefault(name, place)
            return place
        if not isinstance(name, str) or not name:
            return None
        if name not in self._places:
            self._places[name] = max([*self._items, *self._places.values()], default=-1) + 1
        return self._places[name]

    def _set_item(self, index: int, item: Any) -> None:
        if isinstance(item, dict):
            self._items[index] = _copied(item)
            self._texts.pop(index, None)
            self._noted.pop(index, None)

    def _set_part(self, index: int, where: str, event: dict[str, Any]) -> None:
        place, part = event.get(_INDEX[where]), event.get("part")
        if isinstance(part, dict) and self._part(index, where, place) is not None:
            assert type(place) is int
            self._items[index][where][place] = _copied(part)
            texts = self._texts.get(index, {})
            for field in ("text", "refusal"):
                texts.pop((where, place, field), None)
            if where == "content":
                self._noted.get(index, set()).discard(place)

    def _add_text(self, index: int, stem: str, verb: str, event: dict[str, Any]) -> None:
        where, field = TEXTS[stem]
        place = 0 if where is None else event.get(_INDEX[where])
        text = event.get("delta" if verb == "delta" else field)
        holder = self._items[index] if where is None else self._part(index, where, place)
        if holder is None or type(place) is not int or not isinstance(text, str):
            return
        if where is not None and not holder:
            holder["type"] = _PART_TYPES[stem]
        texts = self._texts.setdefault(index, {})
        spot = (where, place, field)
        if verb == "done":
            texts[spot] = Growing(text)
            return
        if spot not in texts:
            first = holder.get(field)
            texts[spot] = Growing(first if isinstance(first, str) else "")
        if verb == "delta":
            texts[spot].add(text)

    def _annotate(self, index: int, event: dict[str, Any]) -> None:
        place = event.get("content_index")
        part = self._part(index, "content", place)
        if part is not None:
            assert type(place) is int
            known, noted = part.get("annotations"), self._noted.setdefault(index, set())
            if place not in noted or not isinstance(known, list):
                known = part["annotations"] = [*(known or ())]
                noted.add(place)
            known.append(event.get("annotation"))

    def _part(self, index: int, where: str, place: Any) -> dict[str, Any] | None:
        """A part of an item, made with all before it if need be; None if there can't be one."""
        if type(place) is not int or not 0 <= place < _MOST_PARTS:
            return None
        item = self._items[index]
        parts = item.get(where)
        if not isinstance(parts, list):
            parts = item[where] = []
        while len(parts) <= place:
            parts.append({})
        part = parts[place]
        return part if isinstance(part, dict) else None

    @property
    def output(self) -> list[dict[str, Any]]:
        """The items, in order, with their texts as far as they came. An end that has none of them
        doesn't unsay what was told."""
        if self.end is not None and (told := self.life.get("output")) and isinstance(told, list):
            return list(told)
        spoken = set(self._done)
        for index, texts in self._texts.items():
            item = self._items[index]
            for (where, place, field), text in texts.items():
                holder = item if where is None else item[where][place]
                holder[field] = str(text)
                if len(text):
                    spoken.add(index)
        if self.end is None:
            return [self._items[index] for index in sorted(self._items)]
        return [_ended(self._items[index]) for index in sorted(spoken & self._items.keys())]


def _ended(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "status": "completed"} if item.get("status") == "in_progress" else item


def _copied(item: dict[str, Any]) -> dict[str, Any]:
    """The item, with lists and parts of its own, to be added to."""
    return {key: _copied_list(value) for key, value in item.items()}


def _copied_list(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [dict(each) if isinstance(each, dict) else each for each in value]
