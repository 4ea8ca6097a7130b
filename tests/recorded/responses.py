"""Responses streams: every kind of event that the public reference lists, and others."""

from typing import Any

from tests.recorded.stream import Event, Recorded, sse
from tests.unit.responses_streams import (
    STREAMS,
    THEIRS,
    added,
    at,
    created,
    delta,
    done,
    ended,
    message,
    on_the_wire,
    response,
    spoken,
    thought,
)


def wire(*events: Any, eol: str = "\n") -> bytes:
    """The events numbered as OpenAI does; bytes as they are."""
    numbered: list[Event] = []
    for number, event in enumerate(events):
        if isinstance(event, dict):
            rest = {key: value for key, value in event.items() if key != "type"}
            event = {"type": event["type"], "sequence_number": number, **rest}
        numbered.append(event)
    return sse(*numbered, named=True, eol=eol)


def item_events(kind: str, *verbs: str, index: int = 0, **more: Any) -> list[dict[str, Any]]:
    place = {"output_index": index, "item_id": f"item_{index}"}
    return [{"type": f"response.{kind}.{verb}", **place, **more} for verb in verbs]


def itemed(kind: str, *events: dict[str, Any], **fields: Any) -> bytes:
    """One item of this kind, begun, its events, and its end."""
    item = {"id": "item_0", "type": kind, "status": "in_progress", **fields}
    whole = {**item, "status": "completed"}
    return wire(created(), added(0, **item), *events, done(0, **whole), ended(output=[whole]))


