"""Chat, heard."""

import json
from typing import Any

from tests.plausible.heard import Heard, Object
from tests.recorded.reading import Event

_FLAT = ("reasoning_content", "reasoning", "reasoning_text", "thinking", "tool_plan")
_DELTA = frozenset(
    ("role", "content", "refusal", "reasoning_content", "reasoning_details", "tool_calls")
)


def heard_stream(events: list[Event], *, strict: bool) -> Heard:
    """A stream's chunks, as a client that asked for one choice adds them up.

    Not ``strict``: of a provider's own making, of which a chunk's first choice is what counts.
    """
    heard = Heard()
    calls: dict[int, Object] = {}
    heard.demand(bool(events) and events[-1].data == b"[DONE]", "no [DONE]")
    for event in events[:-1]:
        chunk = json.loads(event.data)
        if chunk.get("usage"):
            heard.usage = chunk["usage"]
        choices = chunk.get("choices") or []
        if strict:
            heard.demand(isinstance(chunk.get("id"), str), "a chunk without an id")
            heard.demand(isinstance(chunk.get("choices"), list), "a chunk without choices")
        heard.demand(len(choices) < 2, "several choices in a chunk")
        for choice in choices[:1]:
            nobodys = choice.get("index") != 0 and (strict or choice.get("delta"))
            heard.demand(not nobodys, "a choice that nobody asked for")
            _delta(heard, calls, choice.get("delta"), strict)
            if choice.get("finish_reason"):
                heard.demand(heard.reason is None or not strict, "two reasons to stop")
                heard.reason = choice["finish_reason"]
    for index in sorted(calls):
        id = calls[index]["id"] or ("" if strict else "none")
        arguments = calls[index]["arguments"]
        heard.called(id, calls[index]["name"], arguments if strict else arguments or "{}")
    return heard


def _delta(heard: Heard, calls: dict[int, Object], delta: Any, strict: bool) -> None:
    if not isinstance(delta, dict):
        heard.demand(not strict, "a choice without a delta")
        return
    if strict:
        heard.demand(delta.keys() <= _DELTA, f"a delta of {sorted(delta.keys() - _DELTA)}")
        heard.demand(heard.reason is None or not any(delta.values()), "a delta behind the end")
        heard.demand(isinstance(delta.get("content"), str | None), "content is no text")
    _spoken(heard, delta)
    for piece in delta.get("tool_calls") or ():
        _piece(heard, calls, piece, strict)
    if legacy := delta.get("function_call"):
        heard.demand(not strict, "a call of 2023")
        _piece(heard, calls, {"index": 0, "function": legacy}, strict)


def _piece(heard: Heard, calls: dict[int, Object], piece: Object, strict: bool) -> None:
    index, function = piece.get("index"), piece.get("function") or {}
    if not strict and isinstance(piece.get("custom"), dict):
        custom = piece["custom"]
        function = {"name": custom.get("name"), "arguments": custom.get("input") or ""}
    if type(index) is not int:
        heard.faults.append("a piece of a call without an index")
        return
    if index not in calls:
        calls[index] = {"id": piece.get("id"), "name": function.get("name"), "arguments": ""}
        heard.demand(piece.get("type") == "function" or not strict, "a call of no type")
    else:
        again = piece.get("id") and (strict or piece["id"] != calls[index]["id"])
        heard.demand(not again, "the id of a call again")
    arguments = function.get("arguments")
    whole = isinstance(arguments, str) or (not strict and arguments is None)
    heard.demand(whole, "arguments that are no text")
    calls[index]["arguments"] += str(arguments or "")


def heard_whole(answer: Object, *, strict: bool) -> Heard:
    """A whole answer. Not ``strict``: one of a provider's own making, as its clients read it."""
    heard = Heard()
    choices = answer.get("choices") or []
    heard.demand(answer.get("object") == "chat.completion" or not strict, "no completion")
    heard.demand(len(choices) == 1 or not strict, "choices that nobody asked for")
    heard.usage = answer.get("usage")
    if not choices:
        heard.faults.append("no choice")
        return heard
    choice = choices[0]
    heard.reason = choice.get("finish_reason") or None
    message = choice.get("message")
    if not isinstance(message, dict):
        heard.faults.append("a choice without a message")
        return heard
    if strict:
        heard.demand(message.keys() <= _DELTA, f"a message of {sorted(message.keys() - _DELTA)}")
        heard.demand(isinstance(message.get("content"), str | None), "content is no text")
    _spoken(heard, message)
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        if not strict and call.get("type") == "custom":
            custom = call.get("custom") or {}
            function = {"name": custom.get("name"), "arguments": custom.get("input")}
        arguments = function.get("arguments")
        id = call.get("id") or ("" if strict else "none")
        heard.called(id, function.get("name"), arguments if strict else arguments or "{}")
    if legacy := message.get("function_call"):
        heard.demand(not strict, "a call of 2023")
        heard.called("none", legacy.get("name"), legacy.get("arguments") or "{}")
    return heard


def _spoken(heard: Heard, message: Object) -> None:
    flat = next((message[key] for key in _FLAT if message.get(key)), "")
    heard.thoughts += flat if isinstance(flat, str) else ""
    heard.flat = heard.flat or bool(flat)  # pieces repeat it, with a signature
    for piece in message.get("reasoning_details") or () if not heard.flat else ():
        heard.thoughts += str(piece.get("text") or piece.get("summary") or "")
    heard.refusal += str(message.get("refusal") or "")
    content = message.get("content")
    for part in content if isinstance(content, list) else [content]:
        _part(heard, part)


def _part(heard: Heard, part: Any) -> None:
    match part:
        case str():
            heard.text += part
        case {"type": "thinking", "thinking": list(inner)}:
            heard.thoughts += "".join(each.get("text", "") for each in inner)
        case {"type": "refusal", "refusal": str(text)}:
            heard.refusal += text
        case {"text": str(text)}:
            heard.text += text
        case None:
            pass
        case _:
            heard.faults.append("an unknown part")
