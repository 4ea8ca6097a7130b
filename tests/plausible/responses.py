"""Responses as OpenAI would send them."""

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.plausible.answer import Answer, Counts, Piece, chopped
from tests.plausible.chat import dumped
from tests.plausible.shape import Draft, Object

INCOMPLETE = {"length": "max_output_tokens", "filter": "content_filter"}


def counted(counts: Counts) -> Object:
    """A ``usage`` object."""
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {"cached_tokens": counts.cached},
        "output_tokens": counts.completion,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.prompt + counts.completion,
    }


def response(answer: Answer, output: list[Object], status: str) -> Object:
    ended = status != "in_progress"
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": INCOMPLETE[answer.reason]}
        if status == "incomplete"
        else None,
        "model": answer.model,
        "output": output,
        "usage": counted(answer.counts) if ended and answer.counts else None,
    }


def status_of(answer: Answer) -> str:
    return "incomplete" if answer.reason in INCOMPLETE else "completed"


def stream(answer: Answer, drawn: Random) -> list[Any]:
    """The events of a streamed answer, numbered."""
    begun = response(answer, [], "in_progress")
    events: list[Object] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    items = []
    for index, piece in enumerate(answer.pieces):
        events += item_events(index, piece, drawn)
        items.append(events[-1]["item"])
    status = status_of(answer)
    events.append({"type": f"response.{status}", "response": response(answer, items, status)})
    return [
        {"type": each.pop("type"), "sequence_number": number, **each}
        for number, each in enumerate(events)
    ]


_PARTS = {
    "text": ("content", "content_part", "output_text", "output_text", "text"),
    "refusal": ("content", "content_part", "refusal", "refusal", "refusal"),
    "thought": (
        "summary",
        "reasoning_summary_part",
        "reasoning_summary_text",
        "summary_text",
        "text",
    ),
}


def item(index: int, piece: Piece, drawn: Random) -> Object:
    """An item in one piece."""
    if piece.call is not None:
        id, name, arguments = piece.call
        text = dumped(drawn, arguments)
        fields: Object = {"call_id": id, "name": name, "arguments": text}
        return {"id": f"fc_{index}", "type": "function_call", "status": "completed", **fields}
    where, _, _, kind, field = _PARTS[piece.kind]
    part: Object = {"type": kind, field: piece.text}
    if kind == "output_text":
        part |= {"annotations": [], "logprobs": []}
    if piece.kind == "thought":
        return {"id": f"rs_{index}", "type": "reasoning", where: [part]}
    return {
        "id": f"msg_{index}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        where: [part],
    }


def item_events(index: int, piece: Piece, drawn: Random) -> list[Object]:
    """The events of one item."""
    done = item(index, piece, drawn)
    at = {"output_index": index, "item_id": done["id"]}
    if piece.call is not None:
        begun = {**done, "status": "in_progress", "arguments": ""}
        stem = "response.function_call_arguments"
        inner = [
            *(
                {"type": f"{stem}.delta", **at, "delta": text}
                for text in chopped(drawn, done["arguments"])
            ),
            {"type": f"{stem}.done", **at, "arguments": done["arguments"]},
        ]
    else:
        where, part, stem, _, field = _PARTS[piece.kind]
        begun = {**done, where: []}
        place = {**at, "summary_index" if where == "summary" else "content_index": 0}
        whole = done[where][0]
        inner = [
            {"type": f"response.{part}.added", **place, "part": {**whole, field: ""}},
            *(
                {"type": f"response.{stem}.delta", **place, "delta": text}
                for text in chopped(drawn, piece.text)
            ),
            {"type": f"response.{stem}.done", **place, field: piece.text},
            {"type": f"response.{part}.done", **place, "part": whole},
        ]
    return [
        {"type": "response.output_item.added", "output_index": index, "item": begun},
        *inner,
        {"type": "response.output_item.done", "output_index": index, "item": done},
    ]


def whole(answer: Answer, drawn: Random) -> Object:
    """The body of an answer in one piece."""
    output = [item(index, piece, drawn) for index, piece in enumerate(answer.pieces)]
    return response(answer, output, status_of(answer))


# ── What shapes are made of ────────────────────────────────────────────────────────────

ENDS = ("response.completed", "response.incomplete")


def of_type(draft: Draft, *kinds: str) -> list[Object]:
    """A stream's events whose types end so."""
    return [each for each in draft.objects if str(each.get("type", "")).endswith(kinds)]


def drop(draft: Draft, *kinds: str) -> None:
    """Take out a stream's events whose types end so."""
    gone = {id(each) for each in of_type(draft, *kinds)}
    draft.events[:] = [each for each in draft.events if id(each) not in gone]


def ended(draft: Draft) -> Object:
    """The response at its end."""
    found: Object = of_type(draft, *ENDS)[0]["response"] if draft.events else draft.whole
    return found


def items(draft: Draft, *kinds: str) -> Iterator[Object]:
    """All that stands for an item of these types: begun, done, and in the response."""
    found = (
        [each["item"] for each in of_type(draft, "output_item.added", "output_item.done")]
        if draft.events
        else []
    )
    listed = [*found, *(ended(draft).get("output") or ())]
    unique = {id(each): each for each in listed}
    return (each for each in unique.values() if each["type"] in kinds)
