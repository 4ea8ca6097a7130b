"""An answer as Anthropic's messages give it."""

import json
from typing import Any

from tests.contract.judges.answer import Answer, Call, Counts, pieces

ENDS = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
}
SIGNATURE = "c2lnbmVk"


def can(answer: Answer) -> bool:
    """Whether this dialect has the words for it; it always counts."""
    return answer.end in ENDS and not answer.refusal and answer.counts is not None


def usage(counts: Counts) -> dict[str, Any]:
    return {
        "input_tokens": counts.input - counts.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counts.cached,
        "output_tokens": counts.output,
        "output_tokens_details": {"thinking_tokens": counts.reasoning},
    }


def _top(counts: Counts | None) -> dict[str, Any]:
    begun = Counts(counts.input, 1, counts.cached) if counts is not None else Counts(0, 0)
    return {
        "id": "msg_j1",
        "type": "message",
        "role": "assistant",
        "model": "judged-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage(begun), "service_tier": "standard"},
    }


def start(answer: Answer) -> dict[str, Any]:
    return {"type": "message_start", "message": _top(answer.counts)}


def block(index: int, begun: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of one content block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": each} for each in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text_block(index: int, text: str) -> list[dict[str, Any]]:
    deltas = ({"type": "text_delta", "text": each} for each in pieces(text))
    return block(index, {"type": "text", "text": ""}, *deltas)


def thinking_block(index: int, text: str) -> list[dict[str, Any]]:
    deltas = [{"type": "thinking_delta", "thinking": each} for each in pieces(text)]
    signed = {"type": "signature_delta", "signature": SIGNATURE}
    begun = {"type": "thinking", "thinking": "", "signature": ""}
    return block(index, begun, *deltas, signed)


def tool_block(index: int, call: Call) -> list[dict[str, Any]]:
    written = "" if call.arguments == "{}" else call.arguments  # as the vendor streams none
    deltas = ({"type": "input_json_delta", "partial_json": each} for each in ["", *pieces(written)])
    begun = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
    return block(index, begun, *deltas)


def blocks(answer: Answer) -> list[list[dict[str, Any]]]:
    made: list[list[dict[str, Any]]] = []
    if answer.thoughts:
        made.append(thinking_block(0, answer.thoughts))
    if answer.text:
        made.append(text_block(len(made), answer.text))
    for call in answer.calls:
        made.append(tool_block(len(made), call))
    return made


def finish(answer: Answer) -> list[dict[str, Any]]:
    delta = {"stop_reason": ENDS[answer.end], "stop_sequence": answer.sequence}
    assert answer.counts is not None
    counts = usage(answer.counts)
    return [
        {"type": "message_delta", "delta": delta, "usage": counts},
        {"type": "message_stop"},
    ]


def events(answer: Answer) -> list[dict[str, Any]]:
    said = [event for each in blocks(answer) for event in each]
    return [start(answer), {"type": "ping"}, *said, *finish(answer)]


def body(events: list[dict[str, Any]]) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (each["type"].encode(), json.dumps(each).encode())
        for each in events
    )


def stream(answer: Answer) -> bytes:
    return body(events(answer))


def message(answer: Answer) -> dict[str, Any]:
    """A whole answer."""
    content: list[dict[str, Any]] = []
    if answer.thoughts:
        content.append({"type": "thinking", "thinking": answer.thoughts, "signature": SIGNATURE})
    if answer.text:
        content.append({"type": "text", "text": answer.text})
    for call in answer.calls:
        value = json.loads(call.arguments)
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": value})
    assert answer.counts is not None
    return {
        **_top(answer.counts),
        "content": content,
        "stop_reason": ENDS[answer.end],
        "stop_sequence": answer.sequence,
        "usage": usage(answer.counts),
    }


def whole(answer: Answer) -> bytes:
    return json.dumps(message(answer)).encode()
