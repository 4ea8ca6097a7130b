"""A provider of any dialect whose every byte is scripted, in threads of this process.

A model's name picks its script, whatever the dialect; a script is called with each request, and
writes to the connection itself. ``ANSWERS`` are good answers, by dialect, as parts of an event
stream: the first ends with the first word.
"""

import json
import socketserver
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

TEXT = "Hello there"


def sse(*events: Any) -> bytes:
    lines = []
    for event in events:
        name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
        lines.append(f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n")
    return "".join(lines).encode()


def _chat(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return {"id": "c", "object": "chat.completion.chunk", "choices": choices}


def response(status: str, *texts: str, ident: str = "resp_theirs") -> dict[str, Any]:
    parts = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    output = [{**item, "content": parts}] if texts else []
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5} if texts else None
    body = {"id": ident, "object": "response", "created_at": 1, "model": "m", "error": None}
    return {**body, "status": status, "output": output, "usage": usage}


_AT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
_ITEM = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress"}
_PART = {"type": "output_text", "text": "", "annotations": []}
_DONE = response("completed", TEXT)


def _delta(text: str, number: int) -> dict[str, Any]:
    kind = "response.output_text.delta"
    return {"type": kind, "sequence_number": number, **_AT, "delta": text, "logprobs": []}


def _google(text: str, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, **more}]}


_COST = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
_SAYS = {"type": "content_block_delta", "index": 0}
ANSWERS: dict[str, list[bytes]] = {
    "chat": [
        sse(_chat({"role": "assistant", "content": ""}), _chat({"content": "Hello"})),
        sse(_chat({"content": " there"}), _chat({}, "stop"), "[DONE]"),
    ],
    "responses": [
        sse(
            {
                "type": "response.created",
                "sequence_number": 0,
                "response": response("in_progress"),
            },
            {
                "type": "response.output_item.added",
                "sequence_number": 1,
                "output_index": 0,
                "item": {**_ITEM, "content": []},
            },
            {
                "type": "response.content_part.added",
                "sequence_number": 2,
                **_AT,
                "part": _PART,
            },
            _delta("Hello", 3),
        ),
        sse(
            _delta(" there", 4),
            {"type": "response.output_text.done", "sequence_number": 5, **_AT, "text": TEXT},
            {
                "type": "response.content_part.done",
                "sequence_number": 6,
                **_AT,
                "part": {**_PART, "text": TEXT},
            },
            {
                "type": "response.output_item.done",
                "sequence_number": 7,
                "output_index": 0,
                "item": _DONE["output"][0],
            },
            {"type": "response.completed", "sequence_number": 8, "response": _DONE},
        ),
    ],
    "messages": [
        sse(
            {
                "type": "message_start",
                "message": {
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "model": "m",
                    "content": [],
                    "stop_reason": None,
                    "usage": {"input_tokens": 3, "output_tokens": 1},
                },
            },
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            },
            {**_SAYS, "delta": {"type": "text_delta", "text": "Hello"}},
        ),
        sse(
            {**_SAYS, "delta": {"type": "text_delta", "text": " there"}},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn"},
                "usage": {"output_tokens": 2},
            },
            {"type": "message_stop"},
        ),
    ],
    "gemini": [
        sse(_google("Hello")),
        sse({**_google(" there", finishReason="STOP"), "usageMetadata": _COST}),
    ],
}
WHOLE: dict[str, Any] = {
    "chat": {
        "id": "c",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT},
                "finish_reason": "stop",
            }
        ],
    },
    "responses": _DONE,
    "messages": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": TEXT}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    },
    "gemini": {**_google(TEXT, finishReason="STOP"), "usageMetadata": _COST},
}


def head(status: str = "200 OK", *lines: str, length: int | None = None) -> bytes:
    """A head; with the length of what follows, or for a body that ends with its connection."""
    ends = "Connection: close" if length is None else f"Content-Length: {length}"
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, ends, "", "")).encode()


class Asked:
    """One request, and the connection to answer on."""

    def __init__(self, stage: "Stage", handler: socketserver.StreamRequestHandler) -> None:
        self._out = handler.wfile
        self.stage = stage
        self.method = self.path = self.dialect = self.model = self.prompt = ""
        self.connection = 0
        self.place = 0  # on this connection, from 1 on
        self.count = 0  # of this prompt, from 1 on
        self.headers: dict[str, str] = {}
        self.at = time.monotonic()
        self.keeps = False

    def send(self, data: bytes) -> None:
        self._out.write(data)
        self._out.flush()

    def answer(self, *, keep: bool = False, kind: str | None = "text/event-stream") -> None:
        """A good answer, whose connection is kept or not."""
        body = b"".join(ANSWERS[self.dialect])
        lines = () if kind is None else (f"Content-Type: {kind}",)
        self.send(head("200 OK", *lines, length=len(body)) + body)
        self.keeps = keep

    def json(self, value: Any, status: str = "200 OK", *lines: str) -> None:
        """An object, of a connection that ends."""
        body = json.dumps(value).encode()
        more = ("Content-Type: application/json", "Connection: close", *lines)
        self.send(head(status, *more, length=len(body)) + body)


Script = Callable[[Asked], None]


class Stage:
    """The server. ``calls`` are the requests by prompt, in the order in which they came."""

    def __init__(self, scripts: dict[str, Script]) -> None:
        self.scripts = scripts
        self.calls: dict[str, list[Asked]] = defaultdict(list)
        self.go: dict[str, threading.Event] = defaultdict(threading.Event)  # by prompt
        self.connections = 0
        stage = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(ConnectionError):
                    stage._serve(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        self.connections += 1
        connection, place = self.connections, 0
        while True:
            place += 1
            asked = Asked(self, handler)
            line = handler.rfile.readline().decode()
            if not line:
                return
            asked.method, asked.path, _ = line.split(" ", 2)
            while (text := handler.rfile.readline().strip().decode()) != "":
                name, _, value = text.partition(":")
                asked.headers[name.lower()] = value.strip()
            body = handler.rfile.read(int(asked.headers.get("content-length", "0")))
            asked.connection, asked.place = connection, place
            self._read(asked, json.loads(body) if body else {})
            self.calls[asked.prompt].append(asked)
            asked.count = len(self.calls[asked.prompt])
            self.scripts[asked.model](asked)
            if not asked.keeps:
                return

    def _read(self, asked: Asked, body: dict[str, Any]) -> None:
        path = asked.path
        if "/models/" in path:
            asked.dialect = "gemini"
            asked.model = path.rpartition("/models/")[2].partition(":")[0]
            asked.prompt = body["contents"][-1]["parts"][0]["text"]
        elif path.endswith("/chat/completions"):
            asked.dialect = "chat"
            asked.prompt = _text(body["messages"][-1]["content"])
        elif path.endswith("/completions"):
            asked.dialect, asked.prompt = "chat", body["prompt"]
        elif path.endswith("/messages"):
            asked.dialect = "messages"
            asked.prompt = _text(body["messages"][-1]["content"])
        elif path.endswith("/responses"):
            asked.dialect = "responses"
            asked.prompt = _said(body["input"])
        else:  # of one response, by its id: the prompt
            asked.dialect, asked.model = "responses", "retrieved"
            asked.prompt = path.partition("/responses/")[2].partition("?")[0].partition("/")[0]
        asked.model = asked.model or body["model"]


def _said(value: Any) -> str:
    return value if isinstance(value, str) else _text(value[-1]["content"])


def _text(content: Any) -> str:
    return content if isinstance(content, str) else str(content[-1]["text"])
