"""Responses, heard."""

import json
from typing import Any

from tests.plausible.heard import Heard, Object, joined
from tests.recorded.reading import Event

_TEXTS = {
    "response.output_text": "text",
    "response.refusal": "refusal",
    "response.reasoning_summary_text": "thoughts",
    "response.reasoning_text": "thoughts",
}
_ENDS = ("response.completed", "response.incomplete")


def heard_stream(events: list[Event], *, strict: bool) -> Heard:
    """A stream's events: what the deltas say, which the items and the end must say, too.

    Not ``strict``: of an answer that a provider gave whole, of which the items are what counts.
    """
    heard, done = Heard(), Heard()
    arguments: dict[int, str] = {}
    last: Object = {}
    for place, event in enumerate(events):
        data = json.loads(event.data)
        kind = data.get("type")
        heard.demand(kind == event.name, "an event under another name than its type")
        heard.demand((kind == "response.created") == (place == 0), "created, and not at first")
        heard.demand(not last, "an event behind the end")
        stem, _, verb = str(kind).rpartition(".")
        if stem in _TEXTS and verb == "delta":
            setattr(heard, _TEXTS[stem], getattr(heard, _TEXTS[stem]) + data["delta"])
        elif kind == "response.function_call_arguments.delta":
            index = data["output_index"]
            arguments[index] = arguments.get(index, "") + data["delta"]
        elif kind == "response.function_call_arguments.done":
            arguments.setdefault(data["output_index"], data["arguments"])
        elif kind == "response.output_item.done":
            item = data["item"]
            _item(done, item, strict=strict)
            if item["type"] == "function_call":
                text = arguments.get(data["output_index"], "")
                heard.called(item.get("call_id"), item.get("name"), text)
        elif kind in _ENDS:
            last = data["response"]
    if not last:
        heard.faults.append("no end")
        return heard
    whole = heard_whole(last, strict=strict)
    heard = heard if strict else done
    for name, other in (("items done", done), ("the end", whole)):
        heard.demand(_content(other) == _content(heard), f"{name} and deltas differ")
    heard.reason, heard.usage = whole.reason, whole.usage
    heard.faults += [*(done.faults if strict else ()), *whole.faults]
    return heard


def _content(heard: Heard) -> tuple[str, str, str, Any]:
    return joined(heard.text), joined(heard.thoughts), joined(heard.refusal), heard.calls


def heard_whole(answer: Object, *, strict: bool) -> Heard:
    """A whole response. Not ``strict``: one of a provider's own making."""
    status = answer.get("status")
    heard = Heard(reason=str(status), usage=answer.get("usage"))
    if status == "incomplete":
        heard.reason = str((answer.get("incomplete_details") or {}).get("reason"))
    output = answer.get("output")
    if not isinstance(output, list):
        heard.faults.append("output is no list")
        return heard
    for item in output:
        _item(heard, item, strict=strict)
    return heard


def _item(heard: Heard, item: Object, *, strict: bool) -> None:
    match item:
        case {"type": "message", "content": content}:
            _parts(heard, content, strict=strict)
        case {"type": "reasoning"}:
            _parts(heard, item.get("summary"), strict=strict)
            _parts(heard, item.get("content"), strict=strict)
        case {"type": "function_call"}:
            id, arguments = item.get("call_id"), item.get("arguments")
            if not strict:
                id, arguments = id or "none", arguments or "{}"
            heard.called(id, item.get("name"), arguments)
        case {"type": "custom_tool_call"} if not strict:
            heard.called(item.get("call_id"), item.get("name"), item.get("input"))
        case _ if strict:
            heard.faults.append(f"an odd item: {item.get('type')}")


def _parts(heard: Heard, parts: Any, *, strict: bool) -> None:
    if isinstance(parts, str) and not strict:
        parts = [{"type": "text", "text": parts}]
    for part in parts or ():
        match part:
            case {"type": "output_text", "text": str(text)}:
                heard.text += text
            case {"type": "refusal", "refusal": str(text)}:
                heard.refusal += text
            case {"type": "summary_text" | "reasoning_text", "text": str(text)}:
                heard.thoughts += text
            case {"type": "text", "text": str(text)} if not strict:
                heard.text += text
            case _:
                heard.faults.append(f"an odd part: {str(part)[:40]}")