def _known() -> list[Recorded]:
    refusal = {"type": "refusal", "refusal": "I can't"}
    cited = [
        {
            "type": "url_citation",
            "url": "https://e.example",
            "title": "E",
            "start_index": 0,
            "end_index": 3,
        },
        {"type": "file_citation", "file_id": "file_1", "filename": "a.txt", "index": 3},
        {
            "type": "container_file_citation",
            "container_id": "cntr_1",
            "file_id": "cfile_1",
            "filename": "b.png",
            "start_index": 0,
            "end_index": 1,
        },
        {"type": "file_path", "file_id": "file_2", "index": 1},
    ]
    logprobs = [{"token": "a", "logprob": -1.5e-07, "bytes": [97], "top_logprobs": []}]
    failure = {"code": "server_error", "message": "The model failed."}
    return [
        Recorded(
            "every step of its life",
            "created, queued, in progress, completed, all with ids",
            wire(
                created(previous_response_id=None, background=False, store=True),
                {"type": "response.queued", "response": response("queued")},
                {"type": "response.in_progress", "response": response()},
                *spoken(0, "Hi"),
                ended(output=[message(0, "Hi")]),
            ),
        ),
        Recorded(
            "summaries",
            "two summaries of thoughts, told in full, their text sealed",
            wire(
                created(),
                *thought(0, "Hm", "m"),
                at("reasoning_summary_part.added", 0, 1)
                | {"part": {"type": "summary_text", "text": ""}},
                delta("Second", 0, "reasoning_summary_text", 1),
                *spoken(1, "a"),
                ended(),
            ),
        ),
        Recorded(
            "reasoning text",
            "thoughts in full, as open models give them",
            wire(
                created(),
                added(0, id="item_0", type="reasoning", summary=[], content=[]),
                delta("hm", 0, "reasoning_text"),
                at("reasoning_text.done", text="hm"),
                *spoken(1, "a"),
                ended(),
            ),
        ),
        Recorded(
            "a refusal told in full",
            "refusal deltas, done, its part, its item",
            wire(
                created(),
                added(0, **message(0)),
                at("content_part.added") | {"part": {"type": "refusal", "refusal": ""}},
                delta("I ", 0, "refusal"),
                delta("can't", 0, "refusal"),
                at("refusal.done", refusal="I can't"),
                at("content_part.done") | {"part": refusal},
                done(0, **{**message(0), "content": [refusal]}),
                ended(output=[{**message(0), "content": [refusal]}]),
            ),
        ),
        Recorded(
            "annotations of every kind",
            "links, files, container files, paths",
            wire(
                created(),
                added(0, **message(0)),
                delta("see"),
                *(
                    at("output_text.annotation.added", annotation_index=n, annotation=each)
                    for n, each in enumerate(cited)
                ),
                ended(),
            ),
        ),
        Recorded(
            "logprobs",
            "log probabilities in deltas and in the text's end",
            wire(
                created(),
                added(0, **message(0)),
                at("output_text.delta", delta="a", logprobs=logprobs),
                at("output_text.done", text="a", logprobs=logprobs),
                ended(),
            ),
        ),
        Recorded(
            "a web search",
            "its four events and its action",
            itemed(
                "web_search_call",
                *item_events("web_search_call", "in_progress", "searching", "completed"),
                action={"type": "search", "query": "x", "sources": [{"type": "url", "url": "u"}]},
            ),
        ),
        Recorded(
            "a file search",
            "its events and its results",
            itemed(
                "file_search_call",
                *item_events("file_search_call", "in_progress", "searching", "completed"),
                queries=["x"],
                results=[{"file_id": "file_1", "score": 0.30000000000000004}],
            ),
        ),
        Recorded(
            "the code interpreter",
            "code in pieces, its run, logs and an image",
            itemed(
                "code_interpreter_call",
                *item_events("code_interpreter_call", "in_progress"),
                *item_events("code_interpreter_call_code", "delta", delta="print("),
                *item_events("code_interpreter_call_code", "delta", delta="1)"),
                *item_events("code_interpreter_call_code", "done", code="print(1)"),
                *item_events("code_interpreter_call", "interpreting", "completed"),
                container_id="cntr_1",
                code="",
                outputs=[{"type": "logs", "logs": "1\n"}, {"type": "image", "url": "u"}],
            ),
        ),
        Recorded(
            "an image",
            "partial images, large ones",
            itemed(
                "image_generation_call",
                *item_events("image_generation_call", "in_progress", "generating"),
                *item_events(
                    "image_generation_call",
                    "partial_image",
                    partial_image_index=0,
                    partial_image_b64="iVBORw0KGgo" * 9000,
                ),
                *item_events("image_generation_call", "completed"),
                result=None,
            ),
        ),
        Recorded(
            "MCP",
            "tools listed, a call with arguments in pieces, one that failed, an approval",
            wire(
                created(),
                added(0, id="item_0", type="mcp_list_tools", server_label="s", tools=[]),
                *item_events("mcp_list_tools", "in_progress", "completed"),
                *item_events("mcp_list_tools", "failed", index=5),
                added(1, id="item_1", type="mcp_call", server_label="s", name="f", arguments=""),
                *item_events("mcp_call", "in_progress", index=1),
                *item_events("mcp_call_arguments", "delta", index=1, delta='{"a":'),
                *item_events("mcp_call_arguments", "done", index=1, arguments='{"a":1}'),
                *item_events("mcp_call", "completed", index=1),
                *item_events("mcp_call", "failed", index=2),
                added(3, id="item_3", type="mcp_approval_request", name="f", arguments="{}"),
                ended(),
            ),
        ),
        Recorded(
            "a custom tool, told in full",
            "an input that is no JSON",
            itemed(
                "custom_tool_call",
                *item_events("custom_tool_call_input", "delta", delta="ls"),
                *item_events("custom_tool_call_input", "done", input="ls"),
                name="sh",
                call_id="c",
                input="",
            ),
        ),
        Recorded(
            "shells and patches",
            "items of local tools, without any events of their own",
            wire(
                created(),
                added(
                    0, id="i0", type="local_shell_call", action={"type": "exec", "command": ["ls"]}
                ),
                added(
                    1,
                    id="i1",
                    type="apply_patch_call",
                    operation={"type": "update_file", "diff": "@@"},
                ),
                added(2, id="i2", type="computer_call", action={"type": "click", "x": 1, "y": 2}),
                ended(),
            ),
        ),
        Recorded(
            "audio",
            "spoken answers and their transcripts",
            wire(
                created(),
                {"type": "response.audio.delta", "response_id": THEIRS, "delta": "UklG"},
                {"type": "response.audio.done", "response_id": THEIRS},
                {"type": "response.audio.transcript.delta", "response_id": THEIRS, "delta": "a"},
                {"type": "response.audio.transcript.done", "response_id": THEIRS},
                ended(),
            ),
        ),
        Recorded(
            "filtered",
            "incomplete, for what it would have said",
            wire(
                created(),
                *spoken(0, "a"),
                ended("incomplete", incomplete_details={"reason": "content_filter"}),
            ),
        ),
        Recorded(
            "CRLF and comments",
            "lines as in mail, comments, a retry time, [DONE] after all",
            b": hi\r\nretry: 9\r\n\r\n"
            + wire(created(), *spoken(0, "a"), ended(), eol="\r\n")
            + sse("[DONE]"),
        ),
        Recorded(
            "after the end", "an event behind the last", wire(created(), ended(), delta("zzz"))
        ),
        Recorded(
            "several data lines",
            "an event over three lines",
            wire(
                created(),
                b'event: response.news\ndata: {"type":"response.news",\ndata: "a":\ndata: 1}\n\n',
                ended(),
            ),
        ),
        Recorded(
            "no names",
            "events without a name, their type alone",
            sse(created(), delta("a"), ended()),
        ),
        Recorded(
            "no types",
            "events whose type is their name alone",
            wire(
                created(), b'event: response.news\ndata: {"sequence_number":1,"a":1.0}\n\n', ended()
            ),
        ),
        Recorded(
            "failed",
            "the provider's own word that it failed",
            wire(created(), *spoken(0, "a"), ended("failed", error=failure)),
            "failed",
        ),
        Recorded(
            "an error event",
            "an error in place of the rest",
            wire(
                created(),
                delta("a"),
                {"type": "error", "code": "rate_limit_exceeded", "message": "m", "param": None},
            ),
            "failed",
        ),
        Recorded(
            "cut short", "the body ends after a word", wire(created(), *spoken(0, "a")), "failed"
        ),
    ]


def _raw(events: list[Any]) -> bytes:
    found = on_the_wire(events)
    lines = (
        (b"event: %b\n" % name if name else b"") + b"data: " + data.replace(b"\n", b"\ndata: ")
        for name, data in found
    )
    return b"".join(each + b"\n\n" for each in lines)


RESPONSES = [
    *(Recorded(name, "see its name", _raw(events)) for name, events in STREAMS.items()),
    *_known(),
]
