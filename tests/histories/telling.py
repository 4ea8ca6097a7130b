"""What a vendor says, as the events of its dialect."""

import random
from collections.abc import Callable
from typing import Any

from tests.histories.said import Events, Said, signature_of
from tests.vendors.rule import Vendor

Object = dict[str, Any]


def events_of(dice: random.Random, vendor: Vendor, said: Said, body: Object) -> Events:
    """The stream that says it, in answer to a request."""
    return _TOLD[vendor.dialect](dice, vendor, said, body)


def _chat(dice: random.Random, vendor: Vendor, said: Said, _body: Object) -> Events:
    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": vendor.model,
                "created": 1, "choices": [choice]}  # fmt: skip

    found = [chunk({"role": "assistant", "content": ""})]
    key = {"groq": "reasoning", "openai": None}.get(vendor.preset or "", "reasoning_content")
    if said.thought and key:
        found.append(chunk({key: said.thought}))
    if said.text:
        found.append(chunk({"refusal" if said.refusal else "content": said.text}))
    for index, call in enumerate(said.calls):
        function = {"name": call.name, "arguments": ""}
        begun = {"index": index, "id": call.id, "type": "function", "function": function}
        found.append(chunk({"tool_calls": [begun]}))
        if call.arguments or dice.random() < 0.5:
            rest = {"index": index, "function": {"arguments": call.text}}
            found.append(chunk({"tool_calls": [rest]}))
    found.append(chunk({}, "tool_calls" if said.calls else "stop"))
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    return [*found, {"id": "chatcmpl-1", "model": vendor.model, "choices": [], "usage": usage}]


