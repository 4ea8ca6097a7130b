"""Answers as providers of each dialect stream them: the same words, some thoughts, a tool call.

The same bytes are given to both builds, so they are made once, here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from broker.dialects.neutral.translation import Translation, reader, writer

TOKENS = 2000  # of the text; a tenth of that are thoughts, a twentieth a tool call's arguments
_WORDS = ("It", " is", " measured", " what", " a", " delta", " costs", ",", " and", " how much.")
_CALL = "call_1"


def write_streams(folder: Path) -> None:
    """A file for each dialect that providers speak: ``chat.sse`` and so on."""
    chunks = list(_chunks())
    (folder / "chat.sse").write_bytes(_on_the_wire(chunks) + b"data: [DONE]\n\n")
    for dialect in ("messages", "responses"):
        told = Translation(reader("chat"), writer(dialect, {"model": "m"}, 0))
        events = [event for chunk in chunks for event in told.feed(chunk)]
        (folder / f"{dialect}.sse").write_bytes(_on_the_wire([*events, *told.end()]))
    (folder / "gemini.sse").write_bytes(_on_the_wire(_gemini()))


def _chunks() -> Iterator[dict[str, Any]]:
    yield _chunk({"role": "assistant", "content": ""})
    for place in range(TOKENS // 10):
        yield _chunk({"reasoning_content": _word(place)})
    for place in range(TOKENS):
        yield _chunk({"content": _word(place)})
    function = {"name": "look_up", "arguments": ""}
    yield _chunk({"tool_calls": [{"index": 0, "id": _CALL, "type": "function", **_of(function)}]})
    for piece in _arguments():
        yield _chunk({"tool_calls": [{"index": 0, **_of({"arguments": piece})}]})
    yield _chunk({}, "tool_calls")
    usage = {"prompt_tokens": 9, "completion_tokens": TOKENS, "total_tokens": TOKENS + 9}
    yield {**_chunk({}), "choices": [], "usage": usage}


def _of(function: dict[str, str]) -> dict[str, Any]:
    return {"function": function}


def _arguments() -> Iterator[str]:
    yield '{"query": "'
    for place in range(TOKENS // 20):
        yield _word(place)
    yield '"}'


def _chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}],
    }


def _gemini() -> Iterator[dict[str, Any]]:
    for place in range(TOKENS // 10):
        yield _candidate({"text": _word(place), "thought": True})
    for place in range(TOKENS):
        yield _candidate({"text": _word(place)})
    arguments = {"query": "".join(map(_word, range(TOKENS // 20)))}
    yield _candidate({"functionCall": {"name": "look_up", "args": arguments}})
    counts = {"promptTokenCount": 9, "candidatesTokenCount": TOKENS, "totalTokenCount": TOKENS + 9}
    last = _candidate({"text": ""})
    last["candidates"][0]["finishReason"] = "STOP"
    yield {**last, "usageMetadata": counts}


def _candidate(part: dict[str, Any]) -> dict[str, Any]:
    content = {"role": "model", "parts": [part]}
    return {"candidates": [{"content": content, "index": 0}], "responseId": "r1"}


def _word(place: int) -> str:
    return _WORDS[place % len(_WORDS)]


def _on_the_wire(events: Any) -> bytes:
    return b"".join(map(_event, events))


def _event(event: dict[str, Any]) -> bytes:
    name = b"event: %b\n" % event["type"].encode() if "type" in event else b""
    return name + b"data: " + msgspec.json.encode(event) + b"\n\n"
