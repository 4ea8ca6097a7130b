"""How a hostile provider puts an answer on its socket: HTTP that is right, odd, or none.

``fair`` manners give the body whole, as HTTP allows; any other may lose it.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable

from tests.hostile import odd
from tests.hostile.spoiling import Spoiled
from tests.recorded.reading import Event

Manner = Callable[[random.Random, Spoiled, asyncio.StreamWriter], Awaitable[None]]

SSE = b"content-type: text/event-stream\r\n"
CLOSE = b"connection: close\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + SSE + CLOSE + b"\r\n"
STOLEN = b"/stolen"  # where redirects point: nobody may ever come there
ENDLESS = 3000  # pieces at most of an answer without an end
_WAITS = (
    b"0",
    b"-1",
    b"1e9",
    b"99999999999",
    b"soon",
    b"Fri, 31 Dec 1999 23:59:59 GMT",
    b"\xff",
    b"0.01",
)
_WHOLE = {
    "chat": {"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"},
             "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
    "messages": {"id": "m", "type": "message", "role": "assistant", "model": "m",
                 "content": [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "t",
                 "name": "f", "input": {"a": [1]}}], "stop_reason": "end_turn",
                 "usage": {"input_tokens": 1, "output_tokens": 1}},
    "responses": {"id": "resp_1", "object": "response", "status": "completed", "output": [
                  {"id": "i", "type": "message",
                   "content": [{"type": "output_text", "text": "Hi"}]}],
                  "usage": {"input_tokens": 1, "output_tokens": 1}},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
               "usageMetadata": {"promptTokenCount": 1}},
}  # fmt: skip


async def at_once(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    writer.write(PLAIN + case.body)


async def in_pieces(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    writer.write(PLAIN)
    await _pieces(drawn, case.body, writer, lambda data: data)


async def in_chunks(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + SSE + CLOSE + b"transfer-encoding: chunked\r\n\r\n")
    await _pieces(drawn, case.body, writer, lambda data: b"%x;x=y\r\n%b\r\n" % (len(data), data))
    writer.write(b"0\r\ntrailer: x\r\n\r\n")


async def measured(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + SSE + b"content-length: %d\r\n\r\n" % len(case.body) + case.body)


async def announced(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    """After answers that are none yet."""
    writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
    writer.write(PLAIN + case.body)


async def _pieces(
    drawn: random.Random,
    body: bytes,
    writer: asyncio.StreamWriter,
    dress: Callable[[bytes], bytes],
) -> None:
    while body:
        size = drawn.choice((1, 7, 60, 1000)) if len(body) < 20_000 else 20_000
        writer.write(dress(body[:size]))
        body = body[size:]
        await writer.drain()
        await asyncio.sleep(0)


async def undressed(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    """Chunked, it says; what follows is not."""
    first = drawn.choice(
        (b"", b"FFFFFFFFFFFFFFFFFF\r\n", b"-5\r\n", b"5\r\nab", b"zz\r\n", b"1000000\r\n")
    )
    begun = b"%x\r\n%b\r\n" % (len(case.body) // 2, case.body[: len(case.body) // 2])
    dressed = begun if drawn.random() < 0.5 else b""
    writer.write(OK + SSE + CLOSE + b"transfer-encoding: chunked\r\n\r\n" + dressed + first)
    writer.write(case.body)


async def misdescribed(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    """Another type, another coding, another length, or headers that are none."""
    head = drawn.choice(
        (
            SSE + b"content-encoding: gzip\r\n", SSE + b"content-encoding: br, x\r\n",
            b"content-type: text/html\r\n", b"content-type: application/json\r\n", b"",
            b"content-type: ;;;\r\n", b"content-type: text/event-stream; charset=utf-16\r\n",
            SSE + b"content-length: 7\r\n", SSE + b"content-length: 99999999999\r\n",
            SSE + b"content-length: -1\r\n", SSE + b"content-length: 1\r\ncontent-length: 2\r\n",
            SSE + b"x: " + b"y" * 100_000 + b"\r\n", SSE + b"no colon\r\n",
            SSE + b"x: \x00\xff\r\n",
            SSE + b"transfer-encoding: gzip\r\n", SSE + b"set-cookie: a=b\r\nupgrade: h2c\r\n",
        )
    )  # fmt: skip
    writer.write(OK + head + CLOSE + b"\r\n" + case.body)


async def refused(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    """Another status; with a redirect, odd times to wait, an odd error for a body."""
    status = drawn.choice(
        (
            *(b"101 Switching Protocols", b"204 No Content", b"206 Partial Content", b"301 Moved"),
            *(
                b"302 Found",
                b"303 See Other",
                b"304 Not Modified",
                b"307 Temporary",
                b"308 Permanent",
            ),
            *(b"400 Bad", b"401 No", b"402 Pay", b"403 No", b"404 None", b"408 Late", b"409 Clash"),
            *(
                b"413 Large",
                b"422 Odd",
                b"429 Slow",
                b"500 Oops",
                b"503 Busy",
                b"529 Full",
                b"600 What",
            ),
            *(b"999", b"99 Low", b"abc", b"", b"-200 Minus"),
        )
    )
    error = drawn.choice(odd.VALUES).encode()
    forms = (b'{"error":%b}', b'{"error":{"message":%b,"code":%b}}', b'[{"error":%b}]', b"%b")
    form = drawn.choice(forms)
    body = form % ((error,) * form.count(b"%b"))
    head = b"HTTP/1.1 " + status + b"\r\nlocation: " + STOLEN + b"\r\nretry-after: "
    head += drawn.choice(_WAITS) + b"\r\ncontent-type: application/json\r\n" + CLOSE
    writer.write(head + b"\r\n" + body)


async def whole(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    """One JSON object in place of a stream, with something odd in it."""
    event = Event(None, "", json.dumps(_WHOLE[case.dialect]).encode())
    change = drawn.choice((odd.confused, odd.without, odd.confused))
    for _ in range(drawn.randint(0, 2)):
        event = change(drawn, event)
    writer.write(OK + b"content-type: application/json\r\n" + CLOSE + b"\r\n" + event.data)


async def silent(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    """Not a word more, after nothing, half a head or half an answer."""
    said = drawn.choice((b"", b"HTTP/1.1 200", PLAIN, PLAIN + case.body[: len(case.body) // 2]))
    writer.write(said)
    await writer.drain()
    await asyncio.sleep(3)


async def gone(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    """Reset somewhere."""
    writer.write((PLAIN + case.body)[: drawn.randrange(len(PLAIN + case.body))])
    await asyncio.sleep(0.01)
    writer.transport.abort()


async def endless(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    """Comments, pings, an event or half of one, again and again."""
    events = case.body.split(b"\n\n")
    again = drawn.choice(
        (b": x\n\n", b"event: ping\ndata: {}\n\n", events[0] + b"\n\n", b"data: x")
    )
    writer.write(PLAIN)
    for _ in range(ENDLESS):
        writer.write(again)
        await writer.drain()
        await asyncio.sleep(0.001)
    await asyncio.sleep(3)


async def nonsense(drawn: random.Random, case: Spoiled, writer: asyncio.StreamWriter) -> None:
    """No HTTP."""
    writer.write(
        drawn.choice((drawn.randbytes(300), b"\r\n" * 200, case.body, b"SSH-2.0-x\r\n", b""))
    )


FAIR: tuple[Manner, ...] = (at_once, in_pieces, in_chunks, measured, announced)
FOUL: tuple[Manner, ...] = (
    undressed, misdescribed, refused, refused, whole, whole, silent, gone, endless, nonsense
)  # fmt: skip
