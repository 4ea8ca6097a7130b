"""The chat provider against servers that misbehave: each fault has its own type and code."""

import asyncio
import time

import aiohttp
import pytest

from broker.settings import Provider as ProviderSettings
from broker.settings import Secret, Settings, Timeouts
from sim.server import start
from tests.contract.upstream import (
    CHUNKED,
    EVENTS,
    FRAMES,
    LAST_CHUNK,
    ONE,
    TWO,
    UNTIL_CLOSE,
    WHOLE,
    Asker,
    Upstream,
    answer,
    chunk,
    says,
)
from workers.providers import Providers
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.chat import ChatProvider


async def test_refused_connection(upstream: Upstream, asker: Asker) -> None:
    unused = await asyncio.start_server(upstream.accept, "127.0.0.1", 0)
    port = unused.sockets[0].getsockname()[1]
    unused.close()
    await unused.wait_closed()
    failure = await asker.fail(base_url=f"http://127.0.0.1:{port}")
    assert (failure.type, failure.remedy) == ("provider_unreachable", "retry")


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/v1", "https://{}"])
async def test_no_such_host_and_no_tls(upstream: Upstream, asker: Asker, url: str) -> None:
    upstream.script = says(b"HTTP/1.1 200 OK\r\n\r\n")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        here = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        failure = await asker.fail(base_url=url.format(here))
    assert (failure.type, failure.remedy) == ("provider_unreachable", "retry")


@pytest.mark.parametrize(
    ("status", "more", "kind", "seen", "wait"),
    [
        (400, "", "invalid_request_error", 400, None),
        (401, "", "provider_auth", 502, None),
        (429, "retry-after: 7\r\n", "rate_limit_exceeded", 429, 7.0),
        (500, "", "provider_error", 502, None),
        (302, "location: /elsewhere\r\n", "provider_error", 502, None),
    ],
)
async def test_statuses(
    upstream: Upstream,
    asker: Asker,
    status: int,
    more: str,
    kind: str,
    seen: int,
    wait: float | None,
) -> None:
    body = b'{"error":{"message":"sk-test is wrong","code":"c"}}'
    upstream.script = says(answer(f"{status} X", body, more=more))
    failure = await asker.fail()
    assert (failure.type, failure.status, failure.provider_status) == (kind, seen, status)
    assert failure.retry_after == wait
    assert ("sk-test" in failure.message) == (seen == status)
    assert len(upstream.requests) == 1


async def test_an_endless_error_body(upstream: Upstream, asker: Asker) -> None:
    head = b"HTTP/1.1 400 X\r\ncontent-type: text/plain\r\n\r\n"
    upstream.script = says(head, *[b"x" * 20_000] * 20, then="hang")
    failure = await asker.fail()
    assert (failure.type, failure.status) == ("invalid_request_error", 400)
    await asyncio.wait_for(upstream.closed.wait(), 0.5)


# ── Timeouts ───────────────────────────────────────────────────────────────────────────


