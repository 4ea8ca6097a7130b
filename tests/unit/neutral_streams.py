"""Streams as providers of each dialect really write them, the odd ones among them.

Each is a name, the provider's events, and what they add up to.
"""

from typing import Any

from broker.dialects.neutral.signature import Signature
from broker.dialects.neutral.usage import Usage
from tests.unit.neutral_answers import Whole

Stream = tuple[str, list[dict[str, Any]], Whole]
CITY = {"city": "Rome"}


def chunk(delta: dict[str, Any] | None, reason: str | None = None, **fields: Any) -> dict[str, Any]:
    choices = (
        [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason, **fields}]
    )
    return {"id": "chatcmpl-1", "model": "m", "choices": choices}


def call(index: int | None, arguments: str | None, **fields: Any) -> dict[str, Any]:
    function = {"name": fields.pop("name", None), "arguments": arguments}
    return chunk({"tool_calls": [{"index": index, "function": function, **fields}]})


STOP = chunk({}, "stop")
COUNTS = {
    "prompt_tokens": 10,
    "completion_tokens": 7,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
ROME = ("a", "f", CITY)
OSLO: tuple[str, str, Any] = ("b", "g", {})

CHAT: list[Stream] = [
    ("text", [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), STOP],
     Whole("Hi", stop="end")),
    ("empty deltas", [chunk({}), chunk({"content": None}), chunk({"content": ""}), STOP],
     Whole(stop="end")),
    ("usage at the end", [chunk({"content": "a"}), STOP, {**chunk(None), "usage": COUNTS}],
     Whole("a", stop="end", usage=Usage(10, 7, 4, 0, 3))),
    ("usage as it goes", [
        {**chunk({"content": "a"}), "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
        {**chunk({"content": "b"}, "stop"), "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    ], Whole("ab", stop="end", usage=Usage(1, 2))),
    ("reasoning before text", [
        chunk({"reasoning_content": "hm"}), chunk({"content": "a", "reasoning_content": None}), STOP
    ], Whole("a", "hm", stop="end")),
    ("reasoning after text", [chunk({"content": "a"}), chunk({"reasoning": "hm"}), STOP],
     Whole("a", "hm", stop="end")),
    ("reasoning twice told", [
        chunk({"reasoning": "h", "reasoning_details": [{"type": "reasoning.text", "text": "h"}]}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "signature": "s"}]}),
        chunk({"content": "a"}), STOP,
    ], Whole("a", "h", (Signature("chat", "s"),), stop="end")),
    ("reasoning in parts", [
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
        chunk({"content": [{"type": "text", "text": "a"}]}), STOP,
    ], Whole("a", "hm", stop="end")),
    ("one call", [
        call(0, "", id="a", name="f"), call(0, '{"city":'), call(0, '"Rome"}'),
        chunk({}, "tool_calls"),
    ], Whole(calls=(ROME,), stop="tool_calls")),
    ("calls interleaved", [
        call(0, "", id="a", name="f"), call(1, "{", id="b", name="g"), call(0, '{"city":'),
        call(1, "}"), call(0, '"Rome"}'), chunk({}, "tool_calls"),
    ], Whole(calls=(ROME, OSLO), stop="tool_calls")),
    ("a call forced ends with stop", [call(0, '{"city":"Rome"}', id="a", name="f"), STOP],
     Whole(calls=(ROME,), stop="tool_calls")),
    ("a call without arguments", [call(0, "", id="b", name="g"), chunk({}, "tool_calls")],
     Whole(calls=(OSLO,), stop="tool_calls")),
    ("calls under one index", [
        call(0, '{"city":"Rome"}', id="a", name="f"), call(0, "{}", id="b", name="g"), STOP
    ], Whole(calls=(ROME, OSLO), stop="tool_calls")),
    ("calls without an index", [
        call(None, '{"city":', id="a", name="f"), call(None, '"Rome"}', id=""),
        call(None, "{}", id="b", name="g"), STOP,
    ], Whole(calls=(ROME, OSLO), stop="tool_calls")),
    ("ids repeated", [
        call(0, '{"city":', id="a", name="f"), call(0, '"Rome"}', id="a", name="f"), STOP
    ], Whole(calls=(ROME,), stop="tool_calls")),
    ("text after a call", [
        call(0, '{"city":"Rome"}', id="a", name="f"), chunk({"content": "x"}), STOP
    ], Whole("x", calls=(ROME,), stop="tool_calls")),
    ("a refusal", [chunk({"refusal": "I "}), chunk({"refusal": "won't"}), STOP],
     Whole("I won't", stop="refusal")),
    ("too long", [chunk({"content": "a"}, "length")], Whole("a", stop="length")),
    ("filtered", [chunk({"content": "a"}), chunk({}, "content_filter")], Whole("a", stop="filter")),
    ("an older word", [call(0, "{}", id="b", name="g"), chunk({}, "function_call")],
     Whole(calls=(OSLO,), stop="tool_calls")),
    ("surrogate halves", [chunk({"content": "\ud83d"}), chunk({"content": "\ude00"}), STOP],
     Whole("😀", stop="end")),
    ("a filter's chunk first", [
        {"id": "", "model": "", "choices": [], "prompt_filter_results": []},
        chunk({"content": "a"}), STOP,
    ], Whole("a", stop="end")),
    ("no reason given", [chunk({"content": "a"})], Whole("a", stop="end")),
]  # fmt: skip


def start(**usage: int) -> dict[str, Any]:
    message = {"id": "msg_1", "model": "m", "content": [], "usage": usage}
    return {"type": "message_start", "message": message}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def spoken(index: int, *texts: str) -> list[dict[str, Any]]:
    deltas = [{"type": "text_delta", "text": each} for each in texts]
    return block(index, {"type": "text", "text": ""}, *deltas)


def thinking(index: int, text: str, signature: str) -> list[dict[str, Any]]:
    return block(
        index,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": text},
        {"type": "signature_delta", "signature": signature},
    )


def used(index: int, id: str, name: str, *parts: str) -> list[dict[str, Any]]:
    deltas = [{"type": "input_json_delta", "partial_json": each} for each in parts]
    return block(index, {"type": "tool_use", "id": id, "name": name, "input": {}}, *deltas)


def ended(reason: str, sequence: str | None = None, **usage: Any) -> list[dict[str, Any]]:
    delta = {"stop_reason": reason, "stop_sequence": sequence}
    return [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]


SIGNED = (Signature("messages", "sig"),)
MESSAGES: list[Stream] = [
    ("text", [start(), *spoken(0, "H", "i"), *ended("end_turn")],
     Whole("Hi", stop="end", usage=Usage())),
    ("pings and empty deltas", [
        start(), {"type": "ping"}, *spoken(0, "", "a", ""), {"type": "ping"}, *ended("end_turn")
    ], Whole("a", stop="end", usage=Usage())),
    ("usage from both ends", [
        start(input_tokens=5, cache_read_input_tokens=3, cache_creation_input_tokens=2,
              output_tokens=1),
        *spoken(0, "a"),
        *ended("end_turn", output_tokens=9, output_tokens_details={"thinking_tokens": 4}),
    ], Whole("a", stop="end", usage=Usage(10, 9, 3, 2, 4))),
    ("usage corrected at the end", [
        start(input_tokens=5, output_tokens=1), *spoken(0, "a"),
        *ended("end_turn", input_tokens=6, cache_read_input_tokens=None, output_tokens=2),
    ], Whole("a", stop="end", usage=Usage(6, 2))),
    ("reasoning before text", [
        start(), *thinking(0, "hm", "sig"), *spoken(1, "a"), *ended("end_turn")
    ], Whole("a", "hm", SIGNED, stop="end", usage=Usage())),
    ("reasoning between calls", [
        start(), *used(0, "a", "f", '{"city":"Rome"}'), *thinking(1, "hm", "sig"),
        *used(2, "b", "g", "{}"), *ended("tool_use"),
    ], Whole("", "hm", SIGNED, (ROME, OSLO), "tool_calls", Usage())),
    ("reasoning kept back", [
        start(), *block(0, {"type": "redacted_thinking", "data": "xx"}), *spoken(1, "a"),
        *ended("end_turn"),
    ], Whole("a", "", (Signature("messages.redacted", "xx"),), stop="end", usage=Usage())),
    ("reasoning left out", [
        start(),
        *block(0, {"type": "thinking", "thinking": "", "signature": ""},
               {"type": "signature_delta", "signature": "sig"}),
        *spoken(1, "a"), *ended("end_turn"),
    ], Whole("a", "", SIGNED, stop="end", usage=Usage())),
    ("parallel calls", [
        start(), *spoken(0, "Let me"), *used(1, "a", "f", "", '{"city":', '"Rome"}'),
        *used(2, "b", "g", "{}"), *ended("tool_use"),
    ], Whole("Let me", calls=(ROME, OSLO), stop="tool_calls", usage=Usage())),
    ("a call without arguments", [start(), *used(0, "b", "g", ""), *ended("tool_use")],
     Whole(calls=(OSLO,), stop="tool_calls", usage=Usage())),
    ("a call given at once", [
        start(), *block(0, {"type": "tool_use", "id": "a", "name": "f", "input": CITY}),
        *ended("tool_use"),
    ], Whole(calls=(ROME,), stop="tool_calls", usage=Usage())),
    ("blocks interleaved", [
        start(), *used(0, "a", "f", '{"city":')[:-1], *used(1, "b", "g")[:1],
        *used(0, "a", "f", '"Rome"}')[1:], *used(1, "b", "g", "{}")[1:], *ended("tool_use"),
    ], Whole(calls=(ROME, OSLO), stop="tool_calls", usage=Usage())),
    ("a stop sequence", [start(), *spoken(0, "a"), *ended("stop_sequence", "###")],
     Whole("a", stop="stop_sequence", usage=Usage())),
    ("too long", [start(), *spoken(0, "a"), *ended("max_tokens")],
     Whole("a", stop="length", usage=Usage())),
    ("context full", [start(), *spoken(0, "a"), *ended("model_context_window_exceeded")],
     Whole("a", stop="length", usage=Usage())),
    ("refused", [start(), *ended("refusal")], Whole(stop="refusal", usage=Usage())),
    ("surrogate halves", [start(), *spoken(0, "\ud83d", "\ude00"), *ended("end_turn")],
     Whole("😀", stop="end", usage=Usage())),
    ("kinds unheard of", [
        start(), {"type": "news"}, *block(0, {"type": "news"}, {"type": "news_delta"}),
        *spoken(1, "a"), *ended("end_turn"),
    ], Whole("a", stop="end", usage=Usage())),
    ("two deltas of the message", [
        start(), *spoken(0, "a"),
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 1}},
        *ended("end_turn", output_tokens=2),
    ], Whole("a", stop="end", usage=Usage(0, 2))),
]  # fmt: skip
