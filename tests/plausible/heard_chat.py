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
    """A stream's chunks, as a client that asked for one choice adds them up."""
    assert strict, "a stream of a provider's own is compared, not read"
    heard = Heard()
    calls: dict[int, Object] = {}
    heard.demand(bool(events) and events[-1].data == b"[DONE]", "no [DONE]")
    for event in events[:-1]:
        chunk = json.loads(event.data)
        heard.demand(isinstance(chunk.get("id"), str), "a chunk without an id")
        heard.demand(isinstance(chunk.get("choices"), list), "a chunk without choices")
        if chunk.get("usage"):
            heard.usage = chunk["usage"]
        for choice in chunk.get("choices") or ():
            heard.demand(choice.get("index") == 0, "a choice that nobody asked for")
            _delta(heard, calls, choice.get("delta"))
            if choice.get("finish_reason"):
                heard.demand(heard.reason is None, "two reasons to stop")
                heard.reason = choice["finish_reason"]
    for index in sorted(calls):
        heard.called(calls[index]["id"], calls[index]["name"], calls[index]["arguments"])
    return heard


def _delta(heard: Heard, calls: dict[int, Object], delta: Any) -> None:
    if not isinstance(delta, dict):
        heard.faults.append("a choice without a delta")
        return
    heard.demand(delta.keys() <= _DELTA, f"a delta of {sorted(delta.keys() - _DELTA)}")
    heard.demand(heard.reason is None or not any(delta.values()), "a delta behind the end")
    for field, key in (("text", "content"), ("thoughts", "reasoning_content"), ("refusal",) * 2):
        value = delta.get(key)
        heard.demand(value is None or isinstance(value, str), f"{key} is no text")
        setattr(heard, field, getattr(heard, field) + str(value or ""))
    for piece in delta.get("tool_calls") or ():
        index, function = piece.get("index"), piece.get("function") or {}
        if type(index) is not int:
            heard.faults.append("a piece of a call without an index")
            continue
        if index not in calls:
            calls[index] = {"id": piece.get("id"), "name": function.get("name"), "arguments": ""}
            heard.demand(piece.get("type") == "function", "a call of no type")
        else:
            heard.demand(not piece.get("id"), "the id of a call again")
        arguments = function.get("arguments")
        heard.demand(isinstance(arguments, str), "arguments that are no text")
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
    for piece in message.get("reasoning_details") or () if not flat else ():
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
