"""An answer as OpenAI's chat completions give it, with what other providers add for thoughts."""

import json
from typing import Any

from tests.contract.judges.answer import Answer, Call, Counts, pieces

_TOP = {"id": "chatcmpl-j1", "created": 1790000000, "model": "judged-1"}
ENDS = {"end": "stop", "length": "length", "tool_calls": "tool_calls", "filter": "content_filter"}
DONE = b"data: [DONE]\n\n"


def can(answer: Answer) -> bool:
    """Whether this dialect has the words for it."""
    return answer.end in ENDS or bool(answer.refusal)


def chunk(*choices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", **_TOP, "choices": list(choices), **more}


def choice(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason, **more}


def says(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of one choice."""
    return chunk(choice(delta, reason), **more)


def usage(counts: Counts) -> dict[str, Any]:
    return {
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": counts.input + counts.output,
        "prompt_tokens_details": {"cached_tokens": counts.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": counts.reasoning, "audio_tokens": 0},
    }


def call_deltas(index: int, call: Call) -> list[dict[str, Any]]:
    """The deltas of one call: its name first, then its arguments in pieces."""
    function = {"name": call.name, "arguments": ""}
    first = {"index": index, "id": call.id, "type": "function", "function": function}
    rest = ({"index": index, "function": {"arguments": each}} for each in pieces(call.arguments))
    return [{"tool_calls": [each]} for each in (first, *rest)]


def deltas(answer: Answer) -> list[dict[str, Any]]:
    """All but the role's."""
    return [
        *({"reasoning_content": each} for each in pieces(answer.thoughts)),
        *({"content": each} for each in pieces(answer.text)),
        *({"refusal": each} for each in pieces(answer.refusal)),
        *(each for n, call in enumerate(answer.calls) for each in call_deltas(n, call)),
    ]


ROLE = says({"role": "assistant", "content": "", "refusal": None}, usage=None)


def finish(answer: Answer) -> list[dict[str, Any]]:
    """The last chunks: the reason to stop, and the counts."""
    found = [says({}, ENDS.get(answer.end, "stop"), usage=None)]
    if answer.counts is not None:
        found.append(chunk(usage=usage(answer.counts)))
    return found


def events(answer: Answer) -> list[dict[str, Any]]:
    return [ROLE, *(says(delta, usage=None) for delta in deltas(answer)), *finish(answer)]


def body(events: list[dict[str, Any]]) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in events) + DONE


def stream(answer: Answer) -> bytes:
    return body(events(answer))


def message(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {
        "role": "assistant",
        "content": answer.text or None,
        "refusal": answer.refusal or None,
        "annotations": [],
    }
    if answer.thoughts:
        found["reasoning_content"] = answer.thoughts
    if answer.calls:
        found["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in answer.calls
        ]
    return found


def completion(answer: Answer, **more: Any) -> dict[str, Any]:
    """A whole answer."""
    one = {
        "index": 0,
        "message": message(answer),
        "logprobs": None,
        "finish_reason": ENDS.get(answer.end, "stop"),
    }
    counts = {} if answer.counts is None else {"usage": usage(answer.counts)}
    return {"object": "chat.completion", **_TOP, "choices": [one], **counts, **more}


def whole(answer: Answer) -> bytes:
    return json.dumps(completion(answer)).encode()
