"""A whole answer told as events, for a provider that does not stream.

Whoever reads events gets the same from every target: the response begins, its items begin,
their texts come in one piece, all of it is done.
"""

from typing import Any

from broker.dialects.responses.gathered import ENDS, TEXTS

_Event = dict[str, Any]

_ENDINGS = {"incomplete": ENDS[1], "failed": ENDS[2]}
# How an item that speaks by a field of its own is told.
_ITEM_TEXTS = {
    "function_call": "response.function_call_arguments",
    "custom_tool_call": "response.custom_tool_call_input",
    "mcp_call": "response.mcp_call_arguments",
}
_PART_TEXTS = {
    "output_text": "response.output_text",
    "refusal": "response.refusal",
    "reasoning_text": "response.reasoning_text",
    "summary_text": "response.reasoning_summary_text",
}


def tell(response: dict[str, Any]) -> list[_Event]:
    """The events, in order; their fold is the response."""
    begun = {**response, "status": "in_progress", "output": []}
    for key in ("usage", "completed_at", "incomplete_details"):
        if key in begun:
            begun[key] = None
    events: list[_Event] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    output = response.get("output")
    for index, item in enumerate(output if isinstance(output, list) else ()):
        if isinstance(item, dict):
            events += _tell_item(index, item)
    end = _ENDINGS.get(str(response.get("status")), ENDS[0])
    events.append({"type": end, "response": response})
    return events


def _tell_item(index: int, item: dict[str, Any]) -> list[_Event]:
    where = {"output_index": index}
    begun, inner = dict(item), []
    if "status" in begun:
        begun["status"] = "in_progress"
    stem = _ITEM_TEXTS.get(str(item.get("type")))
    if stem is not None and isinstance(item.get(TEXTS[stem][1]), str):
        begun[TEXTS[stem][1]] = ""
        inner += _tell_text(stem, item, {"item_id": item.get("id"), **where})
    for field, part_of in (("summary", "reasoning_summary_part"), ("content", "content_part")):
        parts = item.get(field)
        if isinstance(parts, list) and parts and item.get("type") in ("message", "reasoning"):
            begun[field] = []
            for place, part in enumerate(parts):
                at = {"item_id": item.get("id"), **where, f"{field}_index": place}
                inner += _tell_part(f"response.{part_of}", part, at)
    return [
        {"type": "response.output_item.added", **where, "item": begun},
        *inner,
        {"type": "response.output_item.done", **where, "item": item},
    ]


def _tell_part(stem: str, part: Any, at: dict[str, Any]) -> list[_Event]:
    begun, inner = part, []
    text = _PART_TEXTS.get(str(part.get("type"))) if isinstance(part, dict) else None
    if text is not None and isinstance(part.get(TEXTS[text][1]), str):
        begun = {**part, TEXTS[text][1]: ""}
        inner = _tell_text(text, part, at)
    return [
        {"type": f"{stem}.added", **at, "part": begun},
        *inner,
        {"type": f"{stem}.done", **at, "part": part},
    ]


def _tell_text(stem: str, holder: dict[str, Any], at: dict[str, Any]) -> list[_Event]:
    text = holder[TEXTS[stem][1]]
    more: _Event = {"logprobs": []} if stem == "response.output_text" else {}
    delta = [{"type": f"{stem}.delta", **at, "delta": text, **more}] if text else []
    return [*delta, {"type": f"{stem}.done", **at, TEXTS[stem][1]: text, **more}]