def _messages(dice: random.Random, vendor: Vendor, said: Said, body: Object) -> Events:
    message: Object = {"id": "msg_1", "type": "message", "role": "assistant", "model": vendor.model,
               "content": [], "stop_reason": None, "stop_sequence": None,
               "usage": {"input_tokens": 9, "output_tokens": 1}}  # fmt: skip
    found: Events = [{"type": "message_start", "message": message}]

    def block(begun: dict[str, Any], *deltas: dict[str, Any]) -> None:
        index = sum(event["type"] == "content_block_start" for event in found)
        found.append({"type": "content_block_start", "index": index, "content_block": begun})
        found.extend(
            {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
        )
        found.append({"type": "content_block_stop", "index": index})

    def think(thought: str) -> None:
        signature = signature_of(dice, vendor, thought, body)
        if not thought and dice.random() < 0.5:
            block({"type": "redacted_thinking", "data": signature})
            return
        block(
            {"type": "thinking", "thinking": "", "signature": ""},
            *([{"type": "thinking_delta", "thinking": thought}] if thought else []),
            {"type": "signature_delta", "signature": signature},
        )

    if said.thought is not None:
        think(said.thought)
    if said.text:
        block({"type": "text", "text": ""}, {"type": "text_delta", "text": said.text})
    if said.second:
        think(said.second)
    for call in said.calls:
        delta = {"type": "input_json_delta", "partial_json": call.text}
        block({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}, delta)
    reason = "tool_use" if said.calls else "end_turn"
    stopped: Object = {"stop_reason": reason, "stop_sequence": None}
    usage = {"output_tokens": 5}
    return [*found, {"type": "message_delta", "delta": stopped, "usage": usage},
            {"type": "message_stop"}]  # fmt: skip


def _responses(dice: random.Random, vendor: Vendor, said: Said, body: Object) -> Events:
    items: list[dict[str, Any]] = []

    def new_id(prefix: str) -> str:
        return f"{prefix}_{''.join(dice.choice('0123456789abcdef') for _ in range(50))}"

    def think(thought: str) -> None:
        summary = [{"type": "summary_text", "text": thought}] if thought else []
        items.append({"id": new_id("rs"), "type": "reasoning", "summary": summary,
                      "encrypted_content": signature_of(dice, vendor, thought, body)})  # fmt: skip

    if said.thought is not None:
        think(said.thought)
    if said.text:
        part: Object = {"type": "refusal", "refusal": said.text}
        if not said.refusal:
            part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        items.append({"id": new_id("msg"), "type": "message", "role": "assistant",
                      "status": "completed", "content": [part]})  # fmt: skip
    if said.second:
        think(said.second)
    for call in said.calls:
        items.append({"id": new_id("fc"), "type": "function_call", "status": "completed",
                      "call_id": call.id, "name": call.name, "arguments": call.text})  # fmt: skip
    response: Object = {"id": "resp_1", "object": "response", "created_at": 1, "output": [],
                        "model": vendor.model, "status": "in_progress", "usage": None}  # fmt: skip
    found: Events = [{"type": "response.created", "response": response}]
    for index, item in enumerate(items):
        found += _item(index, item)
    usage = {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}
    done = {**response, "status": "completed", "output": items, "usage": usage}
    return [*found, {"type": "response.completed", "response": done}]


def _item(index: int, item: dict[str, Any]) -> Events:
    at = {"output_index": index, "item_id": item["id"]}
    bare: Object = {**item, **{key: [] for key in ("summary", "content") if key in item}}
    if "arguments" in item:
        bare["arguments"] = ""
    found: Events = [{"type": "response.output_item.added", "output_index": index, "item": bare}]
    for place, part in enumerate(item.get("summary") or ()):
        where = {**at, "summary_index": place}
        found += [
            {"type": "response.reasoning_summary_part.added", **where,
             "part": {"type": "summary_text", "text": ""}},
            {"type": "response.reasoning_summary_text.delta", **where, "delta": part["text"]},
            {"type": "response.reasoning_summary_text.done", **where, "text": part["text"]},
        ]  # fmt: skip
    for place, part in enumerate(item.get("content") or ()):
        where = {**at, "content_index": place}
        key = "refusal" if part["type"] == "refusal" else "text"
        stem = "response.refusal" if key == "refusal" else "response.output_text"
        found += [
            {"type": "response.content_part.added", **where, "part": {**part, key: ""}},
            {"type": f"{stem}.delta", **where, "delta": part[key]},
            {"type": f"{stem}.done", **where, key: part[key]},
            {"type": "response.content_part.done", **where, "part": part},
        ]
    if "arguments" in item:
        stem = "response.function_call_arguments"
        found += [
            {"type": f"{stem}.delta", **at, "delta": item["arguments"]},
            {"type": f"{stem}.done", **at, "arguments": item["arguments"]},
        ]
    return [*found, {"type": "response.output_item.done", "output_index": index, "item": item}]


def _gemini(dice: random.Random, vendor: Vendor, said: Said, body: Object) -> Events:
    parts: list[dict[str, Any]] = []
    if said.thought:
        parts.append({"text": said.thought, "thought": True})
    if said.text:
        parts.append({"text": said.text})
    for call in said.calls:
        fields: dict[str, Any] = {"name": call.name, "args": call.arguments}
        if call.id:
            fields["id"] = call.id
        parts.append({"functionCall": fields})
    signs = "-3-" in vendor.model or said.thought is not None
    if signs and vendor.model != "gemini-2.0-flash":
        signature = signature_of(dice, vendor, said.thought or "", body)
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None:
            first["thoughtSignature"] = signature
        elif "-3-" in vendor.model:
            parts.append({"text": "", "thoughtSignature": signature})
    id = f"{dice.randrange(10**12):x}"
    found = [_given(vendor, id, [part]) for part in parts]
    last = _given(vendor, id, [], finishReason="STOP")
    last["usageMetadata"] = {"promptTokenCount": 9, "candidatesTokenCount": 5}
    return [*found, last]


def _given(vendor: Vendor, id: str, parts: list[Object], **more: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": parts} if parts else {"role": "model"}
    candidate = {"content": content, "index": 0, **more}
    return {"candidates": [candidate], "modelVersion": vendor.model, "responseId": id}


_TOLD: dict[str, Callable[[random.Random, Vendor, Said, Object], Events]] = {
    "chat": _chat,
    "messages": _messages,
    "responses": _responses,
    "gemini": _gemini,
}
