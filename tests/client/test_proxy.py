"""The proxy between a program and a broker that is told what to do: to the byte, on both sides."""

import asyncio
import gzip
import json
from asyncio import StreamWriter
from collections.abc import Awaitable, Callable

import pytest

from tests.proxying import (
    CHAT,
    PING,
    Got,
    Heard,
    Program,
    answer,
    brokering,
    call,
    chunk,
    events,
    free_port,
    head,
    posted,
    proxying,
    stream,
)

WORDS = 9
WHOLE = events(WORDS)


def says(data: Callable[[Heard], bytes]) -> Callable[[Heard, StreamWriter], Awaitable[None]]:
    """A broker that answers so."""

    async def script(heard: Heard, writer: StreamWriter) -> None:
        writer.write(data(heard))

    return script


# ── Streams over lost connections ────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", [1, 7, 40, 61, 200])
@pytest.mark.parametrize("reset", [True, False])
async def test_a_stream_cut_again_and_again_is_whole(step: int, reset: bool) -> None:
    """Each connection brings ``step`` bytes more than the one before, and half an event mostly."""

    async def script(heard: Heard, writer: StreamWriter) -> None:
        rest = events(WORDS, heard.after)
        size = 90 + step * heard.number  # an event and more
        writer.write(head(heard, "transfer-encoding: chunked") + chunk(rest[:size]))
        if size >= len(rest):
            writer.write(b"0\r\n\r\n")
            return
        await writer.drain()
        if reset:
            writer.transport.abort()
        else:
            writer.close()

    async with brokering(script) as broker, proxying(broker.url) as url:
        got = await call(url, posted())
        assert (got.status, got.whole, got.body) == (200, True, WHOLE)
        assert broker.connections > 1
        assert len({heard.key for heard in broker.heard}) == 1
        assert {heard.body for heard in broker.heard} == {b'{"stream": true}'}
        assert [heard.after for heard in broker.heard] == sorted(h.after for h in broker.heard)


@pytest.mark.parametrize("cut", range(1, len(WHOLE) - 1, 13))
async def test_a_clean_end_without_a_terminal_is_a_loss(cut: int) -> None:
    async def script(heard: Heard, writer: StreamWriter) -> None:
        rest = events(WORDS, heard.after)
        writer.write(stream(heard, rest[:cut] if heard.number == 1 else rest))

    async with brokering(script) as broker, proxying(broker.url) as url:
        got = await call(url, posted())
        assert (got.whole, got.body) == (True, WHOLE)
        assert len(broker.heard) == 2


async def test_a_broker_that_is_away_is_waited_for() -> None:
    """Before the call, and in mid-stream; nothing of that reaches the program but comments."""

    async def script(heard: Heard, writer: StreamWriter) -> None:
        if heard.after:
            writer.write(stream(heard, events(WORDS, heard.after)))
            return
        writer.write(head(heard, "transfer-encoding: chunked") + chunk(WHOLE[:200]))
        await writer.drain()
        await asyncio.sleep(60)

    async with brokering(script) as broker, proxying(broker.url, ping=0.05) as url:
        await broker.stop()
        calling = asyncio.ensure_future(call(url, posted()))
        await asyncio.sleep(0.3)
        assert not calling.done()
        await broker.start()
        while not broker.heard:  # noqa: ASYNC110 - the broker is the test's own
            await asyncio.sleep(0.01)
        await broker.stop()
        await asyncio.sleep(0.3)
        assert not calling.done()
        await broker.start()
        got = await calling
        assert got.body.count(b": ping\n") > 1
        assert (got.whole, PING.sub(b"", got.body)) == (True, WHOLE)


async def test_silence_is_a_loss() -> None:
    async def script(heard: Heard, writer: StreamWriter) -> None:
        if heard.after:
            writer.write(stream(heard, events(WORDS, heard.after)))
            return
        writer.write(head(heard, "transfer-encoding: chunked") + chunk(WHOLE[:200]))
        await asyncio.sleep(60)

    async with brokering(script) as broker, proxying(broker.url, silence=0.2) as url:
        got = await call(url, posted())
        assert (got.whole, got.body) == (True, WHOLE)


