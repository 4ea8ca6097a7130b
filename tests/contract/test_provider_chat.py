"""The chat provider against servers that answer, each in its own way: real sockets."""

import asyncio
import gc
import json
import socket
import weakref

import aiohttp
import msgspec
import pytest
from multidict import CIMultiDict

from broker.frames import Frame, Kind
from broker.settings import Timeouts
from rig.cluster import until
from tests.contract.upstream import (
    CHUNKED,
    EVENTS,
    FRAMES,
    LAST_CHUNK,
    ONE,
    PATIENT,
    TWO,
    UNTIL_CLOSE,
    WHOLE,
    Asker,
    Upstream,
    answer,
    chunk,
    says,
)
from workers.providers import ending, exchange
from workers.providers.arrivals import RECEIVED
from workers.providers.base import Call, ProviderFailure, Reply


async def test_a_stream(upstream: Upstream, asker: Asker) -> None:
    upstream.script = says(CHUNKED, *(chunk(line) for line in EVENTS.splitlines(True)), LAST_CHUNK)
    assert await asker.ask() == FRAMES
    assert asker.reply.usage == {"total_tokens": 3}
    assert (asker.reply.provider_id, asker.reply.events) == ("c1", 3)
    assert 0 < (asker.reply.first_token or 0) < 1


async def test_what_is_sent(upstream: Upstream, asker: Asker) -> None:
    upstream.script = says(CHUNKED, chunk(EVENTS), LAST_CHUNK)
    request = {
        "temperature": 0.5,
        "model": "public",
        "stream_options": {"include_obfuscation": False},
        "messages": [],
        "stream": False,
        "unknown": {"x": 1},
    }
    await asker.ask(request=request, headers={"x-org": "o", "accept": "*/*"})
    line, headers, body = upstream.requests[0]
    assert line == "POST /v1/chat/completions HTTP/1.1"
    assert headers["authorization"] == "Bearer sk-test"
    assert (headers["x-org"], headers["accept"]) == ("o", "*/*")
    assert headers["accept-encoding"] == "identity"
    assert headers["content-type"] == "application/json"
    options = {"include_obfuscation": False, "include_usage": True}
    sent = request | {"model": "provider-model", "stream": True, "stream_options": options}
    assert body == msgspec.json.encode(sent)


async def test_a_body_split_at_every_byte(upstream: Upstream, asker: Asker) -> None:
    for at in range(1, len(EVENTS)):
        upstream.script = says(CHUNKED, chunk(EVENTS[:at]), chunk(EVENTS[at:]) + LAST_CHUNK)
        asker.frames = []
        assert await asker.ask() == FRAMES


async def test_what_arrives_together_travels_together(upstream: Upstream, asker: Asker) -> None:
    upstream.script = says(CHUNKED + chunk(EVENTS) + LAST_CHUNK)
    call = Call("r1", "m", {})
    assert [frames async for frames in asker.provider().stream(call, Reply())] == [FRAMES]


async def test_a_large_request(upstream: Upstream, asker: Asker) -> None:
    upstream.script = says(CHUNKED, chunk(EVENTS), LAST_CHUNK)
    await asker.ask(request={"messages": ["x" * 3_000_000]})
    assert len(upstream.requests[0][2]) > 3_000_000


async def test_a_connection_is_used_again(upstream: Upstream, asker: Asker) -> None:
    ended = asyncio.Event()

    async def trailing(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + chunk(EVENTS))
        await asyncio.sleep(0.03)  # the body ends well after the answer
        writer.write(LAST_CHUNK)
        ended.set()

    upstream.script = trailing
    for _ in range(3):
        await asker.ask()
        await ended.wait()
        ended.clear()
        await asyncio.sleep(0.01)
    assert upstream.connections == 1


async def test_a_body_that_never_ends_is_left(
    upstream: Upstream, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "LINGER", 0.05)
    upstream.script = says(CHUNKED + chunk(EVENTS), then="hang")
    assert await asker.ask() == FRAMES
    assert not upstream.closed.is_set()
    await asyncio.wait_for(upstream.closed.wait(), 0.5)


