"""The fold: the whole ``chat.completion`` that a stream's chunks add up to.

A non-streaming answer is this fold of the same frames that a streaming caller gets, so the
rules (PROTOCOL.md has the table) are those of the dialect's own clients, and go beyond
them only where a provider would otherwise lose something:

- A null never overwrites a value; it stays where nothing else was ever given.
- In a delta texts are concatenated, names and ids are set; beside it (``finish_reason``,
  filter results) every text is set. An empty text never overwrites a set one, for some
  providers repeat ``"id": ""`` in every chunk of a tool call.
- Fields nobody has heard of follow the rule of their JSON type, so that tomorrow's fields
  arrive too.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Raw

from broker.dialects.chat.items import Items
from broker.dialects.fold import Fold
from broker.dialects.text import Growing
from broker.dialects.wire import decode_object, encode
from broker.frames import Frame

_FIRST = frozenset(("id", "created", "model", "system_fingerprint", "service_tier"))
_DROPPED = frozenset(("object", "obfuscation"))
SET = frozenset(
    ("role", "type", "id", "name", "object", "index", "format", "status", "call_id", "tool_call_id")
)


class ChatFold(Fold):
    """The chunks of a stream so far."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def take(self, event: dict[str, Any]) -> None:
        """Take one chunk."""
        _add_chunk(self._answer, self._choices, event)

    def folded(self) -> dict[str, Any]:
        """The completion that they add up to."""
        answer, choices = self._answer, self._choices
        answer["object"] = "chat.completion"
        answer["choices"] = [_whole_choice(index, choices[index]) for index in sorted(choices)]
        return answer

    def answer(self) -> dict[str, Any]:
        """The same in plain values; once, as that."""
        answer: dict[str, Any] = _unpacked(super().answer())
        return answer


def fold(frames: Iterable[Frame]) -> dict[str, Any]:
    """The whole answer of a completed stream, or its verbatim whole-answer frame."""
    gathered = ChatFold()
    gathered.feed(frames)
    return gathered.answer()


def _add_chunk(
    answer: dict[str, Any], choices: dict[int, dict[str, Any]], chunk: dict[str, Any]
) -> None:
    for key, value in chunk.items():
        if key == "choices":
            answer.setdefault(key, None)  # holds its place among the keys
            add_choices(choices, value)
        elif key in _DROPPED:
            if key == "object":
                answer.setdefault(key, None)
        elif key in _FIRST:
            # A filter's chunk before the first token has "", "" and 0 here.
            if not answer.get(key) and (value is not None or key not in answer):
                answer[key] = value
        elif value is not None or key not in answer:
            answer[key] = value


def add_choices(choices: dict[int, dict[str, Any]], value: Any) -> None:
    """Merge a chunk's choices into what was gathered, by index; ``finished`` makes it plain."""
    for place, choice in enumerate(value if isinstance(value, list) else ()):
        if isinstance(choice, dict):
            _add_choice(choices.setdefault(place_of(choice, place), {}), choice)


def place_of(choice: dict[str, Any], place: int) -> int:
    """A choice's index; where it has none, its place in the chunk."""
    index = choice.get("index")
    return index if type(index) is int else place


def _add_choice(state: dict[str, Any], choice: dict[str, Any]) -> None:
    """A ``message`` in a chunk is passed over, as clients do: its text came in deltas."""
    delta = choice.get("delta")
    if isinstance(delta, dict):
        _merge(state.setdefault("delta", {}), delta, grow=True)
    rest = {key: choice[key] for key in choice if key not in ("index", "delta", "message")}
    _merge(state, rest, grow=False)


def _whole_choice(index: int, state: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    message.update(finished(state.pop("delta", {})))
    message["role"] = message["role"] or "assistant"
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        for call in calls:
            if isinstance(call, dict):
                call.pop("index", None)  # whole answers have none
                if isinstance(call.get("function"), dict):
                    call["type"] = call.get("type") or "function"  # which some leave out
    return {"index": index, "message": message, "finish_reason": None, **finished(state)}


# ── Merging by JSON type ───────────────────────────────────────────────────────────────


def _merge(into: dict[str, Any], more: dict[str, Any], *, grow: bool) -> None:
    """Merge an object into the one gathered so far; ``grow``: whether texts concatenate."""
    for key, value in more.items():
        old = into.get(key)
        if value is None:
            into.setdefault(key, None)
        elif isinstance(value, str):
            if grow and key not in SET:
                into[key] = _grown(old, value)
            elif value or old is None:
                into[key] = value
        elif isinstance(value, dict):
            inner: dict[str, Any] = old if isinstance(old, dict) else {}
            _merge(inner, value, grow=grow)
            into[key] = inner
        elif isinstance(value, list):
            items = _as_items(old)
            _extend(items, value, key, grow=grow)
            into[key] = items
        else:
            into[key] = value


def _grown(old: Any, text: str) -> Any:
    if isinstance(old, Growing):
        old.add(text)
        return old
    if isinstance(old, str):
        return Growing(old, text)
    if isinstance(old, Items):
        return _grown_parts(old, text)
    return text


def _grown_parts(parts: Items, text: str) -> Items:
    """Text after a list, from providers that think in parts and then speak in plain text."""
    last = parts[-1] if parts else None
    if isinstance(last, dict) and last.get("type") == "text":
        last["text"] = _grown(last.get("text"), text)
    elif text:
        parts.append({"type": "text", "text": text})
    return parts


def _as_items(old: Any) -> Items:
    """What was gathered so far, as the list that further items are added to."""
    if isinstance(old, Items):
        return old
    text = finished(old)
    return Items(({"type": "text", "text": text},) if isinstance(text, str) and text else ())


def _extend(items: Items, more: list[Any], key: str, *, grow: bool) -> None:
    """Items with an ``index`` merge with the item of that index; others are added."""
    for item in more:
        index = item.get("index") if isinstance(item, dict) else None
        if key == "tool_calls" and type(index) is not int and isinstance(item, dict):
            index = items.index_of(item)
            item = {**item, "index": index}
        if type(index) is not int or key == "annotations":
            items.append(item if grow else _packed(item))
            continue
        same = items.at(index)
        if same is None:
            same = items.begin(index)
        name = same.get("id")
        _merge(same, item, grow=grow)
        if same.get("id") != name:
            items.name(index, name)


def _packed(item: Any) -> Any:
    """An item that only gathers (a token's probabilities, say) as JSON: a tenth of the memory."""
    return Raw(encode(item)) if isinstance(item, dict) else item


def _unpacked(value: Any) -> Any:
    """The same with what was packed as plain values."""
    if isinstance(value, Raw):
        return decode_object(bytes(value))
    if isinstance(value, dict):
        return {key: _unpacked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unpacked(inner) for inner in value]
    return value


def finished(value: Any) -> Any:
    """The plain JSON value of what was gathered: texts joined, indexed items in order."""
    if isinstance(value, Growing):
        return str(value)
    if isinstance(value, dict):
        return {key: finished(inner) for key, inner in value.items()}
    if isinstance(value, list):
        items = [finished(item) for item in value]
        if items and all(isinstance(i, dict) and type(i.get("index")) is int for i in items):
            items.sort(key=lambda item: item["index"])
        return items
    return value
