"""Streams of responses by hand: what providers send, and what they might.

Each is a list of events; an event is an object, or its bytes where those are the point.
``numbered`` puts them on the wire as OpenAI does.
"""

import json
from typing import Any

from workers.providers.splitter import SseEvent

Event = dict[str, Any] | bytes
THEIRS = "resp_" + "0af" * 16  # the provider's own id


def response(status: str = "in_progress", **more: Any) -> dict[str, Any]:
    own: dict[str, Any] = {"id": THEIRS, "object": "response", "status": status, "output": []}
    return {**own, **more}


def created(**more: Any) -> dict[str, Any]:
    return {"type": "response.created", "response": response(**more)}


def ended(status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"type": f"response.{status}", "response": response(status, **more)}


def added(index: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(index: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def at(kind: str, index: int = 0, part: int | None = 0, **more: Any) -> dict[str, Any]:
    """An event about a part of an item; its item is named by its index."""
    place: dict[str, Any] = {"item_id": f"item_{index}", "output_index": index}
    if part is not None:
        place["summary_index" if "summary" in kind else "content_index"] = part
    return {"type": f"response.{kind}", **place, **more}


def delta(
    text: str, index: int = 0, kind: str = "output_text", part: int | None = 0
) -> dict[str, Any]:
    return at(f"{kind}.delta", index, part, delta=text)


def message(index: int = 0, *texts: str, ident: str = "item_") -> dict[str, Any]:
    parts = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {
        "id": f"{ident}{index}",
        "type": "message",
        "role": "assistant",
        "status": "completed" if texts else "in_progress",
        "content": parts,
    }


def spoken(index: int, *pieces: str) -> list[dict[str, Any]]:
    """A message, told in full."""
    text = "".join(pieces)
    part = {"type": "output_text", "text": "", "annotations": []}
    return [
        added(index, **message(index)),
        at("content_part.added", index, part=0) | {"part": part},
        *(delta(piece, index) for piece in pieces),
        at("output_text.done", index, text=text),
        at("content_part.done", index) | {"part": {**part, "text": text}},
        done(index, **message(index, text)),
    ]


def call(index: int, arguments: str = "", **more: Any) -> dict[str, Any]:
    item = {"id": f"item_{index}", "type": "function_call", "name": "search"}
    return {**item, "call_id": f"call_{index}", "arguments": arguments, **more}


def called(index: int, *pieces: str) -> list[dict[str, Any]]:
    """A function call, told in full."""
    text, kind = "".join(pieces), "function_call_arguments"
    return [
        added(index, **call(index)),
        *(delta(piece, index, kind, None) for piece in pieces),
        at(f"{kind}.done", index, None, arguments=text),
        done(index, **call(index, text)),
    ]


def thought(index: int, *pieces: str) -> list[dict[str, Any]]:
    """A reasoning item with one summary."""
    text = "".join(pieces)
    item = {"id": f"item_{index}", "type": "reasoning"}
    part = {"type": "summary_text", "text": text}
    return [
        added(index, **item, summary=[]),
        at("reasoning_summary_part.added", index, part=0) | {"part": {**part, "text": ""}},
        *(delta(piece, index, "reasoning_summary_text") for piece in pieces),
        at("reasoning_summary_text.done", index, text=text),
        at("reasoning_summary_part.done", index) | {"part": part},
        done(index, **item, summary=[part], encrypted_content="gAAAA"),
    ]


USAGE = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}

STREAMS: dict[str, list[Event]] = {
    "a message": [
        created(),
        {"type": "response.in_progress", "response": response()},
        *spoken(0, "Hel", "lo"),
        ended(output=[message(0, "Hello")], usage=USAGE),
    ],
    "queued first": [
        created(),
        {"type": "response.queued", "response": response("queued")},
        *spoken(0, "x"),
        ended(output=[message(0, "x")]),
    ],
    "thoughts, then words": [
        created(),
        *thought(0, "hm", "m"),
        *spoken(1, "Hi"),
        ended(
            output=[
                {
                    "id": "item_0",
                    "type": "reasoning",
                    "summary": [{"type": "summary_text", "text": "hmm"}],
                    "encrypted_content": "gAAAA",
                },
                message(1, "Hi"),
            ]
        ),
    ],
    "a call": [created(), *called(0, '{"a"', ":1}"), ended(output=[call(0, '{"a":1}')])],
    "parallel calls, interleaved": [
        created(),
        added(0, **call(0)),
        added(1, **call(1)),
        delta("{", 1, "function_call_arguments", None),
        delta("[", 0, "function_call_arguments", None),
        delta("}", 1, "function_call_arguments", None),
        delta("]", 0, "function_call_arguments", None),
        done(1, **call(1, "{}")),
        done(0, **call(0, "[]")),
        ended(output=[call(0, "[]"), call(1, "{}")]),
    ],
    "a refusal": [
        created(),
        added(0, **message(0)),
        at("content_part.added") | {"part": {"type": "refusal", "refusal": ""}},
        delta("I can't", 0, "refusal"),
        at("refusal.done", refusal="I can't"),
        ended(output=[]),
    ],
    "incomplete": [
        created(),
        *spoken(0, "Hal"),
        ended(
            "incomplete",
            output=[message(0, "Hal")],
            incomplete_details={"reason": "max_output_tokens"},
        ),
    ],
    "annotations": [
        created(),
        added(0, **message(0)),
        delta("see"),
        at(
            "output_text.annotation.added",
            annotation_index=0,
            annotation={"type": "url_citation", "url": "https://e.org", "start_index": 0},
        ),
        ended(),
    ],
    "a search": [
        created(),
        added(0, id="ws_1", type="web_search_call", status="in_progress"),
        *(
            {"type": f"response.web_search_call.{verb}", "output_index": 0, "item_id": "ws_1"}
            for verb in ("in_progress", "searching", "completed")
        ),
        done(0, id="ws_1", type="web_search_call", status="completed"),
        ended(output=[{"id": "ws_1", "type": "web_search_call", "status": "completed"}]),
    ],
    "code": [
        created(),
        added(0, id="ci_1", type="code_interpreter_call", code=""),
        delta("1+", 0, "code_interpreter_call_code", None),
        delta("1", 0, "code_interpreter_call_code", None),
        ended(),
    ],
    "an image in parts": [
        created(),
        added(0, id="ig_1", type="image_generation_call", result=None),
        {
            "type": "response.image_generation_call.partial_image",
            "output_index": 0,
            "item_id": "ig_1",
            "partial_image_index": 0,
            "partial_image_b64": "A" * 9000,
        },
        ended(),
    ],
    "a custom tool": [
        created(),
        added(0, id="ct_1", type="custom_tool_call", input="", call_id="call_c", name="sh"),
        delta("ls ", 0, "custom_tool_call_input", None),
        delta("-l", 0, "custom_tool_call_input", None),
        ended(),
    ],
    "obfuscation": [
        created(),
        added(0, **message(0)),
        at("output_text.delta", delta="a", logprobs=[], obfuscation="Xy9"),
        at("output_text.delta", delta="b", logprobs=[], obfuscation="q"),
        ended(),
    ],
    "types nobody has heard of": [
        created(),
        {"type": "response.hologram.delta", "output_index": 0, "delta": "~", "depth": 0.25},
        {"type": "keepalive"},
        ended(hologram={"deep": [1, 2, {"x": None}]}),
    ],
    "numbers within": [
        created(tools=[{"parameters": {"properties": {"sequence_number": {"default": 7}}}}]),
        at("mcp_call.completed", part=None, extra={"sequence_number": 99}),
        added(0, **message(0)),
        delta('"sequence_number":5,'),
        ended(metadata={"sequence_number": "3"}),
    ],
    "its id in other fields": [
        created(),
        {"type": "response.audio.delta", "response_id": THEIRS, "delta": "UklG"},
        ended(metadata={"id": THEIRS}),
    ],
    "escapes": [
        b'{"type":"response.created","sequence_number":0,"response":{"id":"%b","x":"\\u00e9\\/"}}'
        % THEIRS.encode(),
        b'{"type":"response.output_text.delta","sequence_number":1,"delta":"\\u0041\\/\\u2028"}',
        ended(),
    ],
    "half a character": [
        created(),
        b'{"type":"response.output_text.delta","sequence_number":1,"delta":"\\ud83d"}',
        b'{"sequence_number":2,"type":"response.output_text.delta","delta":"\\ude00"}',
        b'{"type":"response.completed","response":{"id":"%b","x":"\\ud83d"}}' % THEIRS.encode(),
    ],
    "keys in another order": [
        b'{"response":{"status":"in_progress","id":"%b"},"sequence_number":0,'
        b'"type":"response.created"}' % THEIRS.encode(),
        b'{"delta":"x","sequence_number":4,"output_index":0,"type":"response.output_text.delta"}',
        b'{"delta":"y","output_index":0,"type":"response.output_text.delta","sequence_number":4}',
        ended(),
    ],
    "white space": [
        b'{ "type" : "response.created",\n "sequence_number" : 0,\r\n "response" : {"id":"a"} }',
        b'{"type":"response.output_text.delta","sequence_number":1,\n"delta":"x"}',
        b' {"type": "response.output_text.delta", "delta": "y"}',
        ended(),
    ],
    "no numbers": [
        b'{"type":"response.created","response":{"id":"x"}}',
        b'{"type":"response.output_text.delta","delta":"x"}',
        b'{"type":"response.completed","response":{"id":"x"}}',
    ],
    "figures": [
        created(temperature=1.0, top_p=0.30000000000000004, seed=12345678901234567890),
        b'{"type":"response.completed","response":{"id":"x","big":123456789012345678901234567890,'
        b'"small":1e-7,"whole":1.0}}',
    ],
    "nothing but an end": [ended(output=[])],
    "an empty text": [created(), added(0, **message(0)), delta(""), ended()],
}


def on_the_wire(stream: list[Event]) -> list[SseEvent]:
    """The events as they arrive; objects get a name and a number, bytes have what they have."""
    sent = []
    for number, event in enumerate(stream):
        if isinstance(event, bytes):
            sent.append(SseEvent(b"", event.replace(b"\r\n", b"\n")))
            continue
        kind, rest = event["type"], {k: v for k, v in event.items() if k != "type"}
        data = json.dumps(
            {"type": kind, "sequence_number": number, **rest}, separators=(",", ":")
        ).encode()
        sent.append(SseEvent(kind.encode(), data))
    return sent


def objects(stream: list[Event]) -> list[dict[str, Any]]:
    """What the events say, without numbers."""
    told = [json.loads(each) if isinstance(each, bytes) else dict(each) for each in stream]
    for event in told:
        event.pop("sequence_number", None)
    return told
