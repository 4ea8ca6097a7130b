"""Heads that no schema can describe: methods, targets, headers, cursors."""

import json
from urllib.parse import quote

from hypothesis import strategies as st

from tests.fuzz.described import callers
from tests.fuzz.odd_bodies import CHAT, FINE, JOBS, JSON
from tests.fuzz.request import Header, Request
from tests.fuzz.scene import INTRUDERS_KEY, ORIGIN, Scene

_METHODS = (
    b"GET POST PUT PATCH DELETE HEAD OPTIONS TRACE CONNECT get Post PROPFIND PURGE X "
    b"SUBSCRIBE M-SEARCH"
).split()
_PATHS = [
    *(b"/", b"/v1", b"/v1/", b"/v1/jobs/", b"/v1/jobs//", b"//v1/jobs", b"/v1/models/plain"),
    *(b"/v1/jobs", b"/v1/models", b"/healthz", b"/readyz", b"/metrics", b"/openapi.json"),
    b"/v1/providers",
    *(CHAT, CHAT + b"/", CHAT + b"%00", b"/v1/chat/", b"/v1/jobs/x/events/", b"/v1/jobs/x/nothing"),
    *(b"/v1/models%0a", b"/metrics%0A", b"/healthz%2f", b"/v1%2fjobs", b"/%76%31/jobs"),
    *(b"/v1/jobs/..", b"/v1/jobs/../../etc/passwd", b"/v1/jobs/%2e%2e%2f", b"/../v1/jobs"),
    *(b"/v1/jobs/a%2Fcancel", b"/v1/jobs/%ff", b"/v1/jobs/%ed%a0%80", b"/v1/jobs/%00"),
    *(b"/v1/jobs/%", b"/v1/jobs/%zz", b"/v1/jobs/%u0041", b"/v1/jobs/" + b"a" * 129),
    *(b"/v1/jobs/" + b"%61" * 900, b"/v1/jobs/a;x=1", b"/v1/jobs/a%3Fb", b"/v1/jobs/a%0d%0aset:1"),
    *(b"/openapi.json?x", b"/metrics?name[]=x", b"/docs", b"/favicon.ico", b"/.env", b"*"),
    *(b"http://elsewhere.example/v1/jobs", b"/v1/jobs/a/b/c/d", b"/V1/JOBS"),
    b"/v1/jobs/own-completed%0a",
]  # fmt: skip
_CURSORS = [
    *(b"0", b"1", b"7", b"00", b"-1", b"+1", b"1.0", b"1e3", b" 5 ", b"0x1", b"1_0", b"", b"null"),
    *(b"9" * 15, b"9" * 16, b"9" * 20, b"9" * 400, b"9" * 5000, b"1-0", b"(1", b"+", b"-", b"$"),
    *("٣".encode(), "１".encode(), "²".encode(), b"\xb2", b"\xff", b"1,2", b"1;2", b"nan", b"inf"),
    *(b"-inf", b"1e309", b"-0", b"1e-9", b"true", b"[]", b"%00", b"1%00", b"1\t2"),
]  # fmt: skip
_ORIGINS = [
    *(b"null", b"http://evil.example", b"https://localhost.evil.example", b"http://[::1", b""),
    *(b"http://localhost", b"http://127.0.0.1:1", b"file://", b"http://127.0.0.1@evil.example"),
    ORIGIN.encode(),
    *(b"http://[::1]:99999999", b"\xff", b"http://" + b"a" * 5000, b"http://127.1", b"//localhost"),
]  # fmt: skip
_HOSTS = [
    *(b"localhost", b"LOCALHOST:80", b"127.0.0.1", b"[::1]", b"[::1", b"evil.example", b""),
    *(b"127.0.0.1.evil.example", b"localhost@evil.example", b"evil.example#localhost", b"0"),
    *(b"localhost:99999999", b"127.0.0.1:port", b"a" * 4000, b"local host", b"\xff"),
    b"[::ffff:127.0.0.1]",
]  # fmt: skip
_VALUES = [
    *(b"", b"x", b"a" * 200, b"a" * 12_000, b"\xff\xfe", "ü".encode(), b"a\tb", b"a,b", b"%0d%0a"),
    *(b"a\r\nset-cookie: x=1", b"a\nx-injected: 1", b"a\rb", b"a\x00b", b"\x7f", b"own-completed"),
]  # fmt: skip
_NAMES = (
    b"idempotency-key x-request-id authorization x-api-key last-event-id content-type accept "
    b"content-length transfer-encoding te expect upgrade connection range if-none-match cookie "
    b"x-forwarded-for x-forwarded-host forwarded x-http-method-override accept-encoding via"
).split()
_OPTIONS = (
    b"targets retries attempts deadline priority on-disconnect on_disconnect grace nothing"
).split()
_CHOSEN = [
    *(b"plain", b"sim/tokens=3,interval=0", b"sim/tokens=3,interval=0,sim/drop", b",", b"batch"),
    *(b"interactive", b"cancel", b"continue", b"0", b"1", b"2", b"100", b"101", b"0.001", b"1e-9"),
]


def _legal(headers: tuple[Header, ...]) -> bool:
    """Whether the HTTP server has no reason of its own to refuse."""
    reasons = (
        b"content-length",
        b"transfer-encoding",
        b"upgrade",
        b"connection",
        b"expect",
        b"host",
    )
    fine = all(
        name not in reasons
        and value == value.strip(b" \t")
        and all(c == 9 or (32 <= c != 127) for c in value)
        for name, value in headers
    )
    return fine and sum(len(name) + len(value) for name, value in headers) < 12_000


