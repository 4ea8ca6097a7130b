"""Gemini's answers as Google would send them."""

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.plausible.answer import Answer, Counts, Piece, chopped
from tests.plausible.shape import Draft, Object

REASONS = {
    "end": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "filter": "SAFETY",
    "refusal": "STOP",
}


def counted(counts: Counts) -> Object:
    """A ``usageMetadata`` object; its candidates leave thoughts out."""
    return {
        "promptTokenCount": counts.prompt,
        "candidatesTokenCount": counts.completion - counts.reasoning,
        "cachedContentTokenCount": counts.cached,
        "thoughtsTokenCount": counts.reasoning,
        "totalTokenCount": counts.prompt + counts.completion,
    }


def given(answer: Answer, parts: list[Object]) -> Object:
    """One response object."""
    candidate: Object = {"content": {"role": "model", "parts": parts}, "index": 0}
    return {"candidates": [candidate], "modelVersion": answer.model, "responseId": answer.id}


def parts_of(piece: Piece, drawn: Random, *, whole: bool = False) -> list[Object]:
    """The parts of a piece, each an event's in a stream."""
    if piece.call is not None:
        return [
            {
                "functionCall": {
                    "id": piece.call.id,
                    "name": piece.call.name,
                    "args": piece.call.arguments,
                }
            }
        ]
    texts = [piece.text] if whole else chopped(drawn, piece.text)
    thought = {"thought": True} if piece.kind == "thought" else {}
    return [{"text": text, **thought} for text in texts]


def stream(answer: Answer, drawn: Random) -> list[Any]:
    """The events of a streamed answer: the last has its end and the figures."""
    parts = [part for piece in answer.pieces for part in parts_of(piece, drawn)]
    events = [given(answer, [part]) for part in parts]
    events[-1]["candidates"][0]["finishReason"] = REASONS[answer.reason]
    if answer.counts is not None:
        events[-1]["usageMetadata"] = counted(answer.counts)
    return list(events)


def whole(answer: Answer, drawn: Random) -> Object:
    """The body of an answer in one piece."""
    parts = [part for piece in answer.pieces for part in parts_of(piece, drawn, whole=True)]
    body = given(answer, parts)
    body["candidates"][0]["finishReason"] = REASONS[answer.reason]
    return body if answer.counts is None else {**body, "usageMetadata": counted(answer.counts)}


# ── What shapes are made of ────────────────────────────────────────────────────────────


def candidates(draft: Draft) -> Iterator[Object]:
    """Every candidate."""
    for each in draft.objects:
        yield from each.get("candidates") or ()


def parts(draft: Draft) -> Iterator[Object]:
    """Every part."""
    for each in candidates(draft):
        yield from (each.get("content") or {}).get("parts") or ()


def calls(draft: Draft) -> Iterator[Object]:
    """Every call of a function."""
    return (each["functionCall"] for each in parts(draft) if "functionCall" in each)


def last(draft: Draft) -> Object:
    """The candidate with the reason to stop."""
    return next(each for each in candidates(draft) if each.get("finishReason"))


def with_usage(draft: Draft) -> Object:
    """The object that holds the figures."""
    return next(each for each in draft.objects if each.get("usageMetadata"))
