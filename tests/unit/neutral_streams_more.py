"""The same for responses and Gemini; see ``neutral_streams``."""

from typing import Any

from broker.dialects.neutral.signature import Signature
from broker.dialects.neutral.usage import Usage
from tests.unit.neutral_answers import Whole
from tests.unit.neutral_streams import CITY, OSLO, ROME, Stream


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **fields}


CREATED = event("created", response={"id": "resp_1", "model": "m", "status": "in_progress"})


def text(place: int, *deltas: str, kind: str = "output_text") -> list[dict[str, Any]]:
    key = {"output_text": "text"}.get(kind, kind)
    part = {"type": kind, key: "".join(deltas)}
    item = {"type": "message", "id": "msg_1", "content": [part]}
    return [
        event("output_item.added", output_index=place, item={**item, "content": []}),
        event("content_part.added", output_index=place, content_index=0, part={"type": kind}),
        *(event(f"{kind}.delta", output_index=place, delta=each) for each in deltas),
        event(f"{kind}.done", output_index=place, **{key: "".join(deltas)}),
        event("output_item.done", output_index=place, item=item),
    ]


def thought(place: int, *parts: str, sealed: str | None = None) -> list[dict[str, Any]]:
    item = {"type": "reasoning", "id": "rs_1", "encrypted_content": sealed}
    summary = [{"type": "summary_text", "text": part} for part in parts]
    found = [event("output_item.added", output_index=place, item={**item, "summary": []})]
    for index, part in enumerate(parts):
        at = {"output_index": place, "summary_index": index}
        found.append(event("reasoning_summary_part.added", **at, part={"type": "summary_text"}))
        found.append(event("reasoning_summary_text.delta", **at, delta=part))
        found.append(event("reasoning_summary_text.done", **at, text=part))
    done = event("output_item.done", output_index=place, item={**item, "summary": summary})
    return [*found, done]


def called(place: int, id: str, name: str, *deltas: str) -> list[dict[str, Any]]:
    item = {"type": "function_call", "id": f"fc_{id}", "call_id": id, "name": name}
    at = {"output_index": place, "item_id": f"fc_{id}"}
    whole = "".join(deltas)
    return [
        event("output_item.added", output_index=place, item={**item, "arguments": ""}),
        *(event("function_call_arguments.delta", **at, delta=each) for each in deltas),
        event("function_call_arguments.done", **at, arguments=whole),
        event("output_item.done", output_index=place, item={**item, "arguments": whole}),
    ]


def last(status: str = "completed", why: str | None = None, **usage: Any) -> dict[str, Any]:
    details = {"reason": why} if why else None
    response = {"id": "resp_1", "status": status, "incomplete_details": details}
    return event(status, response={**response, "usage": usage or None})


SEALED = (Signature("responses", "enc", "rs_1"),)
COUNTS: dict[str, Any] = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
}
RESPONSES: list[Stream] = [
    ("text", [CREATED, event("in_progress"), *text(0, "H", "i"), last()], Whole("Hi", stop="end")),
    ("nothing", [CREATED, last()], Whole(stop="end")),
    ("empty deltas", [CREATED, *text(0, "", "a", ""), last()], Whole("a", stop="end")),
    ("usage", [CREATED, *text(0, "a"), last(**COUNTS)],
     Whole("a", stop="end", usage=Usage(10, 7, 4, 1, 3))),
    ("reasoning before text", [CREATED, *thought(0, "hm", sealed="enc"), *text(1, "a"), last()],
     Whole("a", "hm", SEALED, stop="end")),
    ("reasoning in two parts", [CREATED, *thought(0, "hm", "so"), *text(1, "a"), last()],
     Whole("a", "hm\n\nso", stop="end")),
    ("reasoning sealed only", [CREATED, *thought(0, sealed="enc"), *text(1, "a"), last()],
     Whole("a", "", SEALED, stop="end")),
    ("reasoning in full", [
        CREATED, event("reasoning_text.delta", output_index=0, delta="hm"), *text(1, "a"), last()
    ], Whole("a", "hm", stop="end")),
    ("reasoning after a call", [
        CREATED, *called(0, "a", "f", '{"city":"Rome"}'), *thought(1, "hm", sealed="enc"),
        *called(2, "b", "g", "{}"), last(),
    ], Whole("", "hm", SEALED, (ROME, OSLO), "tool_calls")),
    ("parallel calls", [
        CREATED, *text(0, "Let me"), *called(1, "a", "f", '{"city":', '"Rome"}'),
        *called(2, "b", "g", "{}"), last(),
    ], Whole("Let me", calls=(ROME, OSLO), stop="tool_calls")),
    ("calls interleaved", [
        CREATED, *called(0, "a", "f", '{"city":')[:2], *called(1, "b", "g")[:1],
        *called(0, "a", "f", '"Rome"}')[1:2], *called(1, "b", "g", "{}")[1:], last(),
    ], Whole(calls=(ROME, OSLO), stop="tool_calls")),
    ("a call without arguments", [CREATED, *called(0, "b", "g"), last()],
     Whole(calls=(OSLO,), stop="tool_calls")),
    ("a call without deltas", [
        CREATED,
        event("output_item.done", output_index=0, item={
            "type": "function_call", "call_id": "a", "name": "f", "arguments": '{"city": "Rome"}'
        }),
        last(),
    ], Whole(calls=(ROME,), stop="tool_calls")),
    ("text without deltas", [CREATED, text(0, "a")[-1], last()], Whole("a", stop="end")),
    ("a refusal", [CREATED, *text(0, "I won't", kind="refusal"), last()],
     Whole("I won't", stop="refusal")),
    ("too long", [CREATED, *text(0, "a"), last("incomplete", "max_output_tokens")],
     Whole("a", stop="length")),
    ("filtered", [CREATED, last("incomplete", "content_filter")], Whole(stop="filter")),
    ("surrogate halves", [CREATED, *text(0, "\ud83d", "\ude00"), last()], Whole("😀", stop="end")),
    ("kinds unheard of", [CREATED, event("news.delta", delta="x"), *text(0, "a"), last()],
     Whole("a", stop="end")),
]  # fmt: skip


