"""The Gemini provider against servers that answer in its way, behind its translation."""

import json
from typing import Any

import aiohttp
import pytest

from broker.dialects.chat.fold import fold
from broker.frames import Frame
from broker.settings import Provider as ProviderSettings
from broker.settings import Secret
from tests.contract.upstream import CHUNKED, LAST_CHUNK, PATIENT, Upstream, answer, chunk, says
from tests.unit.neutral_streams_more import function, given
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.gemini import GeminiProvider
from workers.providers.translated import speaking

REQUEST: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
COUNTS = {"promptTokenCount": 3, "candidatesTokenCount": 2}
EVENTS = [
    given({"text": "Let me"}),
    given(function("f", {"x": 1}), finish="STOP", usageMetadata=COUNTS),
]


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events)


async def ask(
    upstream: Upstream, session: aiohttp.ClientSession, reply: Reply, **settings: Any
) -> list[Frame]:
    settings = {"base_url": upstream.url, "dialect": "gemini", **settings}
    own = GeminiProvider("g", ProviderSettings(**settings), Secret("AIza"), session)
    call = Call("r1", "gemini-x", REQUEST, True, PATIENT)
    provider = speaking(own, "gemini", "chat")
    return [frame async for frames in provider.stream(call, reply) for frame in frames]


async def test_a_stream(upstream: Upstream, session: aiohttp.ClientSession) -> None:
    upstream.script = says(CHUNKED, chunk(sse(*EVENTS)), LAST_CHUNK)
    reply = Reply()
    answered = fold(await ask(upstream, session, reply))
    choice = answered["choices"][0]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", "Let me")
    called = choice["message"]["tool_calls"][0]
    assert json.loads(called["function"]["arguments"]) == {"x": 1}
    assert (answered["id"], answered["usage"]["total_tokens"]) == ("r1", 5)
    assert reply.usage == answered["usage"]
    line, headers, body = upstream.requests[0]
    assert line == "POST /v1/models/gemini-x:streamGenerateContent?alt=sse HTTP/1.1"
    assert headers["x-goog-api-key"] == "AIza"
    assert json.loads(body) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"maxOutputTokens": 9},
    }


async def test_a_whole_answer(upstream: Upstream, session: aiohttp.ClientSession) -> None:
    upstream.script = says(answer("200 OK", json.dumps(EVENTS[1]).encode()))
    frames = await ask(upstream, session, Reply(), streams=False)
    assert fold(frames)["choices"][0]["finish_reason"] == "tool_calls"
    assert upstream.requests[0][0].startswith("POST /v1/models/gemini-x:generateContent ")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((CHUNKED, chunk(sse(EVENTS[0])), LAST_CHUNK), "provider_cut"),
        ((answer("429 Too Many", b'{"error":{"status":"RESOURCE_EXHAUSTED"}}'),),
         "rate_limit_exceeded"),
        ((answer("200 OK", b"<html>", "text/html"),), "provider_garbled"),
        ((CHUNKED, chunk(sse(given(finish="OTHER"))), LAST_CHUNK), "provider_stream_error"),
    ],
)  # fmt: skip
async def test_failures(
    upstream: Upstream, session: aiohttp.ClientSession, said: tuple[bytes, ...], kind: str
) -> None:
    upstream.script = says(*said)
    with pytest.raises(ProviderFailure) as caught:
        await ask(upstream, session, Reply())
    assert caught.value.failure.type == kind
