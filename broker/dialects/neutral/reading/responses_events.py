"""Responses events, read. Kinds of events and items that nobody asked for are passed over.

What an item says comes in deltas, and again when a part of it is done, the item is, and the
response. So each text is told as far as it was not told before: some providers leave out the
deltas, others all but the end.
"""

from collections.abc import Iterator
from typing import Any

from broker.dialects.neutral import errors, usage
from broker.dialects.neutral.event import (
    Event,
    Failed,
    RefusalDelta,
    Signed,
    Start,
    Stop,
    StopReason,
    TextDelta,
    ThoughtDelta,
    untold,
)
from broker.dialects.neutral.reading.calls import Calls, arguments_text
from broker.dialects.neutral.signature import unseal

# What the deltas of each kind of event are, and the field of the event that says all of it.
TEXTS: dict[str, tuple[str, str]] = {
    "response.output_text": ("text", "text"),
    "response.refusal": ("refusal", "refusal"),
    "response.reasoning_summary_text": ("summary", "text"),
    "response.reasoning_text": ("thought", "text"),
    "response.function_call_arguments": ("arguments", "arguments"),
}
# Likewise of each kind of part of an item.
PARTS: dict[str, tuple[str, str]] = {
    "output_text": ("text", "text"),
    "text": ("text", "text"),
    "refusal": ("refusal", "refusal"),
    "summary_text": ("summary", "text"),
    "reasoning_text": ("thought", "text"),
}
_TYPES = {"arguments": "function_call", "thought": "reasoning", "summary": "reasoning"}
# Items that callers of other dialects can't be given.
UNTOLD_ITEMS = {
    "custom_tool_call": "a call of a custom tool",
    "image_generation_call": "a picture",
    "computer_call": "a call of a computer",
    "local_shell_call": "a call of a shell",
    "shell_call": "a call of a shell",
    "apply_patch_call": "a patch",
    "mcp_approval_request": "a wish for an approval",
}
# Why a response is incomplete. Whatever else it may be, it was cut off.
INCOMPLETE: dict[str, StopReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "filter",
}


_Spot = tuple[int, str]  # an item, and a text in it


