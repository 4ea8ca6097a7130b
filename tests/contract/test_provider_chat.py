"""The chat provider against servers that misbehave: real sockets, raw bytes.

Each server is a script for one connection; what it saw is kept for the test to look at.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import pytest

from broker.frames import Frame, Kind
from broker.model import Failure
from broker.settings import Provider as ProviderSettings
from broker.settings import Secret, Settings, Timeouts
from workers.providers import Providers, exchange
from workers.providers.base import Call, ProviderFailure, Reply
from workers.providers.chat import ChatProvider
from workers.providers.exchange import new_session

DELTA = b'{"id":"c1","choices":[{"index":0,"delta":{"content":"h\\u00e9"},"finish_reason":null}]}'
STOP = b'{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
USAGE = b'{"id":"c1","choices":[],"usage":{"total_tokens":3}}'
EVENTS = b"".join(b"data: " + data + b"\n\n" for data in (DELTA, STOP, USAGE, b"[DONE]"))
FRAMES = [
    Frame(Kind.DIALECT, b"data: " + DELTA),
    Frame(Kind.DIALECT, b"data: " + STOP),
    Frame(Kind.USAGE, b"data: " + USAGE),
]
ONE, TWO = (b"data: " + data + b"\n\n" for data in (DELTA, STOP))
WHOLE = b'{"id":"w1","choices":[{"message":{"content":"hi"}}],"usage":{"total_tokens":2}}'
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
CHUNKED = SSE + b"transfer-encoding: chunked\r\n\r\n"
UNTIL_CLOSE = SSE + b"connection: close\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
PATIENT = Timeouts(connect=5, first_token=5, idle=5, total=5)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def answer(status: str, body: bytes, kind: str = "application/json", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


class Upstream:
    """A raw HTTP/1.1 server; ``script`` answers each request on a connection."""

    def __init__(self) -> None:
        self.script: Callable[[asyncio.StreamWriter], Awaitable[None]] = hang
        self.url = ""
        self.connections = 0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.asked = asyncio.Event()
        self.closed = asyncio.Event()  # by the client, or by a reset
        self.open: set[asyncio.Future[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self.serve(reader, writer))
        self.open.add(connection)
        connection.add_done_callback(self.open.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                self.requests.append(await read_request(reader))
                self.asked.set()
                script = asyncio.ensure_future(self.script(writer))
                try:
                    await self.until_done(reader, script)
                finally:
                    script.cancel()
        self.closed.set()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def until_done(self, reader: asyncio.StreamReader, script: asyncio.Future[None]) -> None:
        """Wait for the script, or for the client to go away in the middle of it."""
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait((gone, script), return_when=asyncio.FIRST_COMPLETED)
            if script.done():
                script.result()
            else:
                raise ConnectionResetError
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    return head[0], headers, await reader.readexactly(int(headers["content-length"]))


async def hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def says(*parts: bytes, then: str = "keep") -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """A script: send each part by itself, then keep the connection, close, reset or hang."""

    async def script(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if then == "close":
            writer.close()
        elif then == "reset":
            writer.transport.abort()
        elif then == "hang":
            await hang(writer)

    return script


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    stage = Upstream()
    server = await asyncio.start_server(stage.accept, "127.0.0.1", 0)
    stage.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield stage
    server.close()
    await asyncio.wait_for(asyncio.gather(*stage.open), 2)
    await server.wait_closed()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with new_session() as session:
        yield session


class Asker:
    """Asks the upstream once; keeps what came before a failure."""

    def __init__(self, upstream: Upstream, session: aiohttp.ClientSession) -> None:
        self.upstream, self.session = upstream, session
        self.reply = Reply()
        self.frames: list[Frame] = []

    def provider(self, timeouts: Timeouts = PATIENT, **settings: Any) -> ChatProvider:
        settings.setdefault("base_url", self.upstream.url)
        key = Secret("sk-test")
        return ChatProvider("p", ProviderSettings(**settings), key, timeouts, self.session)

    async def ask(
        self,
        timeouts: Timeouts = PATIENT,
        request: dict[str, Any] | None = None,
        wants_stream: bool = True,
        **settings: Any,
    ) -> list[Frame]:
        call = Call("r1", "provider-model", request or {"model": "m"}, wants_stream)
        provider = self.provider(timeouts, **settings)
        async with contextlib.aclosing(provider.stream(call, self.reply)) as lists:
            async for frames in lists:
                assert frames
                self.frames += frames
        return self.frames

    async def fail(self, timeouts: Timeouts = PATIENT, **settings: Any) -> Failure:
        with pytest.raises(ProviderFailure) as caught:
            await self.ask(timeouts, **settings)
        return caught.value.failure


@pytest.fixture
def asker(upstream: Upstream, session: aiohttp.ClientSession) -> Asker:
    return Asker(upstream, session)


# ── Good answers ───────────────────────────────────────────────────────────────────────


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
    monkeypatch.setattr(exchange, "LINGER", 0.05)
    upstream.script = says(CHUNKED + chunk(EVENTS), then="hang")
    assert await asker.ask() == FRAMES
    assert not upstream.closed.is_set()
    await asyncio.wait_for(upstream.closed.wait(), 0.5)


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


@pytest.mark.parametrize("code", ["first_token", "idle"])
async def test_comments_are_no_progress(upstream: Upstream, asker: Asker, code: str) -> None:
    async def pinging(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + (chunk(ONE) if code == "idle" else b""))
        while True:
            writer.write(chunk(b": ping\n\n"))
            await asyncio.sleep(0.01)

    upstream.script = pinging
    failure = await asker.fail(Timeouts(**{code: 0.1}))
    assert (failure.type, failure.code) == ("provider_timeout", code)


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


async def test_a_slow_consumer_is_not_the_providers_silence(
    upstream: Upstream, asker: Asker
) -> None:
    upstream.script = says(CHUNKED, chunk(ONE), chunk(TWO), chunk(b"data: [DONE]\n\n"), LAST_CHUNK)
    call, frames = Call("r1", "m", {}), []
    async for some in asker.provider(Timeouts(idle=0.05)).stream(call, Reply()):
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
