"""Messages streams: what the official client knows, and what it does not."""

from typing import Any

from tests.recorded.stream import Event, Recorded, sse
from tests.unit.messages_streams import ALL, begin, delta, end, start, stop, text, thought, tool

PING: Event = b'event: ping\ndata: {"type": "ping"}\n\n'


def wire(*events: Any, eol: str = "\n") -> bytes:
    return sse(*events, named=True, eol=eol)


def _more() -> list[Recorded]:
    hi, finish = text(0, "H", "i"), end()
    source = {"type": "base64", "media_type": "text/plain", "data": "eA=="}
    return [
        Recorded(
            "pings",
            "pings before, between and within blocks",
            wire(PING, start(), PING, hi[0], PING, *hi[1:], PING, *finish),
        ),
        Recorded(
            "a bare ping",
            "a ping whose event has a name and no type",
            wire(start(), b"event: ping\ndata: {}\n\n", *hi, *finish),
        ),
        Recorded("CRLF", "lines end as in mail", wire(start(), *hi, *finish, eol="\r\n")),
        Recorded("no names", "a server that names no events", sse(start(), *hi, *finish)),
        Recorded(
            "comments",
            "comments, ids, a retry time",
            wire(b": hello\n\nretry: 5\n\n", start(), *hi, b": still here\n", *finish),
        ),
        Recorded(
            "fine-grained input",
            "a tool's input in pieces of one byte, never buffered",
            wire(start(), *tool(0, *'{"q":"\\u00e9\\n"}'), *end("tool_use")),
        ),
        Recorded(
            "invalid input",
            "a tool's input that is no JSON, as fine-grained streaming may give",
            wire(start(), *tool(0, '{"q": unquoted'), *end("max_tokens")),
        ),
        Recorded(
            "long thoughts",
            "thoughts, their signature in two, thoughts again between calls",
            wire(
                start(),
                *thought(0, "a", "b"),
                *tool(1, "{}"),
                *thought(2, "c"),
                *tool(3, ""),
                *end("tool_use"),
            ),
        ),
        Recorded(
            "code execution",
            "a server's tool, its result with files and a return code",
            wire(
                start(),
                *tool(0, '{"code":"1"}', kind="server_tool_use", name="code_execution"),
                begin(
                    1,
                    "code_execution_tool_result",
                    tool_use_id="toolu_0",
                    content={
                        "type": "code_execution_result",
                        "stdout": "1\n",
                        "stderr": "",
                        "return_code": 0,
                        "content": [],
                    },
                ),
                stop(1),
                *end(),
            ),
        ),
        Recorded(
            "a fetched page",
            "a document inside a server tool's result",
            wire(
                start(),
                begin(
                    0,
                    "web_fetch_tool_result",
                    tool_use_id="t",
                    content={
                        "type": "web_fetch_result",
                        "url": "https://e.example",
                        "content": {"type": "document", "source": source},
                    },
                ),
                stop(0),
                *end(),
            ),
        ),
        Recorded(
            "a failed search",
            "a server tool's error in place of its results",
            wire(
                start(),
                begin(
                    0,
                    "web_search_tool_result",
                    tool_use_id="t",
                    content={
                        "type": "web_search_tool_result_error",
                        "error_code": "max_uses_exceeded",
                    },
                ),
                stop(0),
                *text(1, "Sorry"),
                *end(),
            ),
        ),
        Recorded(
            "an MCP result",
            "a remote tool's result",
            wire(
                start(),
                begin(
                    0,
                    "mcp_tool_result",
                    tool_use_id="t",
                    is_error=False,
                    content=[{"type": "text", "text": "ok"}],
                ),
                stop(0),
                *end(),
            ),
        ),
        Recorded(
            "page citations",
            "citations of every kind of place",
            wire(
                start(),
                begin(0, "text", text="", citations=[]),
                *(
                    delta(0, "citations", citation={"type": kind, "cited_text": "x", **where})
                    for kind, where in (
                        ("page_location", {"start_page_number": 1, "end_page_number": 2}),
                        ("content_block_location", {"start_block_index": 0, "end_block_index": 1}),
                        ("web_search_result_location", {"url": "u", "encrypted_index": "e"}),
                        ("search_result_location", {"source": "s", "search_result_index": 0}),
                    )
                ),
                delta(0, "text", text="x"),
                stop(0),
                *end(),
            ),
        ),
        Recorded(
            "paused", "a turn that a server's tool paused", wire(start(), *hi, *end("pause_turn"))
        ),
        Recorded(
            "context full",
            "the model's window was full",
            wire(start(), *hi, *end("model_context_window_exceeded")),
        ),
        Recorded(
            "edits of the context",
            "what was cleared, beside the last delta",
            wire(
                start(),
                *hi,
                *end(
                    context_management={
                        "applied_edits": [
                            {
                                "type": "clear_tool_uses_20250919",
                                "cleared_tool_uses": 8,
                                "cleared_input_tokens": 50000,
                            }
                        ]
                    }
                ),
            ),
        ),
        Recorded(
            "compaction",
            "a block that stands for what was compacted",
            wire(
                start(),
                begin(0, "compaction", content=None),
                delta(0, "compaction", content="Summary"),
                stop(0),
                *text(1, "a"),
                *end("compaction"),
            ),
        ),
        Recorded(
            "caches",
            "what was written to either cache, by its lifetime",
            wire(
                start(
                    usage={
                        "input_tokens": 1,
                        "cache_creation_input_tokens": 7,
                        "cache_read_input_tokens": 0,
                        "output_tokens": 0,
                        "inference_geo": None,
                        "cache_creation": {
                            "ephemeral_5m_input_tokens": 3,
                            "ephemeral_1h_input_tokens": 4,
                        },
                    }
                ),
                *hi,
                *finish,
            ),
        ),
        Recorded(
            "escapes",
            "escapes that need not be, a zero, halves of a character",
            wire(
                start(),
                hi[0],
                b'event: content_block_delta\ndata: {"type":"content_block_delta",'
                b'"index":0,"delta":{"type":"text_delta","text":"\\u0041\\/\\u0000\\ud83d"}}\n\n',
                *hi[1:],
                *finish,
            ),
        ),
        Recorded(
            "keys in another order",
            "the type last, blanks in between, a key twice",
            wire(
                start(),
                hi[0],
                b'event: content_block_delta\ndata: { "delta" : {"text":"x","text":"y","type":'
                b'"text_delta"}, "index" : 0, "type" : "content_block_delta" }\n\n',
                *hi[1:],
                *finish,
            ),
        ),
        Recorded(
            "figures",
            "integers beyond 64 bits and floats that must not change",
            wire(
                start(),
                b'event: interlude\ndata: {"type":"interlude","a":12345678901234567890123,'
                b'"b":1.0,"c":1E-7,"d":0.30000000000000004,"e":-0}\n\n',
                *hi,
                *finish,
            ),
        ),
        Recorded(
            "several data lines",
            "one event over two lines",
            wire(
                start(), b'event: interlude\ndata: {"type":\ndata: "interlude"}\n\n', *hi, *finish
            ),
        ),
        Recorded(
            "after the end",
            "an event behind message_stop: no part of it",
            wire(start(), *hi, *finish, *text(1, "zzz")),
        ),
        Recorded(
            "overloaded",
            "an error event in the middle",
            wire(
                start(),
                *hi,
                {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            ),
            "failed",
        ),
        Recorded("cut short", "the body ends within a block", wire(start(), *hi[:-1]), "failed"),
    ]


MESSAGES = [
    *(Recorded(name, "see its name", wire(*events)) for name, events in ALL.items()),
    *_more(),
]
