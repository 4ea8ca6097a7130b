"""Connections in every state that they can be left in, before any key is asked for and after."""

import random
from collections.abc import Iterator

from tests.neighbours.attacks.strike import Raw, Strike, key

_BODY = b'{"model":"sim/tokens=3,interval=0","messages":[{"role":"user","content":"attack"}]}'
_HOLD = 15.0  # seconds that a connection is left as it is
_AUTH = b"authorization: Bearer " + key(0).encode() + b"\r\n"
_POST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n" + _AUTH + b"content-type: "
    b"application/json\r\n"
)
_GET = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"
_SOCKET = b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
_H2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def states(drawn: random.Random) -> Iterator[Strike]:
    """One state each: half said, garbled, upgraded to nothing, framed in two ways, idle."""
    while True:
        parts = drawn.choice(_STATES)
        hold = drawn.choice((0.0, 1.0, _HOLD))
        if drawn.random() < 0.3:  # the same, cut somewhere
            whole = b"".join(parts)
            cut = drawn.randrange(len(whole) + 1)
            parts = (whole[:cut], whole[cut:][: drawn.randrange(20)])
        yield (Raw(parts, drawn.choice((0.0, 0.05)), hold),)


def crowds(drawn: random.Random) -> Iterator[Strike]:
    """As many connections as may be, that say nothing, little, or one byte at a time."""
    while True:
        parts = drawn.choice(((), (b"G",), (_GET,), tuple(bytes((c,)) for c in _GET[:30])))
        yield (Raw(parts, drawn.choice((0.2, 0.5)), _HOLD),)


def pipelines(drawn: random.Random) -> Iterator[Strike]:
    """Hundreds of requests on one connection, whose answers nobody waits for."""
    while True:
        count = drawn.choice((20, 100, 500))
        body = b"content-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
        one = drawn.choice(
            (
                _GET + b"\r\n",
                _GET.replace(b"/healthz", b"/metrics") + b"\r\n",
                _GET.replace(b"/healthz", b"/openapi.json") + b"\r\n",
                _GET.replace(b"/healthz", b"/v1/jobs?limit=100") + _AUTH + b"\r\n",
                _GET.replace(b"/healthz", b"/nowhere") + b"\r\n",
                _POST + body,
            )
        )
        if one.startswith(b"POST"):
            count = min(count, 20)
        yield (Raw((one * count,), 0.0, drawn.choice((0.1, 3.0))),)


_LENGTH = b"content-length: %d\r\n" % len(_BODY)
_CHUNKED = b"transfer-encoding: chunked\r\n"
_STATES: tuple[tuple[bytes, ...], ...] = (
    (),
    (b"\r\n",),
    (_GET,),
    (_GET, b"\r\n"),
    (_POST + _LENGTH + b"\r\n", _BODY[:20]),
    (_POST + b"content-length: 33000000\r\n\r\n", b"{" * 100),
    (_POST + _LENGTH + b"expect: 100-continue\r\n\r\n",),
    (_POST + b"content-length: 20000000\r\nexpect: 100-continue\r\n\r\n",),
    (_POST.replace(_AUTH, b"") + b"content-length: 20000000\r\nexpect: 100-continue\r\n\r\n",),
    (_POST + _CHUNKED + b"\r\n", b"5\r\nhel"),
    (_POST + _CHUNKED + b"\r\n", b"zz\r\n"),
    (_POST + _CHUNKED + b"\r\n", b"ffffffffffffffff\r\n", b"x" * 1000),
    (_POST + _CHUNKED + b"\r\n", b"1;" + b"e" * 100_000),
    (_POST + _CHUNKED + _LENGTH + b"\r\n", b"0\r\n\r\n", _GET + b"\r\n"),
    (_POST + _LENGTH + b"content-length: 5\r\n\r\n", _BODY),
    (_POST + _LENGTH + b"transfer-encoding: identity\r\n\r\n", _BODY),
    (_GET + b"upgrade: websocket\r\nconnection: upgrade\r\n" + _SOCKET + b"\r\n",),
    (_GET + b"upgrade: websocket\r\nconnection: upgrade\r\n" + _SOCKET + b"\r\n", b"\x81\xff" * 99),
    (_GET + b"upgrade: websocket\r\nconnection: upgrade\r\n\r\n",),
    (_GET + b"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 99\r\n\r\n",),
    (_GET + b"upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AA\r\n\r\n",),
    (_GET + b"upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: %%\r\n\r\n",),
    (_GET + b"upgrade: h2c\r\nconnection: upgrade\r\n\r\n", _H2),
    (_POST + _LENGTH + b"upgrade: h2c\r\nconnection: upgrade, http2-settings\r\n\r\n", _BODY),
    (_GET + b"upgrade: TLS/1.0\r\nconnection: upgrade\r\n\r\n",),
    (_GET + b"connection: upgrade\r\nupgrade: " + b"x" * 5_000 + b"\r\n\r\n",),
    (_H2,),
    (_H2 + _SETTINGS, b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + b"p" * 8),
    (_H2 + b"\xff" * 200,),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,),
    (b"GET http://localhost/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",),
    (b"CONNECT localhost:443 HTTP/1.1\r\nhost: localhost\r\n\r\n", b"x" * 100),
    (b"GET /healthz HTTP/1.0\r\n\r\n",),
    (b"GET /healthz HTTP/9.9\r\nhost: localhost\r\n\r\n",),
    (b"GET /" + b"a" * 200_000,),
    (_GET + b"x: " + b"y" * 200_000,),
    (_GET + b"".join(b"x-%d: y\r\n" % n for n in range(3_000)) + b"\r\n",),
    (_GET + b" folded: yes\r\n\r\n",),
    (b"\x00" * 1_000,),
    (b"\r\n" * 5_000,),
    (b"GET /healthz\r\n\r\n",),
    (b"\xff\xfe GET / HTTP/1.1\r\n\r\n",),
)