async def test_connect_times_out(asker: Asker) -> None:
    release = asyncio.Event()

    async def no_handshake(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    async with await asyncio.start_server(no_handshake, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        failure = await asker.fail(Timeouts(connect=0.1, first_token=0.05), base_url=url)
        release.set()
    assert (failure.type, failure.code) == ("provider_timeout", "connect")


@pytest.mark.parametrize(
    ("sent", "timeouts", "code"),
    [
        ([], Timeouts(first_token=0.1), "first_token"),
        ([CHUNKED], Timeouts(first_token=0.1), "first_token"),
        ([CHUNKED, chunk(ONE)], Timeouts(idle=0.1), "idle"),
        ([], Timeouts(total=0.1), "total"),
        ([CHUNKED, chunk(ONE)], Timeouts(total=0.1), "total"),
        ([answer("200 OK", WHOLE)[:-9]], Timeouts(idle=0.1), "idle"),
        ([answer("200 OK", WHOLE)[: -len(WHOLE)]], Timeouts(first_token=0.1), "first_token"),
    ],
)
async def test_silence(
    upstream: Upstream, asker: Asker, sent: list[bytes], timeouts: Timeouts, code: str
) -> None:
    upstream.script = says(*sent, then="hang")
    started = time.monotonic()
    failure = await asker.fail(timeouts)
    assert 0.09 < time.monotonic() - started < 0.5
    assert (failure.type, failure.code) == ("provider_timeout", code)
    assert asker.frames == (FRAMES[:1] if chunk(ONE) in sent else [])
    await asyncio.wait_for(upstream.closed.wait(), 0.5)


COMMENTS = [b": ping\n\n", b":\n", b": p\r\n\r\n", b"\n", b"event: ping\n\n", b"id: 1\n\n"]


@pytest.mark.parametrize("comment", COMMENTS)
@pytest.mark.parametrize("begun", [b"", chunk(ONE)])
async def test_who_sends_comments_is_alive_within_the_total(
    upstream: Upstream, asker: Asker, begun: bytes, comment: bytes
) -> None:
    async def pinging(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + begun)
        while True:
            writer.write(chunk(comment))
            await asyncio.sleep(0.02)

    upstream.script = pinging
    started = time.monotonic()
    failure = await asker.fail(Timeouts(first_token=0.2, idle=0.2, total=0.8))
    assert (failure.type, failure.code) == ("provider_timeout", "total")
    assert time.monotonic() - started > 0.7


async def test_comments_are_no_throughput(upstream: Upstream, asker: Asker) -> None:
    async def pinging(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + chunk(ONE))
        while True:
            writer.write(chunk(b": ping\n\n"))
            await asyncio.sleep(0.01)

    upstream.script = pinging
    failure = await asker.fail(Timeouts(throughput=1, throughput_window=0.1))
    assert (failure.type, failure.code) == ("provider_timeout", "throughput")


async def test_total_ends_a_busy_stream(upstream: Upstream, asker: Asker) -> None:
    async def babbling(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        while True:
            writer.write(chunk(ONE))
            await asyncio.sleep(0.01)

    upstream.script = babbling
    failure = await asker.fail(Timeouts(first_token=0.1, idle=0.1, total=0.2))
    assert (failure.type, failure.code) == ("provider_timeout", "total")
    assert len(asker.frames) > 5


async def ask_sim(session: aiohttp.ClientSession, model: str, timeouts: Timeouts) -> Reply:
    """Ask the simulated provider, and read its answer to the end."""
    server, reply = await start(), Reply()
    provider = ChatProvider("sim", ProviderSettings(base_url=server.base_url), None, session)
    request = {"messages": [{"role": "user", "content": "hi"}]}
    try:
        async for _ in provider.stream(Call("r1", model, request, timeouts=timeouts), reply):
            pass
    finally:
        await server.close()
    return reply


async def test_a_trickle(session: aiohttp.ClientSession) -> None:
    timeouts = Timeouts(idle=1, throughput=100, throughput_window=0.25)
    with pytest.raises(ProviderFailure) as caught:
        await ask_sim(session, "tokens=400,interval=20ms", timeouts)
    failure = caught.value.failure
    assert (failure.type, failure.code, failure.status) == ("provider_timeout", "throughput", 504)
    assert (failure.remedy, failure.retryable) == ("retry", True)


async def test_a_stream_above_the_floor(session: aiohttp.ClientSession) -> None:
    timeouts = Timeouts(idle=1, throughput=5, throughput_window=0.2)
    reply = await ask_sim(session, "tokens=50,interval=20ms", timeouts)
    assert reply.events > 50


async def test_a_whole_answer_has_no_throughput(upstream: Upstream, asker: Asker) -> None:
    async def dripping(writer: asyncio.StreamWriter) -> None:
        for byte in answer("200 OK", WHOLE):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.001)

    upstream.script = dripping
    timeouts = Timeouts(idle=1, throughput=1e9, throughput_window=0.02)
    assert len(await asker.ask(timeouts)) == 1


@pytest.mark.parametrize(
    "timeouts", [Timeouts(idle=0.05), Timeouts(throughput=1, throughput_window=0.05)]
)
async def test_a_slow_consumer_is_not_the_providers_silence(
    upstream: Upstream, asker: Asker, timeouts: Timeouts
) -> None:
    upstream.script = says(CHUNKED, chunk(ONE), chunk(TWO), chunk(b"data: [DONE]\n\n"), LAST_CHUNK)
    call, frames = Call("r1", "m", {}, timeouts=timeouts), []
    async for some in asker.provider().stream(call, Reply()):
        frames += some
        await asyncio.sleep(0.15)
    assert frames == FRAMES[:2]


# ── Losses and garble ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("sent", [[], [CHUNKED], [CHUNKED, chunk(ONE)], [CHUNKED, b"ff\r\ndata"]])
async def test_cut(upstream: Upstream, asker: Asker, sent: list[bytes], then: str) -> None:
    upstream.script = says(*sent, then=then)
    failure = await asker.fail()
    assert (failure.type, failure.remedy) == ("provider_cut", "retry")


@pytest.mark.parametrize(
    "body",
    [ONE, ONE + ONE, TWO[:-1], b"", b": ping\n\n", ONE + b"data: [DONE]"],
)
async def test_a_clean_end_of_an_unfinished_answer(
    upstream: Upstream, asker: Asker, body: bytes
) -> None:
    upstream.script = says(UNTIL_CLOSE + body, then="close")
    assert (await asker.fail()).type == "provider_cut"
    assert asker.frames == FRAMES[:1] * body.count(ONE)


async def test_one_choice_of_two_is_no_answer(upstream: Upstream, asker: Asker) -> None:
    upstream.script = says(UNTIL_CLOSE + ONE + TWO, then="close")
    assert (await asker.fail(request={"n": 2})).type == "provider_cut"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (CHUNKED + chunk(ONE + b"data: {oops\n\n"), "json"),
        (CHUNKED + chunk(ONE + b'data: {"x":1}\n\n'), "chunk"),
        (CHUNKED + chunk(b"data: [DONE]\n\n"), "empty"),
        (answer("200 OK", b"<html></html>", "text/html"), "content_type"),
        (answer("200 OK", b"<html></html>"), "json"),
        (answer("200 OK", b'{"ok":true}'), "chunk"),
        (answer("200 OK", b"", "text/event-stream", "content-encoding: gzip\r\n"), None),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "http"),
    ],
)
async def test_garble(upstream: Upstream, asker: Asker, sent: bytes, code: str | None) -> None:
    upstream.script = says(sent, then="hang")
    failure = await asker.fail()
    assert (failure.type, failure.code) == ("provider_garbled", code or "content_encoding")


