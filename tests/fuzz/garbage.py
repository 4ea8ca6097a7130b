"""Bytes on the socket that are no request, or two at once, or of another protocol."""

from hypothesis import strategies as st

from tests.fuzz.odd_bodies import CHAT
from tests.fuzz.request import Request
from tests.fuzz.scene import INTRUDERS_KEY

_KEY = b"Authorization: Bearer " + INTRUDERS_KEY.encode() + b"\r\n"
_HEAD = b"Host: localhost\r\n" + _KEY
_JSON = _HEAD + b"Content-Type: application/json\r\n"
_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_WEBSOCKET = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_POST = b"POST " + CHAT + b" HTTP/1.1\r\n"
_WHOLE = [
    b"",
    b"\r\n" * 50,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
    b"GET /v1/jobs\r\n\r\n",
    b"GET /v1/jobs HTTP/0.9\r\n\r\n",
    b"GET /v1/jobs HTTP/1.0\r\n" + _KEY + b"\r\n",
    b"GET /v1/jobs HTTP/2.0\r\n" + _HEAD + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\n" + _KEY + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\n" + _HEAD.replace(b"\r", b"") + b"\n",
    b"GET  /v1/jobs  HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\n " + _HEAD + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\nno colon\r\n" + _HEAD + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\nA : b\r\n" + _HEAD + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\n: b\r\n" + _HEAD + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n" + _HEAD + b"\r\n",
    b"GET /v1/\xff\xfe HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\n" + b"X-Many: 1\r\n" * 2000 + _HEAD + b"\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + _HEAD + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\n" + _HEAD + b"X: " + b"a" * 70_000,
    (b"GET /v1/jobs HTTP/1.1\r\n" + _HEAD + b"\r\n") * 30,  # pipelined
    b"GET /healthz HTTP/1.1\r\n" + _HEAD + b"Content-Length: 5\r\n\r\nabc",
    b"GET /v1/jobs HTTP/1.1\r\n" + _HEAD + _WEBSOCKET + b"\r\n",
    b"GET /v1/jobs/shop-running/events HTTP/1.1\r\n" + _HEAD + _WEBSOCKET + b"\r\n\x81\x05hello",
    b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n" + _WEBSOCKET + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\nHost: evil.example\r\n" + _KEY + _WEBSOCKET + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\n"
    + _HEAD
    + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    b"GET /v1/jobs HTTP/1.1\r\n" + _HEAD + b"Upgrade: h2c\r\nHTTP2-Settings: ///\r\n\r\n",
    b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example:443\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + _HEAD + b"\r\n",
    _POST + _JSON + b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
    _POST + _JSON + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}    ",
    _POST + _JSON + b"Content-Length: -1\r\n\r\n{}",
    _POST + _JSON + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    _POST + _JSON + b"Content-Length: \xb2\r\n\r\n{}",
    _POST + _JSON + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    _POST + _JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    _POST + _JSON + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    _POST + _JSON + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n{}",
    _POST + _JSON + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 9000 + b"\r\n{}\r\n0\r\n\r\n",
    _POST + _JSON + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
    _POST + _JSON + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 3000,
    _POST + _JSON + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    _POST + _JSON + b"Expect: 200-maybe\r\nContent-Length: 2\r\n\r\n{}",
    _PREFACE,
    _PREFACE + _SETTINGS,
    _PREFACE + _SETTINGS + b"\x00\x00\x05\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff\xff",
    _PREFACE + _SETTINGS + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    _PREFACE + _SETTINGS + b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8),
    _PREFACE + _SETTINGS + b"\x00\x00\x03\x01\x05\x00\x00\x00\x01\x82\x84\x86",  # no authority
    _PREFACE + _SETTINGS + b"\x00\x00\x04\x03\x00\x00\x00\x00\x07" + bytes(4),
]
_STARTS = [_PREFACE + _SETTINGS, _POST + _JSON, b"GET /v1/jobs HTTP/1.1\r\n" + _HEAD, b""]


def garbage() -> st.SearchStrategy[Request]:
    """Bytes in place of a request."""
    made = st.builds(
        lambda start, noise: start + noise, st.sampled_from(_STARTS), st.binary(max_size=300)
    )
    damaged = st.builds(
        lambda whole, place, noise: (
            whole[: place % (len(whole) + 1)] + noise + whole[place % (len(whole) + 1) :]
        ),
        st.sampled_from(_WHOLE),
        st.integers(0, 400),
        st.binary(min_size=1, max_size=4),
    )
    return (st.sampled_from(_WHOLE) | damaged | made).map(
        lambda raw: Request("garbage", raw=raw, legal=False)
    )
