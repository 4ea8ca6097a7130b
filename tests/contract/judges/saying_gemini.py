"""An answer as Gemini's ``GenerateContentResponse`` objects give it."""

import json
from typing import Any

from tests.contract.judges.answer import Answer, Counts, pieces

ENDS = {"end": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "filter": "SAFETY"}
SIGNATURE = "c2lnbmVk"


def can(answer: Answer) -> bool:
    """Whether this dialect has the words for it; it always counts."""
    return answer.end in ENDS and answer.counts is not None


def usage(counts: Counts) -> dict[str, Any]:
    found = {
        "promptTokenCount": counts.input,
        "candidatesTokenCount": counts.output - counts.reasoning,
        "totalTokenCount": counts.input + counts.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": counts.input}],
    }
    if counts.cached:
        found["cachedContentTokenCount"] = counts.cached
    if counts.reasoning:
        found["thoughtsTokenCount"] = counts.reasoning
    return found


def given(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One response object."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "judged-1", "responseId": "gem-j1", **more}


def _calls(answer: Answer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for n, call in enumerate(answer.calls):
        args = json.loads(call.arguments)
        part: dict[str, Any] = {"functionCall": {"name": call.name, "args": args, "id": call.id}}
        found.append(part if n else {**part, "thoughtSignature": SIGNATURE})
    return found


def parts(answer: Answer) -> list[dict[str, Any]]:
    return [
        *({"text": each, "thought": True} for each in pieces(answer.thoughts)),
        *({"text": each} for each in pieces(answer.text)),
        *_calls(answer),
    ]


def events(answer: Answer) -> list[dict[str, Any]]:
    assert answer.counts is not None
    counts = {"usageMetadata": usage(answer.counts)}
    last = given({"text": ""}, finish=ENDS[answer.end], **counts)
    return [*(given(part) for part in parts(answer)), last]


def body(events: list[dict[str, Any]]) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(each).encode() for each in events)


def stream(answer: Answer) -> bytes:
    return body(events(answer))


def content(answer: Answer) -> dict[str, Any]:
    """A whole answer."""
    told: list[dict[str, Any]] = []
    if answer.thoughts:
        told.append({"text": answer.thoughts, "thought": True})
    if answer.text:
        told.append({"text": answer.text})
    assert answer.counts is not None
    counts = {"usageMetadata": usage(answer.counts)}
    return given(*told, *_calls(answer), finish=ENDS[answer.end], **counts)


def whole(answer: Answer) -> bytes:
    return json.dumps(content(answer)).encode()
