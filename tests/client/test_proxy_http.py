"""The proxy between a program and a broker that is told what to do: HTTP on both its sides."""

import asyncio
import gzip
import json
from asyncio import StreamWriter

import pytest

from tests.proxying import (
    CHAT,
    WHOLE,
    WORDS,
    Heard,
    Program,
    answer,
    brokering,
    call,
    events,
    free_port,
    posted,
    proxying,
    says,
    stream,
)

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