def given(*parts: dict[str, Any], finish: str | None = None, **fields: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    ending = {"finishReason": finish} if finish else {}
    names = {"responseId": "r1", "modelVersion": "m"}
    return {"candidates": [{**candidate, **ending}], **names, **fields}


def function(name: str, args: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    id = fields.pop("id", None)
    found = {"name": name, "args": args, "id": id}
    return {"functionCall": {k: v for k, v in found.items() if v is not None}, **fields}


GEMINI_SIGNED = (Signature("gemini", "sig"),)
GEMINI: list[Stream] = [
    ("text", [given({"text": "H"}), given({"text": "i"}, finish="STOP")], Whole("Hi", stop="end")),
    ("empty at the end", [given({"text": "a"}), given({"text": ""}, finish="STOP")],
     Whole("a", stop="end")),
    ("no content at the end", [given({"text": "a"}), {"candidates": [{"finishReason": "STOP"}]}],
     Whole("a", stop="end")),
    ("usage as it goes", [
        given({"text": "a"}, usageMetadata={"promptTokenCount": 10, "totalTokenCount": 11}),
        given({"text": "b"}, finish="STOP", usageMetadata={
            "promptTokenCount": 10, "candidatesTokenCount": 4, "thoughtsTokenCount": 3,
            "cachedContentTokenCount": 4, "toolUsePromptTokenCount": 2,
        }),
    ], Whole("ab", stop="end", usage=Usage(12, 7, 4, 0, 3))),
    ("thoughts before text", [
        given({"text": "hm", "thought": True}), given({"text": "a"}, finish="STOP")
    ], Whole("a", "hm", stop="end")),
    ("thoughts after text", [
        given({"text": "a"}), given({"text": "hm", "thought": True}, finish="STOP")
    ], Whole("a", "hm", stop="end")),
    ("a call", [given(function("f", CITY, id="a"), finish="STOP")],
     Whole(calls=(ROME,), stop="tool_calls")),
    ("a call signed", [given(function("f", CITY, id="a", thoughtSignature="sig"), finish="STOP")],
     Whole("", "", GEMINI_SIGNED, (ROME,), "tool_calls")),
    ("parallel calls", [
        given({"text": "Let me"}, function("f", CITY, id="a", thoughtSignature="sig")),
        given(function("g", None, id="b"), finish="STOP"),
    ], Whole("Let me", "", GEMINI_SIGNED, (ROME, OSLO), "tool_calls")),
    ("calls without ids", [given(function("f", CITY), function("g", {}), finish="STOP")],
     Whole(calls=(("call_r1_0", "f", CITY), ("call_r1_1", "g", {})), stop="tool_calls")),
    ("a signature after all", [
        given({"text": "a"}), given({"text": "", "thoughtSignature": "sig"}, finish="STOP")
    ], Whole("a", "", GEMINI_SIGNED, stop="end")),
    ("too long", [given({"text": "a"}, finish="MAX_TOKENS")], Whole("a", stop="length")),
    ("safety", [given({"text": "a"}), given(finish="SAFETY")], Whole("a", stop="filter")),
    ("recitation", [given({"text": "a"}, finish="RECITATION")], Whole("a", stop="filter")),
    ("a reason unheard of", [given({"text": "a"}, finish="NEWS")], Whole("a", stop="filter")),
    ("prompt blocked", [
        {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "responseId": "r1"}
    ], Whole(stop="filter")),
    ("surrogate halves", [given({"text": "\ud83d"}), given({"text": "\ude00"}, finish="STOP")],
     Whole("😀", stop="end")),
    ("parts unheard of", [given({"news": {}}, {"text": "a"}, finish="STOP")],
     Whole("a", stop="end")),
]  # fmt: skip
