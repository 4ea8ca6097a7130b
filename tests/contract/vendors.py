"""Stand-ins for vendors that only a library speaks to: Bedrock and Vertex AI, byte by byte.

What a call gets follows from the model's name, as with the simulated provider: words of
``KEY=VALUE`` after a plus. ``dropafter=N`` cuts the connection after N words, ``endafter=N``
ends the answer cleanly but early, ``hang`` says one word and no more, ``stall`` none,
``refuse=STATUS`` refuses, ``shut`` closes the connection unanswered and ``reset`` resets it,
``mute`` gives no usage, ``wait`` takes its time.
"""

import asyncio
import json
import re
import socket
import struct
import threading
import zlib
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from tests.web_thread import WebThread

WORDS = [f"word{number} " for number in range(20)]


class Vendors(WebThread):
    """The server, in a thread of its own; ``calls`` are the paths and bodies it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.closed = threading.Event()  # a caller closed the connection in mid-stream
        app = web.Application()
        app.router.add_post("/model/{model}/converse-stream", self._bedrock)
        app.router.add_post("/token", self._token)
        app.router.add_post("/{rest:.*}/{model}:streamGenerateContent", self._vertex)
        super().__init__(app)

    def called(self, word: str) -> int:
        """How many calls had this in their body."""
        return sum(word in json.dumps(body) for _, body in self.calls)

    async def _token(self, _request: web.Request) -> web.Response:
        return web.json_response({"access_token": "ya29.test", "expires_in": 3600})

    async def _bedrock(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, "application/vnd.amazon.eventstream", _bedrock)

    async def _vertex(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, "text/event-stream", _vertex)

    async def _answer(self, request: web.Request, kind: str, events: Any) -> web.StreamResponse:
        said = request.match_info["model"]
        self.calls.append((request.path, await request.json()))
        self.headers.append(dict(request.headers))
        faults = dict(re.findall(r"([a-z]+)(?:=(\d+))?", said.partition("+")[2]))
        if "shut" in faults or "reset" in faults:
            assert request.transport is not None
            if "reset" in faults:
                plain = request.transport.get_extra_info("socket")
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.transport.abort()
            raise asyncio.CancelledError
        if status := faults.get("refuse"):
            body = {"message": "No such thing.", "error": {"message": "No such thing."}}
            return web.json_response(body, status=int(status), headers={"retry-after": "0.1"})
        response = web.StreamResponse(headers={"content-type": kind})
        try:
            if "stall" in faults:
                await asyncio.Event().wait()
            await response.prepare(request)
            await _send(request, response, events(faults), faults)
        except (asyncio.CancelledError, ConnectionError):
            self.closed.set()
            raise
        return response


async def _send(
    request: web.Request, response: web.StreamResponse, events: Any, faults: dict[str, str]
) -> None:
    sent = 0
    async for event in events:
        await response.write(event)
        sent += 1
        if "hang" in faults and sent > 1:
            await asyncio.Event().wait()
        if sent == int(faults.get("dropafter") or -1):
            assert request.transport is not None
            request.transport.abort()
            return
        if sent == int(faults.get("endafter") or -1):
            return
        await asyncio.sleep(0.05 if "wait" in faults and sent > 1 else 0)


async def _bedrock(faults: dict[str, str]) -> AsyncIterator[bytes]:
    yield _frame("messageStart", {"role": "assistant"})
    for word in WORDS:
        yield _frame("contentBlockDelta", {"delta": {"text": word}, "contentBlockIndex": 0})
    yield _frame("contentBlockStop", {"contentBlockIndex": 0})
    yield _frame("messageStop", {"stopReason": "end_turn"})
    if "mute" not in faults:
        usage = {"inputTokens": 11, "outputTokens": 20, "totalTokens": 31}
        yield _frame("metadata", {"usage": usage, "metrics": {"latencyMs": 5}})


async def _vertex(faults: dict[str, str]) -> AsyncIterator[bytes]:
    for number, word in enumerate(WORDS):
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": word}]}}
        chunk: dict[str, Any] = {"candidates": [candidate]}
        if number == len(WORDS) - 1:
            candidate["finishReason"] = "STOP"
            chunk["usageMetadata"] = {
                "promptTokenCount": 11,
                "candidatesTokenCount": 20,
                "totalTokenCount": 31,
            }
        yield b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"


def _frame(event: str, fields: dict[str, Any]) -> bytes:
    """One frame of Amazon's event stream: lengths, their checksum, headers, payload, checksum."""
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in (
            (":event-type", event.encode()),
            (":content-type", b"application/json"),
            (":message-type", b"event"),
        )
    )
    payload = json.dumps(fields).encode()
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    frame = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return frame + struct.pack(">I", zlib.crc32(frame))
