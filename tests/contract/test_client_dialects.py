"""Anthropic's SDK and OpenAI's Responses over the client's transport, against a small server.

It speaks them as Streamhold speaks a surface: ids on every event, the key given back, a replay
after ``Last-Event-ID``. Every connection is reset a little further into the stream.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from aiohttp import web
from anthropic import Anthropic, AsyncAnthropic
from openai import AsyncOpenAI

from streamhold_client.httpx2 import AsyncResumingTransport, ResumingTransport

WORDS = ["Good", " day", " to", " you", "."]
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
MESSAGES: list[dict[str, Any]] = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    *(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
        for word in WORDS
    ),
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 5},
    },
    {"type": "message_stop"},
]
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": []}
RESPONSES: list[dict[str, Any]] = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
    *(
        {
            "type": "response.output_text.delta",
            "item_id": "i",
            "output_index": 0,
            "content_index": 0,
            "delta": word,
            "logprobs": [],
        }
        for word in WORDS
    ),
    {"type": "response.completed", "response": {**RESPONSE, "status": "completed"}},
]
STEP = 90  # bytes that each connection brings more than the one before, of what is left


class Server:
    """Cuts every connection but the last, and notes the keys of the calls."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.cuts = 6
        self.url = ""

    async def stream(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        number = len(self.keys)
        self.keys.append(request.headers["idempotency-key"])
        kind = MESSAGES if request.path.endswith("/messages") else RESPONSES
        after = int(request.headers.get("last-event-id", 0))
        events = [{**event, "sequence_number": n} for n, event in enumerate(kind, 1)][after:]
        body = b"".join(_line(event) for event in events)
        headers = {"content-type": "text/event-stream", "x-request-id": self.keys[-1]}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        cut = number < self.cuts
        await response.write(body[: STEP * (number + 1)] if cut else body)
        if cut and request.transport is not None:
            request.transport.abort()
        return response


def _line(event: dict[str, Any]) -> bytes:
    data = json.dumps(event)
    return f"id: {event['sequence_number']}\nevent: {event['type']}\ndata: {data}\n\n".encode()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server, app = Server(), web.Application()
    for path in ("/v1/messages", "/v1/responses"):
        app.router.add_post(path, server.stream)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


def check(server: Server) -> None:
    """One call, over many connections."""
    assert len(server.keys) > 4
    assert len(set(server.keys)) == 1


async def test_anthropics_sdk_awaiting(server: Server) -> None:
    http = httpx2.AsyncClient(transport=AsyncResumingTransport())
    async with (
        AsyncAnthropic(base_url=server.url, api_key="x", max_retries=0, http_client=http) as sdk,
        sdk.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
        ) as stream,
    ):
        assert [text async for text in stream.text_stream] == WORDS
        assert (await stream.get_final_message()).stop_reason == "end_turn"
    check(server)


async def test_anthropics_sdk_by_blocking(server: Server) -> None:
    def read() -> list[str]:
        http = httpx2.Client(transport=ResumingTransport())
        with (
            Anthropic(base_url=server.url, api_key="x", max_retries=0, http_client=http) as sdk,
            sdk.messages.stream(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            ) as stream,
        ):
            return list(stream.text_stream)

    assert await asyncio.to_thread(read) == WORDS
    check(server)


async def test_openais_responses(server: Server) -> None:
    http = httpx2.AsyncClient(transport=AsyncResumingTransport())
    async with AsyncOpenAI(
        base_url=f"{server.url}/v1", api_key="x", max_retries=0, http_client=http
    ) as sdk:
        stream = await sdk.responses.create(model="m", input="hi", stream=True)
        events = [event async for event in stream]
    assert [e.delta for e in events if e.type == "response.output_text.delta"] == WORDS
    assert [event.sequence_number for event in events] == list(range(1, len(RESPONSES) + 1))
    assert events[-1].type == "response.completed"
    check(server)