@pytest.mark.parametrize("failing", [False, True])
async def test_nothing_is_left_of_a_call(upstream: Upstream, asker: Asker, failing: bool) -> None:
    """Not even for the collector, which seldom comes; nor with the connection, which is kept."""
    ok = says(CHUNKED, chunk(EVENTS), LAST_CHUNK)
    upstream.script = says(answer("500 No", b"{}")) if failing else ok
    gc.collect()
    gc.disable()
    try:
        task = asyncio.create_task(_outcome(asker))
        left = weakref.ref(task)
        assert await task is not failing
        del task
        await until(lambda: left() is None, 10)
    finally:
        gc.enable()


async def _outcome(asker: Asker) -> bool:
    try:
        return await asker.ask() == FRAMES
    except ProviderFailure:
        return False


async def test_a_session_closed_over_a_lingering_body(
    upstream: Upstream, asker: Asker, session: aiohttp.ClientSession
) -> None:
    upstream.script = says(CHUNKED + chunk(EVENTS), then="hang")
    assert await asker.ask() == FRAMES
    await session.close()
    await asyncio.wait_for(upstream.closed.wait(), 0.5)


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_done_then_broken_off(upstream: Upstream, asker: Asker, then: str) -> None:
    upstream.script = says(CHUNKED + chunk(EVENTS), then=then)
    assert await asker.ask() == FRAMES


@pytest.mark.parametrize("head", [UNTIL_CLOSE, CHUNKED])
async def test_finished_without_done(upstream: Upstream, asker: Asker, head: bytes) -> None:
    body = ONE + TWO
    upstream.script = says(head + (body if head is UNTIL_CLOSE else chunk(body)), then="close")
    assert await asker.ask() == FRAMES[:2]


async def test_finished_then_silent(upstream: Upstream, asker: Asker) -> None:
    upstream.script = says(CHUNKED, chunk(ONE + TWO), then="hang")
    assert await asker.ask(Timeouts(idle=0.05)) == FRAMES[:2]


@pytest.mark.parametrize(("streams", "wants_stream"), [(False, True), (True, False)])
async def test_a_whole_answer_asked_for(
    upstream: Upstream, asker: Asker, streams: bool, wants_stream: bool
) -> None:
    upstream.script = says(answer("200 OK", WHOLE))
    request = {"stream": True, "stream_options": {}, "n": 1}
    frames = await asker.ask(request=request, streams=streams, wants_stream=wants_stream)
    assert frames == [Frame(Kind.WHOLE, b"data: " + WHOLE)]
    assert asker.reply.usage == {"total_tokens": 2}
    assert (asker.reply.provider_id, asker.reply.events) == ("w1", 1)
    assert asker.reply.first_token is not None
    assert json.loads(upstream.requests[0][2]) == {
        "stream": False,
        "n": 1,
        "model": "provider-model",
    }
    assert upstream.requests[0][1]["accept"] == "application/json"


async def test_a_whole_answer_unasked(upstream: Upstream, asker: Asker) -> None:
    upstream.script = says(answer("200 OK", WHOLE))
    assert await asker.ask() == [Frame(Kind.WHOLE, b"data: " + WHOLE)]


# ── Refusals ───────────────────────────────────────────────────────────────────────────


async def test_a_chunk_in_parts_after_whole_ones_that_nobody_waited_for(
    upstream: Upstream, session: aiohttp.ClientSession
) -> None:
    begun, fed = asyncio.Event(), asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        await begun.wait()
        writer.write(chunk(ONE))
        await fed.wait()
        half = len(chunk(TWO)) // 2
        for part in (chunk(TWO)[:half], chunk(TWO)[half:] + LAST_CHUNK):
            writer.write(part)
            await asyncio.sleep(0)

    upstream.script = script
    async with exchange.Exchange(session, PATIENT) as asked:
        await asked.post(upstream.url, CIMultiDict(), b"{}")
        begun.set()
        while not asked.response.content.total_bytes:  # noqa: ASYNC110 - aiohttp sets no event
            await asyncio.sleep(0)
        fed.set()
        assert await asked.whole(1000) == ONE + TWO


async def test_the_kernel_holds_little_of_what_is_not_read(
    upstream: Upstream, session: aiohttp.ClientSession
) -> None:
    upstream.script = says(CHUNKED, then="hang")
    async with session.post(upstream.url, data=b"{}") as response:
        assert response.connection is not None
        assert response.connection.transport is not None
        own = response.connection.transport.get_extra_info("socket")
        # Set, it does not grow by itself; Linux doubles it, to count its own bookkeeping.
        assert own.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * RECEIVED
