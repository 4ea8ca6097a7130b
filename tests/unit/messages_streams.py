"""Streams of messages as providers send them, by hand: usual, odd, and yet to come."""

import json
from collections.abc import Iterable
from typing import Any

from broker.frames import Frame, Kind, data_frame

Event = dict[str, Any]

USAGE = {
    "input_tokens": 9,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 4,
    "output_tokens": 1,
    "service_tier": "standard",
}


def start(**more: Any) -> Event:
    message: Event = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": dict(USAGE),
    }
    return {"type": "message_start", "message": {**message, **more}}


def begin(index: int, kind: str, **fields: Any) -> Event:
    block = {"type": kind, **fields}
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **fields: Any) -> Event:
    return {
        "type": "content_block_delta",
        "index": index,
        "delta": {"type": f"{kind}_delta", **fields},
    }


def stop(index: int) -> Event:
    return {"type": "content_block_stop", "index": index}


def end(reason: str = "end_turn", **more: Any) -> list[Event]:
    change: Event = {"stop_reason": reason, "stop_sequence": None}
    usage = {"output_tokens": 12}
    return [
        {"type": "message_delta", "delta": change, "usage": usage, **more},
        {"type": "message_stop"},
    ]


def text(index: int, *pieces: str) -> list[Event]:
    deltas = (delta(index, "text", text=piece) for piece in pieces)
    return [begin(index, "text", text=""), *deltas, stop(index)]


def thought(index: int, *pieces: str) -> list[Event]:
    return [
        begin(index, "thinking", thinking="", signature=""),
        *(delta(index, "thinking", thinking=piece) for piece in pieces),
        delta(index, "signature", signature="c2ln"),
        stop(index),
    ]


def tool(index: int, *pieces: str, kind: str = "tool_use", **more: Any) -> list[Event]:
    fields = {"id": f"toolu_{index}", "name": "f", "input": {}, **more}
    deltas = (delta(index, "input_json", partial_json=piece) for piece in pieces)
    return [begin(index, kind, **fields), *deltas, stop(index)]


CITED = {"type": "char_location", "cited_text": "x", "document_index": 0, "start_char_index": 0}
RESULT = {"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "e"}
REFUSED = {"stop_details": {"type": "refusal", "category": "cyber"}}

STREAMS: dict[str, list[Event]] = {
    "text": [start(), *text(0, "Hel", "lo", " there."), *end()],
    "two texts": [start(), *text(0, "a ", "b"), *text(1, "c"), *end()],
    "an empty text": [start(), *text(0), *end()],
    "no block at all": [start(), *end()],
    "thinking, then text": [start(), *thought(0, "Hm", "m."), *text(1, "So", "."), *end()],
    "thinking that is not shown": [start(), *thought(0), *text(1, "a"), *end()],
    "redacted thinking": [
        start(),
        begin(0, "redacted_thinking", data="ZW5j"),
        stop(0),
        *text(1, "a"),
        *end(),
    ],
    "a tool": [start(), *tool(0, "", '{"a', '": 1, "b": [', '"x"]}'), *end("tool_use")],
    "text and two tools": [
        start(),
        *text(0, "Let me see."),
        *tool(1, '{"q": "é"}'),
        *tool(2, '{"q":', " 2}"),
        *end("tool_use"),
    ],
    "a tool without input": [start(), *tool(0, ""), *end("tool_use")],
    "a tool that was cut off": [start(), *tool(0, '{"a": "b", "c": "d'), *end("max_tokens")],
    "a search": [
        start(),
        *tool(0, '{"query"', ': "x"}', kind="server_tool_use", name="web_search"),
        begin(1, "web_search_tool_result", tool_use_id="toolu_0", content=[RESULT]),
        stop(1),
        *text(2, "Found."),
        *end(),
    ],
    "citations": [
        start(),
        begin(0, "text", text="", citations=[]),
        delta(0, "citations", citation=CITED),
        delta(0, "text", text="Quoted"),
        delta(0, "citations", citation={**CITED, "document_index": 1}),
        stop(0),
        *end(),
    ],
    "citations out of nowhere": [
        start(),
        begin(0, "text", text=""),
        delta(0, "text", text="Quoted"),
        delta(0, "citations", citation=CITED),
        stop(0),
        *end(),
    ],
    "a stop sequence": [
        start(),
        *text(0, "a"),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"},
            "usage": {"output_tokens": 2},
        },
        {"type": "message_stop"},
    ],
    "a refusal": [
        start(),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "refusal", "stop_sequence": None, **REFUSED},
            "usage": {"output_tokens": 2},
        },
        {"type": "message_stop"},
    ],
    "usage that is told again": [
        start(),
        *text(0, "a"),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {**USAGE, "output_tokens": 7, "server_tool_use": {"web_search_requests": 1}},
        },
        {"type": "message_stop"},
    ],
    "a container": [
        start(),
        *text(0, "a"),
        {
            "type": "message_delta",
            "delta": {
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "container": {"id": "c", "expires_at": "2030-01-01T00:00:00Z"},
            },
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ],
    "text with its beginning": [
        start(),
        begin(0, "text", text="He"),
        delta(0, "text", text="llo"),
        stop(0),
        *end(),
    ],
}
# What the official client does not put together as it came, or not at all.
ODD: dict[str, list[Event]] = {
    "a block of tomorrow": [
        start(),
        begin(0, "hologram", depth=3, frames=[{"a": 1}]),
        delta(0, "hologram", angle=7),
        stop(0),
        *text(1, "a"),
        *end(),
    ],
    "fields of tomorrow": [
        start(mood="calm"),
        begin(0, "text", text="", colour="blue"),
        {**delta(0, "text", text="a", weight=0.5), "extra": 1},
        stop(0),
        *end(context_management={"applied_edits": []}),
    ],
    "an event of tomorrow": [start(), {"type": "interlude", "music": True}, *text(0, "a"), *end()],
    "a tool of another server": [
        start(),
        *tool(0, '{"a": 1}', kind="mcp_tool_use", server_name="s"),
        *end(),
    ],
    "a delta without a start": [start(), delta(0, "text", text="a"), stop(0), *end()],
    "two starts": [start(), start(id="msg_2"), *text(0, "a"), *end()],
    "no stop": [start(), *text(0, "a"), end()[0]],
    "a stop with figures": [
        start(),
        *text(0, "a"),
        end()[0],
        {"type": "message_stop", "metrics": {"latency": 3}},
    ],
    "halves of a character": [start(), *text(0, "\ud83d", "\ude00!"), *end()],
}
ALL = {**STREAMS, **ODD}


def frame(event: Event) -> Frame:
    return data_frame(Kind.DIALECT, json.dumps(event).encode(), event["type"].encode())


def frames_of(events: Iterable[Event]) -> list[Frame]:
    return [frame(event) for event in events]
