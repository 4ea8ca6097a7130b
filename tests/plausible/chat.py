"""Chat answers as OpenAI would send them."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.plausible.answer import Answer, Counts, Piece, chopped
from tests.plausible.shape import Draft, Object

REASONS = {
    "end": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "filter": "content_filter",
    "refusal": "stop",
}
_FIELDS = {"thought": "reasoning_content", "text": "content", "refusal": "refusal"}


def counted(counts: Counts) -> Object:
    """A ``usage`` object."""
    return {
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.completion,
        "total_tokens": counts.prompt + counts.completion,
        "prompt_tokens_details": {"cached_tokens": counts.cached},
        "completion_tokens_details": {"reasoning_tokens": counts.reasoning},
    }


def stream(answer: Answer, drawn: Random) -> list[Any]:
    """The chunks of a streamed answer, ``[DONE]`` the last."""
    deltas: list[Object] = [{"role": "assistant", "content": ""}]
    number = 0
    for piece in answer.pieces:
        if piece.call is None:
            field = _FIELDS[piece.kind]
            deltas += [{field: text} for text in chopped(drawn, piece.text)]
            continue
        deltas += call_deltas(number, piece, drawn)
        number += 1
    events: list[Any] = [chunk(answer, [choice(delta)]) for delta in deltas]
    events.append(chunk(answer, [choice({}, REASONS[answer.reason])]))
    if answer.counts is not None:
        events.append({**chunk(answer, []), "usage": counted(answer.counts)})
    return [*events, "[DONE]"]


def call_deltas(number: int, piece: Piece, drawn: Random) -> list[Object]:
    """The deltas of one call."""
    assert piece.call is not None
    id, name, arguments = piece.call
    function = {"name": name, "arguments": ""}
    first = {"index": number, "id": id, "type": "function", "function": function}
    rest = chopped(drawn, dumped(drawn, arguments))
    return [
        {"tool_calls": [first]},
        *({"tool_calls": [{"index": number, "function": {"arguments": each}}]} for each in rest),
    ]


def whole(answer: Answer, drawn: Random) -> Object:
    """The body of an answer in one piece."""
    message: Object = {"role": "assistant", "content": answer.texts("text") or None}
    if thoughts := answer.texts("thought"):
        message["reasoning_content"] = thoughts
    if refusal := answer.texts("refusal"):
        message["refusal"] = refusal
    if answer.calls:
        message["tool_calls"] = [
            {
                "id": id,
                "type": "function",
                "function": {"name": name, "arguments": dumped(drawn, arguments)},
            }
            for id, name, arguments in answer.calls
        ]
    found = {"index": 0, "message": message, "finish_reason": REASONS[answer.reason]}
    body = chunk(answer, [found]) | {"object": "chat.completion"}
    return body if answer.counts is None else {**body, "usage": counted(answer.counts)}


def dumped(drawn: Random, value: Any) -> str:
    """JSON, with or without blanks and escapes."""
    separators = drawn.choice(((",", ":"), (", ", ": ")))
    return json.dumps(value, ensure_ascii=drawn.random() < 0.5, separators=separators)


def choice(delta: Object, reason: str | None = None) -> Object:
    return {"index": 0, "delta": delta, "finish_reason": reason}


def chunk(answer: Answer, choices: list[Object]) -> Object:
    return {
        "id": answer.id,
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.model,
        "choices": choices,
    }


# ── What shapes are made of ────────────────────────────────────────────────────────────


def choices_of(draft: Draft) -> Iterator[Object]:
    """Every choice."""
    for each in draft.objects:
        yield from each.get("choices") or ()


def said(draft: Draft) -> Iterator[Object]:
    """Every delta, or the whole message: what holds content."""
    for each in choices_of(draft):
        holder = each.get("delta" if draft.events else "message")
        if isinstance(holder, dict):
            yield holder


def calls_of(draft: Draft) -> Iterator[Object]:
    """Every piece of a call."""
    for each in said(draft):
        yield from each.get("tool_calls") or ()


def last_choice(draft: Draft) -> Object:
    """The choice with the reason to stop."""
    return next(each for each in choices_of(draft) if each.get("finish_reason"))


def with_usage(draft: Draft) -> Object:
    """The object that holds the usage."""
    return next(each for each in draft.objects if each.get("usage"))
