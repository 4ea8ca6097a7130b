"""Odd chunks, put as OpenAI would have written them.

Servers and relays of this dialect send what no client of it reads: a ``message`` in a chunk, a
second choice that nobody asked for, arguments that are an object. What is odd is mended where it
comes in, once, so that streaming callers, folds and callers of other dialects are told the same.
What is not odd stays as it is: the very object.

Where one choice was asked for there is one answer, and each choice is a piece of it.
"""

from collections.abc import Iterator
from typing import Any

from broker.dialects.chat.binding import Binding
from broker.dialects.chat.fold import ChatFold
from broker.dialects.chat.view import whole_chunk
from broker.dialects.chat.words import THOUGHTS, meaning
from broker.dialects.wire import encode

Object = dict[str, Any]
_SPEAKING = ("content", "refusal", *THOUGHTS)


class Shape:
    """The shape of one answer of ``choices`` choices.

    ``spoken``: deltas had text, so that a ``message`` only repeats it.
    """

    def __init__(self, choices: int = 1) -> None:
        self.spoken = False
        self._one = choices == 1
        self._bindings: dict[int, Binding] = {}
        self._told: dict[str, str] = {}  # by messages in place of deltas

    def mend(self, chunk: Object) -> list[Object]:
        """The chunks that say it; the chunk itself if it is plain."""
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices:
            return [chunk]
        mended = [
            self._choice(choice, place) if isinstance(choice, dict) else choice
            for place, choice in enumerate(choices)
        ]
        if self._one and len(mended) > 1:
            return list(_parted(chunk, mended))
        if all(new is old for new, old in zip(mended, choices, strict=True)):
            return [chunk]
        return [{**chunk, "choices": mended}]

    def _choice(self, choice: Object, place: int) -> Object:
        index = choice.get("index")
        known = index if type(index) is int else place
        delta = self._delta(choice)
        if isinstance(delta, dict):
            delta = self._bound(known, delta)
        moved = delta is not choice.get("delta")
        if self._one and (index if type(index) is int else None) != 0 and _says(choice, delta):
            moved, known = True, 0
        if not moved:
            return choice
        rest = {key: choice[key] for key in choice if key not in ("index", "delta", "message")}
        if delta is not choice.get("delta") and "text" in rest and not choice.get("delta"):
            rest.pop("text")
        return {"index": known, "delta": delta, **rest}

    def _delta(self, choice: Object) -> Any:
        """The delta of a choice, or what stands in its place."""
        delta = choice.get("delta")
        if isinstance(delta, str):
            delta = {"content": delta} if delta else {}
        if isinstance(delta, dict) and delta:
            self.spoken = self.spoken or any(delta.get(key) for key in _SPEAKING)
            if any(delta.get(key) for key in delta if key != "role"):
                return delta
        message = choice.get("message")
        if isinstance(message, dict) and message:
            return self._message(message, last=bool(choice.get("finish_reason")))
        if isinstance(text := choice.get("text"), str) and text:
            return {**(delta or {}), "content": text}
        return delta

    def _message(self, message: Object, *, last: bool) -> Object:
        """A message in place of a delta: a piece, as that would be. The last may be all of it."""
        if self.spoken:
            return {}
        found = dict(message)
        for key in _SPEAKING:
            text = message.get(key)
            if not isinstance(text, str) or not text:
                continue
            told = self._told.get(key, "")
            if last and told and text == told:
                del found[key]
                continue
            self._told[key] = told + text
        return found

    def _bound(self, choice: int, delta: Object) -> Object:
        if isinstance(part := delta.get("content"), dict):
            delta = {**delta, "content": [part]}
        calls, legacy = delta.get("tool_calls"), delta.get("function_call")
        if not calls and not legacy:
            return delta
        found = delta
        if calls:
            number = 0 if self._one else choice
            binding = self._bindings.setdefault(number, Binding())
            bound = binding.bound(choice, calls)
            found = found if bound is calls else {**found, "tool_calls": bound}
        if isinstance(legacy, dict) and not isinstance(legacy.get("arguments"), str | None):
            text = encode(legacy["arguments"]).decode()
            found = {**found, "function_call": {**legacy, "arguments": text}}
        return found


def _says(choice: Object, delta: Any) -> bool:
    return bool(delta) or bool(choice.get("finish_reason"))


def _parted(chunk: Object, choices: list[Any]) -> Iterator[Object]:
    """One chunk a choice: clients look at the first only. The last has the reason to end."""
    reasons = [
        reason
        for choice in choices
        if isinstance(choice, dict) and (reason := choice.get("finish_reason"))
    ]
    calls = [reason for reason in reasons if _calls(reason)]
    reason = (calls or reasons or [None])[-1]
    told = [choice for choice in choices if not isinstance(choice, dict) or choice.get("delta")]
    told = told or choices[-1:]
    counted = {key: value for key, value in chunk.items() if key != "usage"}
    for place, choice in enumerate(told, 1):
        last = place == len(told)
        if isinstance(choice, dict):
            choice = {**choice, "index": 0, "finish_reason": reason if last else None}
        yield {**(chunk if last else counted), "choices": [choice]}


def _calls(reason: Any) -> bool:
    return isinstance(reason, str) and meaning(reason) == "tool_calls"


def mended_whole(answer: Object, choices: int = 1) -> Object | None:
    """A whole answer put the same way; None if it is plain."""
    given = answer.get("choices")
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        return None
    if all(map(_plain, given)) and (len(given) == 1 or choices != 1):
        return None
    fold = ChatFold()
    for chunk in Shape(choices).mend(whole_chunk(answer, include_usage=True)):
        fold.take(chunk)
    found = fold.answer()
    return {**found, "object": answer.get("object", found["object"])}


def _plain(choice: Object) -> bool:
    message = choice.get("message")
    if not isinstance(message, dict):
        return not (choice.get("delta") or choice.get("text"))
    calls = message.get("tool_calls")
    if isinstance(calls, dict):
        return False
    legacy = message.get("function_call")
    told = [legacy] if isinstance(legacy, dict) else []
    for call in calls if isinstance(calls, list) else ():
        if not isinstance(call, dict):
            continue
        function = call.get("function")
        if not isinstance(function, dict):
            if isinstance(call.get("custom"), dict):
                continue
            return False
        told.append(function)
    return all(isinstance(each.get("arguments"), str | None) for each in told)