async def test_patience_ends() -> None:
    """Before anything was said: an error of the proxy's own. After: a cut, never a clean end."""

    async def script(heard: Heard, writer: StreamWriter) -> None:
        writer.write(head(heard, "transfer-encoding: chunked") + chunk(WHOLE[:200]))

    async with brokering(script) as broker, proxying(broker.url, patience=0.4) as url:
        calling = asyncio.ensure_future(call(url, posted()))
        while not broker.heard:  # noqa: ASYNC110 - the broker is the test's own
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        await broker.stop()
        got = await calling
        assert (got.status, got.whole) == (200, False)
        assert WHOLE.startswith(got.body)
        assert got.body.endswith(b"\n\n")
        got = await call(url, posted())
        assert (got.status, json.loads(got.body)["error"]["code"]) == (502, "broker_unreachable")
        got = await call(url, posted(path="/v1/messages"))
        assert json.loads(got.body)["error"]["type"] == "api_error"
        got = await call(url, b"GET /v1/jobs HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert got.headers["content-type"] == "application/problem+json"


async def test_a_refusal_to_go_on_is_told_in_the_stream() -> None:
    body = b'{"error":{"message":"it was deleted","code":"job_gone"}}'

    async def script(heard: Heard, writer: StreamWriter) -> None:
        if heard.after:
            writer.write(answer(heard, body, "410 Gone"))
            return
        writer.write(head(heard, "transfer-encoding: chunked") + chunk(WHOLE[:200]))
        await writer.drain()
        writer.transport.abort()

    async with brokering(script) as broker, proxying(broker.url) as url:
        got = await call(url, posted())
        assert got.whole
        assert got.body.endswith(b"event: error\ndata: " + body + b"\n\n")


async def test_a_server_that_begins_again_is_not_believed() -> None:
    """A proxy may have swallowed ``Last-Event-ID``: what was read is left out."""

    async def script(heard: Heard, writer: StreamWriter) -> None:
        writer.write(head(heard, "transfer-encoding: chunked"))
        writer.write(chunk(WHOLE[:300] if heard.number == 1 else WHOLE))
        await writer.drain()
        writer.transport.abort()

    async with brokering(script) as broker, proxying(broker.url) as url:
        assert (await call(url, posted())).body == WHOLE


# ── Whole answers, refusals, other requests ──────────────────────────────────────────────


async def test_a_whole_answer_lost_in_the_middle_is_whole() -> None:
    async def script(heard: Heard, writer: StreamWriter) -> None:
        said = answer(heard, b'{"a": 1}')
        cut = heard.number % 3
        writer.write(said[:-2] if cut else said)
        await writer.drain()
        if cut == 1:
            writer.transport.abort()
        elif cut == 2:
            await asyncio.sleep(60)  # silence is a loss too

    async with brokering(script) as broker, proxying(broker.url, silence=0.2) as url:
        for request in (posted(b"{}"), b"GET /v1/responses/r HTTP/1.1\r\nhost: localhost\r\n\r\n"):
            got = await call(url, request)
            assert (got.status, got.body, got.headers["content-length"]) == (200, b'{"a": 1}', "8")
        assert len(broker.heard) == 6


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Unavailable", "504 Timeout"])
async def test_not_now_is_waited_for(status: str) -> None:
    async def script(heard: Heard, writer: StreamWriter) -> None:
        first = heard.number < 3
        writer.write(answer(heard, b"{}", status) if first else stream(heard, WHOLE))

    async with brokering(script) as broker, proxying(broker.url) as url:
        assert (await call(url, posted())).body == WHOLE
        assert [heard.number for heard in broker.heard] == [1, 2, 3]


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500, 502, 503, 504, 529])
async def test_a_jobs_own_failure_is_handed_on_at_once(status: int) -> None:
    """The next try of a program without a key is another call, so it may well be made."""
    for lines, kept in (((), status in (400, 401, 404, 422)), (("idempotency-key: mine",), True)):
        script = says(lambda h: answer(h, b"{}", f"{status} No", "x-should-retry: false"))
        async with brokering(script) as broker, proxying(broker.url) as url:
            got = await call(url, posted(b"{}", CHAT, *lines))
            assert (got.status, len(broker.heard)) == (status, 1)
            assert ("x-should-retry" in got.headers) is kept


