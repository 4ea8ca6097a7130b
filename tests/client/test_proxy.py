"""The proxy between a program and a broker that is told what to do: what is made again, and how."""

import asyncio
import json
import time
from asyncio import StreamWriter

import pytest

from tests.proxying import (
    CHAT,
    PING,
    WHOLE,
    WORDS,
    Heard,
    answer,
    brokering,
    call,
    chunk,
    events,
    head,
    posted,
    proxying,
    says,
    stream,
)

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


async def test_a_broker_that_is_back_is_noticed_by_all_at_once() -> None:
    """However long their pauses have grown; it is one connection that looks for it."""
    async with brokering(says(lambda heard: stream(heard, WHOLE))) as broker:
        await broker.stop()
        async with proxying(broker.url) as url:
            calls = [asyncio.ensure_future(call(url, posted())) for _ in range(50)]
            await asyncio.sleep(4)
            begun = time.monotonic()
            await broker.start()
            assert {got.body for got in await asyncio.gather(*calls)} == {WHOLE}
            assert time.monotonic() - begun < 2
            assert len({heard.key for heard in broker.heard}) == 50


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
