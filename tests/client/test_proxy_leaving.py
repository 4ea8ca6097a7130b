"""The proxy, where programs take nothing, leave, and come again."""

import asyncio
from asyncio import StreamWriter

import pytest

from tests.proxying import (
    CHAT,
    WHOLE,
    Got,
    Heard,
    Program,
    answer,
    brokering,
    call,
    chunk,
    head,
    posted,
    proxying,
    says,
    stream,
    until,
)

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
