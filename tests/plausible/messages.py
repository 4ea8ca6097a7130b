"""Messages as Anthropic would send them."""

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.plausible.answer import Answer, Counts, Piece, chopped
from tests.plausible.chat import dumped
from tests.plausible.shape import Draft, Object

REASONS = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "filter": "refusal",
    "refusal": "refusal",
}


def counted(counts: Counts) -> Object:
    """A ``usage`` object; its input leaves out what came from the cache."""
    return {
        "input_tokens": counts.prompt - counts.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counts.cached,
        "output_tokens": counts.completion,
        "output_tokens_details": {"thinking_tokens": counts.reasoning},
    }


def message(answer: Answer, content: list[Object], reason: str | None, usage: Object) -> Object:
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }


def stream(answer: Answer, drawn: Random) -> list[Any]:
    """The events of a streamed answer."""
    counts = answer.counts or Counts(0, 0, 0, 0)
    usage = {**counted(counts), "output_tokens": 1}
    del usage["output_tokens_details"]
    events: list[Any] = [
        {"type": "message_start", "message": message(answer, [], None, usage)},
        {"type": "ping"},
    ]
    for index, piece in enumerate(answer.pieces):
        events += block_events(index, piece, drawn)
    delta = {"stop_reason": REASONS[answer.reason], "stop_sequence": None}
    return [
        *events,
        {"type": "message_delta", "delta": delta, "usage": counted(counts)},
        {"type": "message_stop"},
    ]


def block_events(index: int, piece: Piece, drawn: Random) -> list[Object]:
    """The events of one block."""
    begun, deltas = _block(piece, drawn)
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": each} for each in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _block(piece: Piece, drawn: Random) -> tuple[Object, list[Object]]:
    if piece.call is not None:
        id, name, arguments = piece.call
        begun = {"type": "tool_use", "id": id, "name": name, "input": {}}
        texts = ["", *(chopped(drawn, dumped(drawn, arguments)) if arguments else ())]
        return begun, [{"type": "input_json_delta", "partial_json": text} for text in texts]
    texts = chopped(drawn, piece.text)
    if piece.kind == "thought":
        signed = {"type": "signature_delta", "signature": "EqRk"}
        begun = {"type": "thinking", "thinking": "", "signature": ""}
        return begun, [*({"type": "thinking_delta", "thinking": each} for each in texts), signed]
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": each} for each in texts]


def whole(answer: Answer, drawn: Random) -> Object:
    """The body of an answer in one piece."""
    counts = answer.counts or Counts(0, 0, 0, 0)
    content = [whole_block(piece) for piece in answer.pieces]
    return message(answer, content, REASONS[answer.reason], counted(counts))


def whole_block(piece: Piece) -> Object:
    """A block in one piece."""
    if piece.call is not None:
        id, name, arguments = piece.call
        return {"type": "tool_use", "id": id, "name": name, "input": arguments}
    if piece.kind == "thought":
        return {"type": "thinking", "thinking": piece.text, "signature": "EqRk"}
    return {"type": "text", "text": piece.text}


# ── What shapes are made of ────────────────────────────────────────────────────────────


def of_type(draft: Draft, *kinds: str) -> list[Object]:
    """A stream's events of these types."""
    return [each for each in draft.objects if each.get("type") in kinds]


def started(draft: Draft) -> Object:
    """The message as it begins, or the whole one."""
    found: Object = of_type(draft, "message_start")[0]["message"] if draft.events else draft.whole
    return found


def ending(draft: Draft) -> Object:
    """What holds the reason to stop."""
    found: Object = of_type(draft, "message_delta")[0]["delta"] if draft.events else draft.whole
    return found


def blocks(draft: Draft, *kinds: str) -> Iterator[Object]:
    """The blocks of these types as they begin, or as they are in a whole message."""
    found = (
        [each["content_block"] for each in of_type(draft, "content_block_start")]
        if draft.events
        else draft.whole["content"]
    )
    return (each for each in found if each["type"] in kinds)
