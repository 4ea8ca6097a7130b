"""An answer as OpenAI's responses give it."""

import json
from typing import Any

from tests.contract.judges.answer import Answer, Call, Counts, pieces

INCOMPLETE = {"length": "max_output_tokens", "filter": "content_filter"}


def can(answer: Answer) -> bool:
    """Whether this dialect has the words for it; it always counts."""
    if answer.counts is None or answer.end == "stop_sequence":
        return False
    return answer.end != "refusal" or bool(answer.refusal)


def usage(counts: Counts) -> dict[str, Any]:
    return {
        "input_tokens": counts.input,
        "input_tokens_details": {"cached_tokens": counts.cached},
        "output_tokens": counts.output,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.input + counts.output,
    }


def response(status: str, output: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_j1",
        "object": "response",
        "created_at": 1790000000,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": "judged-1",
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "metadata": {},
        **more,
    }


def thinking(text: str, id: str = "rs_j1") -> dict[str, Any]:
    return {"id": id, "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}


def said(part: dict[str, Any], id: str = "msg_j1") -> dict[str, Any]:
    """A message item of one part."""
    item = {"id": id, "type": "message", "status": "completed", "role": "assistant"}
    return {**item, "content": [part]}


def output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def refusal(text: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": text}


def function_call(call: Call) -> dict[str, Any]:
    return {
        "id": f"fc_{call.id}",
        "type": "function_call",
        "status": "completed",
        "arguments": call.arguments,
        "call_id": call.id,
        "name": call.name,
    }


def items(answer: Answer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if answer.thoughts:
        found.append(thinking(answer.thoughts))
    if answer.text:
        found.append(said(output_text(answer.text)))
    if answer.refusal:
        found.append(said(refusal(answer.refusal), "msg_j2"))
    return [*found, *map(function_call, answer.calls)]


def item_events(index: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    """An item, begun, its text in pieces, and done."""
    at = {"item_id": item["id"], "output_index": index}
    bare: dict[str, Any] = {**item, "status": "in_progress"}
    match item["type"]:
        case "reasoning":
            bare = {**item, "summary": []}
            part = item["summary"][0]
            told = _part(at, "reasoning_summary", "summary_index", part, "text")
        case "message":
            bare["content"] = []
            part = item["content"][0]
            key = "text" if part["type"] == "output_text" else "refusal"
            told = _part(at, "content", "content_index", part, key)
        case _:
            bare["arguments"] = ""
            stem = "response.function_call_arguments"
            told = [
                *({"type": f"{stem}.delta", **at, "delta": each} for each in
                  pieces(item["arguments"])),
                {"type": f"{stem}.done", **at, "name": item["name"],
                 "arguments": item["arguments"]},
            ]  # fmt: skip
    return [
        {"type": "response.output_item.added", "output_index": index, "item": bare},
        *told,
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def _part(
    at: dict[str, Any], holder: str, place: str, part: dict[str, Any], key: str
) -> list[dict[str, Any]]:
    at = {**at, place: 0}
    stem = {"summary_text": "reasoning_summary_text"}.get(part["type"], part["type"])
    more: dict[str, Any] = {"logprobs": []} if stem == "output_text" else {}
    bare = {**part, key: ""}
    return [
        {"type": f"response.{holder}_part.added", **at, "part": bare},
        *(
            {"type": f"response.{stem}.delta", **at, "delta": each, **more}
            for each in pieces(part[key])
        ),
        {"type": f"response.{stem}.done", **at, key: part[key], **more},
        {"type": f"response.{holder}_part.done", **at, "part": part},
    ]


BEGUN = [
    {"type": f"response.{kind}", "response": response("in_progress", [])}
    for kind in ("created", "in_progress")
]


def ended(answer: Answer) -> dict[str, Any]:
    """The whole response."""
    reason = INCOMPLETE.get(answer.end)
    assert answer.counts is not None
    return response(
        "incomplete" if reason else "completed",
        items(answer),
        incomplete_details={"reason": reason} if reason else None,
        usage=usage(answer.counts),
    )


def events(answer: Answer) -> list[dict[str, Any]]:
    told = [each for n, item in enumerate(items(answer)) for each in item_events(n, item)]
    whole = ended(answer)
    return [*BEGUN, *told, {"type": f"response.{whole['status']}", "response": whole}]


def body(events: list[dict[str, Any]]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n"
        % (each["type"].encode(), json.dumps({"sequence_number": number, **each}).encode())
        for number, each in enumerate(events)
    )


def stream(answer: Answer) -> bytes:
    return body(events(answer))


def whole(answer: Answer) -> bytes:
    return json.dumps(ended(answer)).encode()
