"""Requests to the byte, and the states that a client can leave a connection in."""

from dataclasses import dataclass

from tests.contract.conftest import ALICE

HOST = b"Host: localhost\r\n"
KEY = b"x-api-key: " + ALICE.encode() + b"\r\n"
JSON = b"Content-Type: application/json\r\n"
ASKS = b"Expect: 100-continue\r\n"


def head(line: bytes, *headers: bytes) -> bytes:
    return line + b" HTTP/1.1\r\n" + HOST + b"".join(headers) + b"\r\n"


def post(path: bytes, *headers: bytes, key: bytes = KEY) -> bytes:
    return head(b"POST " + path, key, JSON, *headers)


def length(size: int) -> bytes:
    return b"Content-Length: %d\r\n" % size


def upgrade(to: bytes, *more: bytes) -> bytes:
    return head(b"GET /healthz", b"Connection: upgrade\r\nUpgrade: " + to + b"\r\n", *more)


CHUNKED = b"Transfer-Encoding: chunked\r\n"
HEALTH = head(b"GET /healthz")
CHAT, JOBS = b"/v1/chat/completions", b"/v1/jobs"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SOCKET = (
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    b"Connection: upgrade\r\n",
)
OPENED = head(
    b"GET /v1/responses", KEY, b"Connection: upgrade\r\nUpgrade: websocket\r\n", SOCKET[0]
)


@dataclass(frozen=True)
class Left:
    """What a client sends, and the statuses that it gets before the end."""

    sent: bytes
    statuses: tuple[int, ...] = ()
    drip: bytes = b""  # sent again and again until the end


