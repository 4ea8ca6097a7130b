"""Chat streams: OpenAI's, and what servers of its dialect make of SSE and JSON."""

from typing import Any

from tests.recorded.stream import Event, Recorded, sse

_OWN = {
    "id": "chatcmpl-9aB",
    "object": "chat.completion.chunk",
    "created": 1754000000,
    "model": "m",
}
DONE = "[DONE]"


def choice(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish, **more}


def chunk(*choices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**_OWN, "choices": list(choices), **more}


def says(text: str, **more: Any) -> dict[str, Any]:
    return chunk(choice({"content": text}), **more)


ROLE = chunk(choice({"role": "assistant", "content": "", "refusal": None}))
STOP = chunk(choice({}, "stop"))
COUNTS = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


def stream(*events: Event, eol: str = "\n") -> bytes:
    return sse(ROLE, *events, STOP, DONE, eol=eol)


def call(index: int, arguments: str, **more: Any) -> dict[str, Any]:
    name = more.pop("name", None)
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return chunk(choice({"tool_calls": [{"index": index, **more, "function": function}]}))


def called(*events: Event) -> bytes:
    return sse(ROLE, *events, chunk(choice({}, "tool_calls")), DONE)


CHAT = [
    Recorded("plain", "nothing: a role, two words, a stop", stream(says("Hel"), says("lo"))),
    Recorded(
        "usage at the end",
        "every chunk says usage null; one chunk without choices has it",
        sse(
            says("Hi", usage=None),
            chunk(choice({}, "stop"), usage=None),
            chunk(usage={**COUNTS, "prompt_tokens_details": {"cached_tokens": 4}}),
            DONE,
        ),
    ),
    Recorded(
        "usage as it goes",
        "every chunk has running totals, as from some self-hosted servers",
        stream(says("a", usage=COUNTS), says("b", usage={**COUNTS, "completion_tokens": 4})),
    ),
    Recorded(
        "several choices",
        "two choices interleaved; one ends long before the other",
        sse(
            chunk(choice({"role": "assistant"}), {**choice({"role": "assistant"}), "index": 1}),
            chunk({**choice({"content": "B"}), "index": 1}),
            says("A"),
            chunk({**choice({}, "length"), "index": 1}),
            says("a"),
            STOP,
            DONE,
        ),
        choices=2,
    ),
    Recorded(
        "logprobs",
        "log probabilities to the last digit, minus zero among them",
        stream(
            '{"id":"c","choices":[{"index":0,"delta":{"content":"é"},"logprobs":{"content":[{"token":'
            '"\\u00e9","logprob":-0.0000012345678901234,"bytes":[195,169],"top_logprobs":[{"token":'
            '"e","logprob":-9999.0,"bytes":null},{"token":"x","logprob":-0.0}]}],"refusal":null}}]}'
        ),
    ),
    Recorded(
        "audio",
        "spoken: base64 pieces, a transcript beside them, an expiry",
        stream(
            chunk(choice({"audio": {"id": "audio_1", "transcript": "Hel"}})),
            chunk(choice({"audio": {"data": "UklGRv//" * 40}})),
            chunk(choice({"audio": {"data": "AAE=", "transcript": "lo"}})),
            chunk(choice({"audio": {"expires_at": 1754003600}})),
        ),
    ),
    Recorded(
        "refusal",
        "a refusal in pieces, its content null",
        stream(
            chunk(choice({"content": None, "refusal": "I can't "})),
            chunk(choice({"refusal": "help."})),
        ),
    ),
    Recorded(
        "parallel calls",
        "two tool calls, their pieces by turns",
        called(
            call(0, "", id="call_a", type="function", name="f"),
            call(0, '{"city"'),
            call(1, "", id="call_b", type="function", name="g"),
            call(1, "{}"),
            call(0, ':"Oslo"}'),
        ),
    ),
    Recorded(
        "custom tool",
        "a tool whose input is no JSON",
        called(
            chunk(
                choice(
                    {
                        "tool_calls": [
                            {
                                "index": 0,
                                "id": "c",
                                "type": "custom",
                                "custom": {"name": "sh", "input": ""},
                            }
                        ]
                    }
                )
            ),
            chunk(choice({"tool_calls": [{"index": 0, "custom": {"input": "ls -l\n"}}]})),
        ),
    ),
    Recorded(
        "function_call",
        "the older word for tools, and the older reason to stop",
        sse(
            chunk(
                choice(
                    {
                        "role": "assistant",
                        "content": None,
                        "function_call": {"name": "f", "arguments": ""},
                    }
                )
            ),
            chunk(choice({"function_call": {"arguments": '{"a":'}})),
            chunk(choice({"function_call": {"arguments": "1}"}})),
            chunk(choice({}, "function_call")),
            DONE,
        ),
    ),
    Recorded(
        "obfuscation",
        "padding of random length in every chunk",
        stream(
            says("a", obfuscation="x7"),
            says("b", obfuscation=""),
            says("c", obfuscation="Qm9yaW5n"),
        ),
    ),
    Recorded(
        "fields of tomorrow",
        "fields nobody has heard of, at every depth",
        stream(
            chunk(
                choice({"content": "a", "mood": {"v": [1, None]}}, None, mood="calm"),
                era=3,
                eras=[{}],
            ),
        ),
    ),
    Recorded(
        "named events",
        "chunks under a name, and an event of tomorrow that is no chunk",
        stream(
            b'event: message\ndata: {"id":"c","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n',
            b'event: citations\ndata: {"citations":["https://e.example"]}\n\n',
            says("b"),
        ),
    ),
    Recorded("CRLF", "lines end as in mail", stream(says("a"), says("b"), eol="\r\n")),
    Recorded("CR", "lines end as on a Macintosh of 1990", stream(says("a"), says("b"), eol="\r")),
    Recorded(
        "comments",
        "comments between and within events, ids and retry times of the provider's own",
        stream(
            b": keep-alive\n\n:\n",
            b'id: 77\nretry: 10\n: within\ndata: {"id":"c","choices":[{"index":0,"delta":'
            b'{"content":"x"}}]}\nid: 78\nnonsense\n\n',
            says("y"),
        ),
    ),
    Recorded(
        "several data lines",
        "one object over three lines, no space after the colon",
        stream(
            b'data:{"id":"c",\ndata: "choices":[{"index":0,\ndata:  "delta":{"content":"x"}}]}\n\n'
        ),
    ),
    Recorded(
        "byte order mark", "a mark before the first byte", b"\xef\xbb\xbf" + stream(says("a"))
    ),
    Recorded(
        "escapes",
        "escapes that need not be, separators that JavaScript minds, a tab, a zero",
        stream(
            '{"id":"c","choices":[{"index":0,"delta":{"content":"\\u0041\\/\\u2028\\u0000\\t\\"\\\\"}}]}',
            '{"id":"c","choices":[{"index":0,"delta":{"content":"\u2028 é 😀 \\ud83d\\ude00"}}]}',
        ),
    ),
    Recorded(
        "half a character",
        "a character cut between its surrogates, and one half that is never met",
        stream(
            '{"id":"c","choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
            '{"id":"c","choices":[{"index":0,"delta":{"content":"\\ude00 \\udfff"}}]}',
        ),
    ),
    Recorded(
        "figures",
        "integers beyond 64 bits, and floats that change if they are read and written",
        stream(
            '{"id":"c","created":12345678901234567890123,"x":1.0,"y":1e-7,"z":0.30000000000000004,'
            '"w":1E+2,"v":-0,"choices":[{"index":0,"delta":{"content":"a"}}]}'
        ),
    ),
    Recorded(
        "keys twice",
        "keys that occur twice; the last one counts, and both are passed on",
        stream('{"id":"c","id":"d","choices":[{"index":0,"delta":{"content":"a","content":"b"}}]}'),
    ),
    Recorded(
        "white space",
        "blanks wherever JSON allows them, and none after the colon of the field",
        stream(b'data:\t{ "id" : "c" , "choices" : [ { "index" : 0 , "delta" : { } } ] } \n\n'),
    ),
    Recorded(
        "annotations",
        "a search model's: links with offsets, in one chunk at the end",
        stream(
            says("see"),
            chunk(
                choice(
                    {
                        "annotations": [
                            {
                                "type": "url_citation",
                                "url_citation": {
                                    "url": "https://e.example",
                                    "start_index": 0,
                                    "end_index": 3,
                                },
                            }
                        ]
                    }
                )
            ),
        ),
    ),
    Recorded("no [DONE]", "the body just ends after the finish", sse(ROLE, says("a"), STOP)),
    Recorded("no finish", "[DONE] without any finish_reason", sse(ROLE, says("a"), DONE)),
    Recorded(
        "after the end",
        "more events behind [DONE]: no part of it",
        stream(says("a")) + sse(says("zzz")),
    ),
    Recorded(
        "an error within",
        "an error object in the middle, as from a proxy",
        sse(ROLE, says("a"), {"error": {"message": "gone", "type": "server_error", "code": 503}}),
        "failed",
    ),
    Recorded(
        "an error event",
        "the same under an event's name",
        sse(ROLE, says("a"), b'event: error\ndata: {"error":{"message":"gone"}}\n\n'),
        "failed",
    ),
    Recorded("cut short", "the body ends after a word", sse(ROLE, says("a")), "failed"),
]