class ResponsesReader:
    """Reads one answer. ``fallback`` is its id where the provider gives none."""

    def __init__(self, fallback: str = "") -> None:
        self._id = fallback
        self._started = False
        self._stopped = False
        self._refused = False
        self._calls = Calls()
        self._keys: dict[str, int] = {}  # items by their ids
        self._types: dict[int, str] = {}  # of items, in the order in which they began
        self._lengths: dict[_Spot, int] = {}  # characters told, by item and kind of text
        # Where the last delta of text or thoughts was: its type, places, and spot.
        self._running = ""
        self._at: tuple[Any, Any, str, int] = (None, None, "", 0)
        self._spot: _Spot = (0, "")
        self._speaks = False
        self._summaries: dict[int, Any] = {}  # the part of its summary that an item is at
        self._places: dict[int, int] = {}  # the keys of the items that came last at a place
        self._count = 0  # of items without a place
        self._done: set[int] = set()
        self._sealed: set[int] = set()
        self._last = 0

    def feed(self, event: dict[str, Any]) -> list[Event]:
        """The events of one event."""
        if (
            event.get("type") == self._running
            and event.get("output_index") == self._at[0]
            and event.get("item_id") == self._at[1]
            and event.get(self._at[2], 0) == self._at[3]
            and type(delta := event.get("delta")) is str
            and delta
            and not self._calls.waits
        ):  # more of the text that the event before was of, as nearly all of them are
            self._lengths[self._spot] += len(delta)
            return [TextDelta(delta) if self._speaks else ThoughtDelta(delta)]
        return list(self._read(event))

    def whole(self, answer: dict[str, Any]) -> list[Event]:
        """The events of a whole response."""
        found = self.feed({"type": "response.created", "response": answer})
        status = answer.get("status") or "completed"
        return found + self.feed({"type": f"response.{status}", "response": answer}) + self.end()

    def end(self) -> list[Event]:
        """The answer is complete: what remains to be said."""
        return list(self._stop({}))

    def _read(self, event: dict[str, Any]) -> Iterator[Event]:
        kind, response = str(event.get("type")), event.get("response")
        response = response if isinstance(response, dict) else None
        if not self._started and kind != "error":
            self._started = True
            given = response or {}
            self._id = given.get("id") or self._id
            yield Start(self._id, given.get("model") or "")
        stem, _, verb = kind.rpartition(".")
        if stem in TEXTS:
            yield from self._text(stem, verb, event)
            return
        match kind:
            case "response.output_item.added":
                yield from self._begin(event)
            case "response.output_item.done" if isinstance(item := event.get("item"), dict):
                key = self._item_key(event, item, begins=False)
                yield from self._end(key, item)
                self._done.add(key)
            case "response.content_part.done" | "response.reasoning_summary_part.done":
                place = event.get("content_index", event.get("summary_index"))
                place = place if type(place) is int else 0
                yield from self._part(self._key(event, {}), event.get("part"), place)
            case "response.completed" | "response.incomplete" | "response.failed":
                yield from self._finish(kind, response or {})
            case "error":
                yield errors.from_openai(event.get("error") or event)

    def _finish(self, kind: str, response: dict[str, Any]) -> Iterator[Event]:
        failed = "failed" in (response.get("status"), kind.rpartition(".")[2])
        if failed or response.get("error"):
            yield errors.from_openai(response.get("error"))
            return
        status = response.get("status") or kind.rpartition(".")[2]
        yield from self._stop({**response, "status": status})
        if isinstance(response.get("usage"), dict):
            yield usage.from_responses(response["usage"])

    def _key(self, event: dict[str, Any], item: dict[str, Any]) -> int:
        """What an item is known by: its place; without one, a number that its id stands for."""
        place, name = event.get("output_index"), event.get("item_id") or item.get("id")
        name = name if isinstance(name, str) else ""
        if type(place) is int:
            key = self._places.setdefault(place, place)
        elif name:
            key = self._keys[name] if name in self._keys else self._fresh()
        else:
            return self._last
        if name:
            self._keys.setdefault(name, key)
        return key

    def _item_key(self, event: dict[str, Any], item: dict[str, Any], *, begins: bool) -> int:
        """The same of an item that begins or is done: one that comes at the place of another, which
        was done, is another."""
        name = item.get("id")
        known = self._keys.get(name) if isinstance(name, str) and name else None
        key = self._key(event, item)
        if key in self._done and (begins or (name and known != key)):
            key = self._fresh()
            if isinstance(name, str) and name:
                self._keys[name] = key
            if type(place := event.get("output_index")) is int:
                self._places[place] = key
        return key

    def _fresh(self) -> int:
        """A key that no place is."""
        self._count += 1
        return -self._count

    def _text(self, stem: str, verb: str, event: dict[str, Any]) -> Iterator[Event]:
        what, field = TEXTS[stem]
        key = self._last = self._key(event, {})
        text = event.get("delta" if verb == "delta" else field)
        if text is None or text == "":
            return
        if what == "arguments":
            text = arguments_text(text)
        if not isinstance(text, str):
            yield Failed("provider", "The provider's text is none.")
            return
        part = event.get("summary_index" if what == "summary" else "content_index")
        part = part if type(part) is int else 0
        if verb == "delta":
            yield from self._say(key, what, part, text)
            self._run(f"{stem}.delta", event, key, what, part)
        else:
            yield from self._rest(key, what, part, text)

    def _run(self, kind: str, event: dict[str, Any], key: int, what: str, part: int) -> None:
        """Note where a delta was, for the next one to be told by."""
        self._running = kind if what in ("text", "thought", "summary") else ""
        index = "summary_index" if what == "summary" else "content_index"
        self._at = (event.get("output_index"), event.get("item_id"), index, part)
        self._spot = (key, f"{what} {part}")
        self._speaks = what == "text"

    def _rest(self, key: int, what: str, part: int, text: str) -> Iterator[Event]:
        """What is new of a text that is told to its end."""
        known = self._lengths.get((key, f"{what} {part}"), 0)
        yield from self._say(key, what, part, text[known:])

    def _say(self, key: int, what: str, part: int, text: str) -> Iterator[Event]:
        if not text:
            return
        spot = (key, f"{what} {part}")
        if spot not in self._lengths:
            self._types.setdefault(key, _TYPES.get(what, "message"))
            self._lengths[spot] = 0
        self._lengths[spot] += len(text)
        if what == "arguments":
            yield from self._calls.more(key, text)
            return
        yield from self._calls.settle()
        if what in ("thought", "summary"):
            if key in self._summaries and self._summaries[key] != part:
                yield ThoughtDelta("\n\n")
            self._summaries[key] = part
            yield ThoughtDelta(text)
        elif what == "refusal":
            self._refused = True
            yield RefusalDelta(text)
        else:
            yield TextDelta(text)

    def _begin(self, event: dict[str, Any]) -> Iterator[Event]:
        item = event.get("item")
        if not isinstance(item, dict):
            return
        key = self._last = self._item_key(event, item, begins=True)
        self._running = ""
        self._types.setdefault(key, str(item.get("type")))
        if item.get("type") == "function_call":
            id, name = item.get("call_id") or "", item.get("name") or ""
            yield from self._calls.begin(key, id, name, self._id)

    def _part(self, key: int, part: Any, place: int) -> Iterator[Event]:
        if not isinstance(part, dict):
            return
        what, field = PARTS.get(str(part.get("type")), ("", ""))
        text = part.get(field)
        if what and isinstance(text, str) and text:
            yield from self._rest(key, what, place, text)

    def _end(self, key: int, item: dict[str, Any]) -> Iterator[Event]:
        """An item is whole: what of it was not told yet."""
        kind = item.get("type")
        self._running = ""
        self._types.setdefault(key, str(kind))
        if kind in UNTOLD_ITEMS:
            yield untold(UNTOLD_ITEMS[str(kind)])
        elif kind == "function_call":
            id, name = item.get("call_id") or "", item.get("name") or ""
            if self._calls.knows(key):
                yield from self._calls.name(key, id, name)
            else:
                yield from self._calls.begin(key, id, name, self._id)
            if text := arguments_text(item.get("arguments")):
                yield from self._rest(key, "arguments", 0, text)
            yield from self._calls.end(key)
        else:
            yield from self._said(key, item)

    def _said(self, key: int, item: dict[str, Any]) -> Iterator[Event]:
        for field in ("summary", "content"):
            parts = item.get(field)
            if isinstance(parts, str):
                parts = [{"type": "output_text", "text": parts}]
            for place, part in enumerate(parts if isinstance(parts, list) else ()):
                yield from self._part(key, part, place)
        sealed = item.get("encrypted_content")
        if item.get("type") != "reasoning" or key in self._sealed:
            return
        if isinstance(sealed, str) and sealed:
            self._sealed.add(key)
            yield Signed(unseal(sealed, "responses", item.get("id") or ""))

    def _matched(self, output: Any) -> list[tuple[int, dict[str, Any]]]:
        """The items that a response ends with, each with the key that it was known under: by its
        id, else it is the first of its type that is left; else it is new."""
        found: list[tuple[int, dict[str, Any]]] = []
        left = dict(self._types)
        for item in output if isinstance(output, list) else ():
            if not isinstance(item, dict):
                continue
            name = item.get("id")
            key = self._keys.get(name) if isinstance(name, str) and name else None
            if key is None or key not in left:
                kind = str(item.get("type"))
                key = next((each for each in left if left[each] == kind), None)
            if key is None:
                key = self._fresh()
            left.pop(key, None)
            found.append((key, item))
        return found

    def _stop(self, response: dict[str, Any]) -> Iterator[Event]:
        if self._stopped:
            return
        self._stopped = True
        for key, item in self._matched(response.get("output")):
            yield from self._end(key, item)
        yield from self._calls.end_all()
        reason: StopReason = "end"
        if response.get("status") == "incomplete":
            details = response.get("incomplete_details")
            why = details.get("reason") if isinstance(details, dict) else None
            reason = INCOMPLETE.get(str(why), "length")
        elif self._calls.any:
            reason = "tool_calls"
        elif self._refused:
            reason = "refusal"
        yield Stop(reason)