LEFT = {
    "nothing": Left(b""),
    "a letter": Left(b"G", (408,)),
    "half a line": Left(b"GET /healthz HT", (408,)),
    "a line": Left(b"GET /healthz HTTP/1.1\r\n", (408,)),
    "a head but for its end": Left(HEALTH[:-2], (408,)),
    "a slow head": Left(HEALTH[:-2], (408,), b"a: b\r\n"),
    "empty lines": Left(b"\r\n", (400,)),
    "TLS": Left(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400,)),
    "a head too large": Left(b"GET / HTTP/1.1\r\na: " + b"x" * 100_000, (431,)),
    "an endless head": Left(HEALTH[:-2], (431,), b"a: " + b"x" * 20_000 + b"\r\n"),
    "garbage": Left(b"garbage\r\n\r\n", (400,)),
    "an answer, then nothing": Left(HEALTH, (200,)),
    "an answer, then half a line": Left(HEALTH + b"GET /hea", (200, 408)),
    "an answer, then garbage": Left(HEALTH + b"\x00\x00\r\n\r\n", (200, 400)),
    "an answer, then a body that nobody announced": Left(HEALTH + b'{"a": 1}\r\n\r\n', (200, 400)),
    "many answers, then half a line": Left(HEALTH * 50 + b"GET", (200,) * 50 + (408,)),
    "a promised body: chat": Left(post(CHAT, length(9)), (408,)),
    "a promised body: messages": Left(post(b"/v1/messages", length(9)), (408,)),
    "a promised body: responses": Left(post(b"/v1/responses", length(9)), (408,)),
    "a promised body: tokens": Left(post(b"/v1/messages/count_tokens", length(9)), (408,)),
    "a promised body: job": Left(post(JOBS, length(9)), (408,)),
    "a promised body: ticket": Left(post(JOBS + b"/a/tickets", length(9)), (408,)),
    "a promised body: of a GET": Left(head(b"GET /v1/models", KEY, length(9)), (200,)),
    "a promised body: of a DELETE": Left(head(b"DELETE /v1/jobs/a", KEY, length(9)), (404,)),
    "a promised body: asked for": Left(post(JOBS, length(9), ASKS), (100, 408)),
    "half a body": Left(post(JOBS, length(9)) + b"{", (408,)),
    "a body that trickles": Left(post(JOBS, length(9000)), (408,), b" "),
    "a body in chunks, none": Left(post(JOBS, CHUNKED), (408,)),
    "a body in chunks, half of one": Left(post(JOBS, CHUNKED) + b"9\r\n{", (408,)),
    "a body in chunks, no last": Left(post(JOBS, CHUNKED) + b"2\r\n{}\r\n", (408,)),
    "a body in chunks, half a size": Left(post(JOBS, CHUNKED) + b"2;" + b"x" * 100, (408,)),
    "a body in chunks, an endless size": Left(post(JOBS, CHUNKED), (431,), b"2" * 20_000),
    "a body in chunks, half a trailer": Left(post(JOBS, CHUNKED) + b"0\r\na: b\r\n", (408,)),
    "a body in chunks that trickle": Left(post(JOBS, CHUNKED), (408,), b"1\r\n \r\n"),
    "a body in chunks, garbage": Left(post(JOBS, CHUNKED) + b"zz\r\n", (400,)),
    "a body, refused: no key": Left(post(JOBS, length(9), key=b""), (401,)),
    "a body, refused: no key, asked for": Left(post(JOBS, length(9), ASKS, key=b""), (401,)),
    "a body, refused: still coming": Left(post(JOBS, length(99_999), key=b""), (401,), b"x" * 99),
    "a body, refused: too large": Left(post(JOBS, length(10**9)) + b"x" * 300_000, (413,)),
    "an upgrade: h2c": Left(upgrade(b"h2c", b"HTTP2-Settings: AAMAAABk\r\n"), (200,)),
    "an upgrade: h2c, unreadable": Left(upgrade(b"h2c", b"HTTP2-Settings: ///\r\n"), (200,)),
    "an upgrade: h2c, then half a preface": Left(upgrade(b"h2c") + PREFACE[:9], (200, 408)),
    "an upgrade: websocket": Left(upgrade(b"websocket", *SOCKET[:1]), (426,)),
    "an upgrade: websocket, malformed": Left(upgrade(b"websocket"), (200,)),
    "an upgrade: websocket, then a frame": Left(upgrade(b"websocket") + b"\x89\x80", (200, 408)),
    "an upgrade: websocket, posted": Left(post(JOBS, length(2), b"Upgrade: websocket\r\n"), (408,)),
    "an upgrade: TLS": Left(upgrade(b"TLS/1.0"), (200,)),
    "an upgrade: nonsense": Left(upgrade(b"\xff,,/"), (200,)),
    "an upgrade: with a body": Left(upgrade(b"websocket", length(9)), (200,)),
    "an upgrade: a key, no more": Left(upgrade(b"x", KEY), (200,)),
    "a websocket": Left(OPENED, (101,)),
    "a websocket: no key": Left(OPENED.replace(KEY, b""), (401,)),
    "a websocket: half a message": Left(OPENED + b"\x81\xfe\x10\x00aaaaxxx", (101,)),
    "a websocket: a message that trickles": Left(
        OPENED + b"\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00aaaa", (101,), b"x"
    ),
    "a websocket: half a frame's head": Left(OPENED + b"\x81\xfe\x10", (101,)),
    "a websocket: an endless message": Left(
        OPENED + b"\x01\x80aaaa", (101,), b"\x00\xfe\x40\x00aaaa" + b"x" * 0x4000
    ),
    "a websocket: many messages": Left(OPENED, (101,), b"\x81\x81aaaa{" * 100),
    "a websocket: pings": Left(OPENED, (101,), b"\x89\x80aaaa"),
    "a websocket: garbage": Left(OPENED + b"\xff" * 99, (101,)),
    "a websocket: no mask": Left(OPENED + b"\x81\x05hello", (101,)),
    "a websocket: no UTF-8": Left(OPENED + b"\x81\x82aaaa\x9e\x9e", (101,)),
    "a websocket: a good-bye": Left(OPENED + b"\x88\x80aaaa", (101,)),
    "a websocket: HTTP again": Left(OPENED + HEALTH, (101,)),
    "a tunnel": Left(b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + KEY + b"\r\n", (404,)),
    "half a preface": Left(PREFACE[:12], (408,)),
    "a preface": Left(PREFACE, (400,)),
    "a preface and settings": Left(PREFACE + SETTINGS, (400,)),
    "another version": Left(HEALTH.replace(b"1.1", b"3.7"), (400,)),
    "two lengths": Left(post(JOBS, length(2), length(3)) + b"{}", (400,)),
    "two framings": Left(post(JOBS, length(2), CHUNKED) + b"2\r\n{}\r\n", (400,)),
    "another coding": Left(post(JOBS, b"Transfer-Encoding: gzip, chunked\r\n"), (501,)),
    "two hosts": Left(head(b"GET /healthz", HOST), (400,)),
    "no host": Left(b"GET /healthz HTTP/1.1\r\n\r\n", (400,)),
}