@st.composite
def odd_targets(draw: st.DrawFn) -> Request:
    """Any method with any path."""
    method = draw(st.sampled_from(_METHODS))
    target = draw(st.sampled_from(_PATHS) | st.binary(max_size=30).map(_percented))
    query = draw(st.sampled_from([b"", b"", b"?", b"?a=%ff&a=%00", b"?%zz", b"?" + b"a=1&" * 500]))
    body = draw(st.sampled_from([b"", b"", b"{}", json.dumps(FINE).encode()]))
    return Request(
        "odd targets", method, target + query, (JSON, *draw(callers)), body,
        legal=method != b"CONNECT" and len(target + query) < 12_000,
    )  # fmt: skip


def _percented(data: bytes) -> bytes:
    return b"/v1/jobs/" + quote(data, safe="/").encode()


@st.composite
def odd_headers(draw: st.DrawFn) -> Request:
    """Headers odd, doubled and huge, before a sound call of any kind."""
    method, target, body = draw(
        st.sampled_from(
            [
                (b"POST", CHAT, json.dumps(FINE).encode()),
                (b"POST", JOBS, json.dumps({"request": FINE}).encode()),
                (b"GET", JOBS, b""),
                (b"GET", b"/v1/models", b""),
                (b"GET", b"/v1/jobs/own-completed/events", b""),
                (b"GET", b"/healthz", b""),
            ]
        )
    )
    headers = [JSON, *draw(callers)]
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(_NAMES))
        value = draw(st.sampled_from(_VALUES + _CURSORS) | st.binary(max_size=20))
        headers += [(name, value)] * draw(st.sampled_from([1, 1, 1, 2, 40]))
    for option in draw(st.lists(st.sampled_from(_OPTIONS), max_size=2)):
        chosen = draw(st.sampled_from(_CHOSEN) | st.sampled_from(_CURSORS))
        headers.append((b"x-streamhold-" + option, chosen))
    if not draw(st.integers(0, 3)):
        headers.append((b"origin", draw(st.sampled_from(_ORIGINS))))
    if not draw(st.integers(0, 3)):
        headers.append((b"host", draw(st.sampled_from(_HOSTS))))
    odd = tuple(headers)
    return Request("odd headers", method, target, odd, body, legal=_legal(odd))


@st.composite
def odd_cursors(draw: st.DrawFn, scene: Scene) -> Request:
    """Cursors and numbers, in headers and parameters, at the intruder's own jobs."""
    name = draw(st.sampled_from(scene.own)).encode()
    value = draw(st.sampled_from(_CURSORS) | st.integers(-5, 30).map(lambda n: b"%d" % n))
    parameter = quote(value, safe="%").encode()
    place = draw(st.sampled_from(["header", "query", "both", "wait", "attach", "list"]))
    headers: tuple[Header, ...] = draw(callers)
    body = b""
    method, target = b"GET", b"/v1/jobs/%b/events" % name
    if place in ("header", "both", "attach"):
        headers = (*headers, (b"last-event-id", value))
    if place in ("query", "both"):
        target += b"?after=" + parameter
    if place == "wait":
        # What the server would rightly wait for is not worth a minute.
        patient = value.strip() in (
            b"9" * 15,
            b"9" * 16,
            b"9" * 20,
            b"9" * 400,
            b"7",
            b" 5 ",
            b"1e3",
        )
        target = b"/v1/jobs/%b/result?wait=" % name + (
            b"0.1" if patient or len(value) <= 2 else parameter
        )
    if place == "list":
        field = draw(st.sampled_from([b"limit", b"after", b"since", b"until", b"state", b"model"]))
        target = b"/v1/jobs?%b=%b" % (field, parameter)
    if place == "attach":
        method, target = b"POST", CHAT
        headers = (*headers, JSON, (b"idempotency-key", name))
        body = json.dumps({**FINE, "stream": draw(st.booleans())}).encode()
    return Request("odd cursors", method, target, headers, body, legal=_legal(headers))


@st.composite
def keys(draw: st.DrawFn) -> Request:
    """Ways to say who one is: none of these is the victim."""
    key = INTRUDERS_KEY.encode()
    value = draw(
        st.sampled_from(
            [
                *(b"Bearer", b"Bearer ", b"bearer " + key, b"Basic " + key, b"Bearer  " + key),
                *(key, b"Bearer " + key + b"\x00", b"Bearer " + key * 300, b"Bearer \xff"),
                *(b"Bearer victim", b"Bearer"),
            ]
        )
        | st.binary(max_size=40)
    )
    name = draw(st.sampled_from([b"authorization", b"x-api-key"]))
    headers: tuple[Header, ...] = ((name, value),)
    if draw(st.booleans()):
        headers = (*headers, *draw(callers))
    target = draw(st.sampled_from([b"/v1/jobs", b"/v1/models", b"/v1/jobs/" + scene_name(draw)]))
    return Request("keys", b"GET", target, headers, legal=_legal(headers))


def scene_name(draw: st.DrawFn) -> bytes:
    return draw(st.sampled_from([b"shop-completed", b"shop-running", b"own-failed"]))