@pytest.mark.parametrize(
    ("method", "path", "times"),
    [
        ("GET", "/v1/models", 2),
        ("GET", "/metrics", 2),
        ("DELETE", "/v1/jobs/a", 2),
        ("POST", "/v1/jobs", 2),
        ("POST", "/v1/jobs/a/cancel", 2),
        ("POST", "/v1/messages/count_tokens", 2),
        ("POST", "/v1/jobs/a/retry", 1),
        ("POST", "/v1/embeddings", 1),
        ("POST", "/v1/completions", 1),
        ("POST", "/v1/chat/completions", 2),
        ("POST", "/chat/completions", 2),
        ("POST", "/v1/v1/messages", 2),
    ],
)
async def test_only_what_may_be_done_twice_is(method: str, path: str, times: int) -> None:
    """The first time, its answer is lost."""

    async def script(heard: Heard, writer: StreamWriter) -> None:
        if heard.number == 1:
            writer.transport.abort()
        else:
            writer.write(answer(heard, b"{}"))

    async with brokering(script) as broker, proxying(broker.url) as url:
        body = "content-length: 2\r\n\r\n{}" if method == "POST" else "\r\n"
        got = await call(url, f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n{body}".encode())
        assert len(broker.heard) == times
        assert got.status == (200 if times == 2 else 502)
        assert len({heard.headers.get("idempotency-key") for heard in broker.heard}) == 1


async def test_a_server_that_is_not_streamhold_gets_each_call_once() -> None:
    """It gives no key back. From then on nothing is made again."""

    async def script(heard: Heard, writer: StreamWriter) -> None:
        if heard.number == 1:
            body = b"data: {}\n\ndata: [DONE]\n\n"
            start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            writer.write(start + b"transfer-encoding: chunked\r\n\r\n" + chunk(body) + b"0\r\n\r\n")
        else:
            writer.transport.abort()

    async with brokering(script) as broker, proxying(broker.url) as url:
        assert (await call(url, posted())).body == b"data: {}\n\ndata: [DONE]\n\n"
        got = await call(url, posted())
        assert (got.status, json.loads(got.body)["error"]["code"]) == (502, "answer_lost")
        assert len(broker.heard) == 2


# ── Heads ────────────────────────────────────────────────────────────────────────────────


async def test_headers_are_passed_on_cleanly() -> None:
    said = "server: x\r\nkeep-alive: timeout=5\r\nconnection: x-hop\r\nx-hop: 1\r\nset-cookie: a"
    script = says(lambda h: answer(h, b"{}", "200 OK", said, "set-cookie: b", "x-mine: ü"))
    async with brokering(script) as broker, proxying(f"{broker.url}/below/v1/") as url:
        lines = (
            "Authorization: Bearer k",
            "X-Streamhold-Priority: batch",
            "Connection: close, x-secret, authorization",
            "X-Secret: 1",
            "Keep-Alive: 5",
            "TE: trailers",
            "Proxy-Authorization: Basic x",
            "Via: 1.0 before",
            "Expect: nothing",
            "Accept-Encoding: gzip, zstd",
        )
        got = await call(url, posted(b"{}", f"{CHAT}?a=b%20c&d", *lines))
        (heard,) = broker.heard
        assert heard.line == "POST /below/v1/chat/completions?a=b%20c&d HTTP/1.1"
        via = heard.headers.pop("via")
        assert via.startswith("1.0 before, 1.1 streamhold-")
        assert heard.headers.pop("idempotency-key").startswith("call-")
        assert heard.headers == {
            "host": f"127.0.0.1:{broker.port}",
            "content-type": "application/json",
            "content-length": "2",
            "authorization": "Bearer k",
            "x-streamhold-priority": "batch",
            "accept-encoding": "identity",
        }
        assert got.headers.keys() >= {"server", "set-cookie", "x-mine", "x-request-id"}
        assert not got.headers.keys() & {"keep-alive", "x-hop"}
        assert got.headers["connection"] == "close"


async def test_a_programs_own_key_stays_and_its_cursor_too() -> None:
    script = says(lambda heard: stream(heard, events(WORDS, heard.after)))
    async with brokering(script) as broker, proxying(broker.url) as url:
        lines = ("Idempotency-Key: mine", "Last-Event-ID: 4")
        assert (await call(url, posted(b"{}", CHAT, *lines))).body == events(WORDS, 4)
        assert (broker.heard[0].key, broker.heard[0].after) == ("mine", 4)


async def test_a_compressed_body_is_passed_on_as_it_is() -> None:
    packed = gzip.compress(b'{"stream": true}')
    script = says(lambda heard: stream(heard, WHOLE))
    async with brokering(script) as broker, proxying(broker.url) as url:
        got = await call(url, posted(packed, CHAT, "content-encoding: gzip"))
        assert got.body == WHOLE
        assert broker.heard[0].body == packed
        assert broker.heard[0].headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:9", 200),
        ("app.localhost", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("box.lan:8081", 200),
    ],
)
async def test_only_its_own_names_are_answered_to(host: str, status: int) -> None:
    """Else a web page could spend the program's keys through loopback."""
    script = says(lambda heard: answer(heard, b"{}"))
    async with (
        brokering(script) as broker,
        proxying(broker.url, hosts=frozenset({"box.lan"})) as url,
    ):
        got = await call(url, f"GET /v1/models HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        assert got.status == status
        assert len(broker.heard) == (status == 200)


async def test_an_origin_is_the_brokers_to_judge() -> None:
    script = says(lambda heard: answer(heard, b"{}", "403 Forbidden"))
    async with brokering(script) as broker, proxying(broker.url) as url:
        got = await call(url, posted(b"{}", CHAT, "origin: http://evil.example"))
        assert got.status == 403
        assert broker.heard[0].headers["origin"] == "http://evil.example"


async def test_an_upgrade_to_websocket_is_refused_so_that_programs_ask_over_http() -> None:
    script = says(lambda heard: answer(heard, b"{}"))
    async with brokering(script) as broker, proxying(broker.url) as url:
        lines = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        got = await call(
            url, f"GET /v1/responses HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n".encode()
        )
        assert (got.status, json.loads(got.body)["error"]["code"]) == (426, "upgrade_required")
        assert not broker.heard
        h2c = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n"
        got = await call(url, f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n{h2c}\r\n".encode())
        assert got.status == 200
        assert "upgrade" not in broker.heard[0].headers


async def test_a_proxy_before_itself_says_so() -> None:
    """It would ask itself for ever."""
    port = free_port()
    async with proxying(f"http://127.0.0.1:{port}", port=port) as url:
        assert (await call(url, posted(b"{}"))).status == 508


# ── The program's side of HTTP ───────────────────────────────────────────────────────────


async def test_one_connection_takes_many_calls_even_ahead_of_their_turn() -> None:
    async def script(heard: Heard, writer: StreamWriter) -> None:
        await asyncio.sleep(0.02)
        streams = heard.body == b'{"stream": true}'
        writer.write(stream(heard, WHOLE) if streams else answer(heard, heard.body))

    async with brokering(script) as broker, proxying(broker.url) as url:
        program = await Program.connect(url)
        bodies = [b"[%d]" % n for n in range(5)]
        program.writer.write(b"".join(posted(body) for body in bodies) + posted())
        assert [(await program.get()).body for _ in bodies] == bodies
        assert (await program.get()).body == WHOLE
        assert (await program.call(posted(b"[6]"))).body == b"[6]"
        assert broker.connections == 1
        program.leave()


async def test_a_program_that_asks_first_hears_100() -> None:
    script = says(lambda heard: answer(heard, heard.body))
    async with brokering(script) as broker, proxying(broker.url) as url:
        program = await Program.connect(url)
        request = posted(b'"body"', CHAT, "Expect: 100-continue")
        got = await program.call(request.removesuffix(b'"body"'))
        assert got.status == 100
        assert (await program.call(b'"body"')).body == b'"body"'
        assert "expect" not in broker.heard[0].headers
        program.leave()


async def test_http_1_0_gets_its_answer_until_the_end_of_the_connection() -> None:
    script = says(lambda heard: stream(heard, WHOLE))
    async with brokering(script) as broker, proxying(broker.url) as url:
        got = await call(url, posted().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (got.body, got.headers.get("transfer-encoding")) == (WHOLE, None)
        assert got.headers["connection"] == "close"


async def test_a_head_has_no_body_and_its_length_all_the_same() -> None:
    async def script(heard: Heard, writer: StreamWriter) -> None:
        said = answer(heard, b'{"a": 1}')
        writer.write(said[:-8] if heard.line.startswith("HEAD") else said)

    async with brokering(script) as broker, proxying(broker.url) as url:
        program = await Program.connect(url)
        program.writer.write(b"HEAD /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n")
        raw = await program.reader.readuntil(b"\r\n\r\n")
        assert b"content-length: 8\r\n" in raw
        got = await program.call(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert got.body == b'{"a": 1}'
        program.leave()


async def test_chunked_requests_and_whole_urls_are_taken() -> None:
    script = says(lambda heard: answer(heard, heard.body))
    async with brokering(script) as broker, proxying(broker.url) as url:
        start = f"POST http://localhost:1{CHAT}?x=1 HTTP/1.1\r\nhost: other.example\r\n"
        body = b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n3\r\n   \r\n0\r\n\r\n"
        assert (await call(url, start.encode() + body)).body == b"{}   "
        assert broker.heard[0].line == f"POST {CHAT}?x=1 HTTP/1.1"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (
            b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            400,
        ),
        (b"GET mailto:x HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
        (b"CONNECT localhost:1 HTTP/1.1\r\nhost: localhost\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 100_000, 431),
        (posted(b"x" * 2000), 413),
    ],
)
async def test_what_cannot_be_passed_on_is_refused(request_: bytes, status: int) -> None:
    script = says(lambda heard: answer(heard, b"{}"))
    async with brokering(script) as broker, proxying(broker.url, max_body=1000) as url:
        got = await call(url, request_)
        assert (got.status, got.whole) == (status, True)
        assert not broker.heard
        assert (await call(url, posted(b"{}"))).status == 200


async def test_large_bodies_both_ways() -> None:
    script = says(lambda heard: answer(heard, heard.body))
    async with brokering(script) as broker, proxying(broker.url) as url:
        body = bytes(range(256)) * 40_000  # 10 MB
        got = await call(url, posted(body))
        assert got.body == body
        assert broker.heard[0].body == body


# ── Backpressure and leaving ─────────────────────────────────────────────────────────────


async def test_a_program_that_takes_nothing_holds_the_broker_back() -> None:
    sent = 0

    async def script(heard: Heard, writer: StreamWriter) -> None:
        nonlocal sent
        writer.write(head(heard, "transfer-encoding: chunked"))
        for number in range(1, 4001):
            event = b"id: %d\ndata: %b\n\n" % (number, b"x" * 10_000)
            writer.write(chunk(event))
            await writer.drain()
            sent += len(event)
        writer.write(chunk(b"id: 4001\ndata: [DONE]\n\n") + b"0\r\n\r\n")

    async with brokering(script) as broker, proxying(broker.url) as url:
        program = await Program.connect(url)
        program.writer.write(posted())
        last = -1
        while sent != last or not sent:
            last = sent
            await asyncio.sleep(0.3)
        assert sent < 30_000_000, "40 MB went into the proxy's memory, or the system's"
        got: Got = await program.get()
        assert got.whole
        assert got.body.count(b"\n\n") == 4001
        program.leave()


async def endless(heard: Heard, writer: StreamWriter) -> None:
    """A stream that goes on until its reader leaves."""
    if heard.line.startswith("POST /v1/jobs/"):
        writer.write(answer(heard, b"{}"))
        return
    writer.write(head(heard, "transfer-encoding: chunked"))
    for number in range(1, 10_000):
        writer.write(chunk(b"id: %d\ndata: {}\n\n" % number))
        await writer.drain()
        await asyncio.sleep(0.01)


async def begun(url: str, request: bytes) -> Program:
    """A program that has read some of its stream."""
    program = await Program.connect(url)
    program.writer.write(request)
    await program.reader.readuntil(b"id: 3\n")
    return program


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the broker is the test's own
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("half", [True, False])
async def test_who_leaves_closes_the_brokers_connection_at_once(half: bool) -> None:
    async with brokering(endless) as broker, proxying(broker.url) as url:
        program = await begun(url, posted())
        if half:
            program.writer.write_eof()
        else:
            program.leave()
        await until(lambda: not broker.open)
        assert len(broker.heard) == 1
        program.leave()


async def test_who_leaves_while_the_broker_is_away_is_not_waited_for() -> None:
    async with brokering(endless) as broker, proxying(broker.url) as url:
        program = await begun(url, posted())
        await broker.stop()
        await asyncio.sleep(0.1)
        program.leave()
        await asyncio.sleep(0.1)
        await broker.start()
        await asyncio.sleep(0.3)
        assert len(broker.heard) == 1


async def test_leaving_cancels_where_that_is_wanted() -> None:
    """By its request id and the program's own credentials; with the network away, later."""
    async with brokering(endless) as broker, proxying(broker.url, on_leave="cancel") as url:
        program = await begun(url, posted(b"{}", CHAT, "authorization: Bearer k"))
        program.leave()
        await until(lambda: len(broker.heard) == 2)
        call_, cancel = broker.heard
        assert cancel.line == f"POST /v1/jobs/{call_.key}/cancel HTTP/1.1"
        assert cancel.headers["authorization"] == "Bearer k"
        program = await begun(url, posted(b"{}", CHAT, "idempotency-key: mine"))
        await broker.stop()
        program.leave()
        await asyncio.sleep(0.2)
        await broker.start()
        await until(lambda: len(broker.heard) == 4)
        assert broker.heard[3].line == "POST /v1/jobs/mine/cancel HTTP/1.1"


async def test_an_answer_read_to_its_end_cancels_nothing() -> None:
    script = says(lambda heard: stream(heard, WHOLE))
    async with brokering(script) as broker, proxying(broker.url, on_leave="cancel") as url:
        for _ in range(3):
            assert (await call(url, posted())).body == WHOLE
        await asyncio.sleep(0.1)
        assert len(broker.heard) == 3


# ── Calls that come again ────────────────────────────────────────────────────────────────

KEYED = ("authorization: Bearer k",)


async def keys_of(url: str, *requests: bytes) -> None:
    """Begin each call and leave it."""
    for request in requests:
        (await begun(url, request)).leave()
        await asyncio.sleep(0.05)


async def test_an_equal_call_is_another_one_unless_it_says_otherwise() -> None:
    async with brokering(endless) as broker, proxying(broker.url) as url:
        await keys_of(url, posted(), posted(), posted(b"{}"))
        assert len({heard.key for heard in broker.heard}) == 3


@pytest.mark.parametrize("by", ["header", "setting"])
async def test_an_equal_call_joins_one_that_was_left(by: str) -> None:
    """Each is met once, with the same credentials, path and JSON but for ``stream``."""
    lines = ("x-streamhold-join: 30", *KEYED) if by == "header" else KEYED
    settings = {"join": 30.0} if by == "setting" else {}
    first, again = b'{"a": 1, "stream": true}', b'{"stream":false,  "a":1}'
    async with brokering(endless) as broker, proxying(broker.url, **settings) as url:
        two = [await begun(url, posted(first, CHAT, *lines)) for _ in range(2)]
        for program in two:
            program.leave()
        await until(lambda: not broker.open)
        others = ("x-streamhold-join: 30", "authorization: Bearer other")
        await keys_of(
            url,
            posted(first, CHAT, *others),
            posted(b'{"a": 2, "stream": true}', CHAT, *lines),
            posted(first, "/v1/messages", *lines),
        )
        held = [await begun(url, posted(again, CHAT, *lines)) for _ in range(3)]
        keys = [heard.key for heard in broker.heard]
        assert keys[5:7] == keys[:2]
        assert len(set(keys)) == 6
        for program in held:
            program.leave()


async def test_a_call_whose_end_was_read_is_not_joined() -> None:
    script = says(lambda heard: stream(heard, WHOLE))
    async with brokering(script) as broker, proxying(broker.url, join=30.0) as url:
        for _ in range(3):
            await call(url, posted())
        assert len({heard.key for heard in broker.heard}) == 3


async def test_an_sdks_own_retry_is_the_same_call() -> None:
    """Its first attempt was left without an answer; it counts its attempts."""

    def attempt(number: int) -> bytes:
        return posted(b"{}", CHAT, f"x-stainless-retry-count: {number}")

    async with brokering(endless) as broker, proxying(broker.url) as url:
        await keys_of(url, attempt(0), attempt(1), attempt(2), attempt(0), attempt(2))
        keys = [heard.key for heard in broker.heard]
        assert keys[0] == keys[1] == keys[2]
        assert len({*keys[2:]}) == 3


async def test_a_call_that_is_met_again_is_not_cancelled() -> None:
    async with (
        brokering(endless) as broker,
        proxying(broker.url, join=0.3, on_leave="cancel") as url,
    ):
        await keys_of(url, posted())
        second = await begun(url, posted())
        await asyncio.sleep(0.5)
        assert [heard.key for heard in broker.heard] == [broker.heard[0].key] * 2
        second.leave()
        await until(lambda: len(broker.heard) == 3)
        assert broker.heard[2].line.endswith(f"/{broker.heard[0].key}/cancel HTTP/1.1")