async def test_garbled_chunk_lengths(upstream: Upstream, asker: Asker) -> None:
    upstream.script = says(CHUNKED, chunk(ONE), b"zz\r\n", then="hang")
    assert (await asker.fail()).type in ("provider_cut", "provider_garbled")
    assert asker.frames == FRAMES[:1]


async def test_an_error_in_the_stream(upstream: Upstream, asker: Asker) -> None:
    error = b'data: {"error":{"message":"overloaded","code":503}}\n\n'
    upstream.script = says(CHUNKED, chunk(ONE + error), then="hang")
    failure = await asker.fail()
    assert (failure.type, failure.message) == ("provider_stream_error", "overloaded")
    assert (failure.provider_status, failure.remedy) == (503, "retry")
    assert asker.frames == FRAMES[:1]
    await asyncio.wait_for(upstream.closed.wait(), 0.5)


# ── Cancelling ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sent", [[], [CHUNKED], [CHUNKED, chunk(ONE)]])
async def test_cancelling_closes_the_connection(
    upstream: Upstream, asker: Asker, sent: list[bytes]
) -> None:
    upstream.script = says(*sent, then="hang")
    asking = asyncio.ensure_future(asker.ask())
    await upstream.asked.wait()
    await asyncio.sleep(0.03)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(upstream.closed.wait(), 0.5)


async def test_aclose_closes_the_connection(upstream: Upstream, asker: Asker) -> None:
    upstream.script = says(CHUNKED, chunk(ONE), then="hang")
    stream = asker.provider().stream(Call("r1", "m", {}), Reply())
    assert await anext(stream) == FRAMES[:1]
    await stream.aclose()
    await asyncio.wait_for(upstream.closed.wait(), 0.5)


# ── All of them ────────────────────────────────────────────────────────────────────────


async def test_providers_share_a_pool_and_close_it(upstream: Upstream) -> None:
    upstream.script = says(CHUNKED + chunk(EVENTS) + LAST_CHUNK)
    settings = Settings(
        providers={name: ProviderSettings(base_url=upstream.url) for name in ("a", "b")},
        api_keys={"a": Secret("sk-a\n")},
    )
    providers = Providers(settings)
    for name in ("a", "b"):
        async for _ in providers.get(name).stream(Call("r1", "m", {}), Reply()):
            pass
    assert providers.get("a") is providers.get("a")
    assert upstream.connections == 1
    keys = [headers.get("authorization") for _, headers, _ in upstream.requests]
    assert keys == ["Bearer sk-a", None]
    with pytest.raises(KeyError):
        providers.get("c")
    await providers.close()
    await asyncio.wait_for(upstream.closed.wait(), 0.5)
    await providers.close()
