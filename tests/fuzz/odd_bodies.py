"""Bodies that no schema can describe: broken, deep, huge, cut, in chunks, in no encoding."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.described import callers
from tests.fuzz.request import Request
from tests.fuzz.scene import MAX_BODY, MODELS, PROMPT_MARK

CHAT, JOBS = b"/v1/chat/completions", b"/v1/jobs"
JSON = (b"content-type", b"application/json")
FINE = {"model": "plain", "messages": [{"role": "user", "content": PROMPT_MARK}]}

# What JSON's readers disagree about, or count in ways of their own. Each is a JSON text, or
# nearly one.
_TOKENS = [
    *(b"null", b"true", b"0", b"-0", b"1e5", b"[]", b"{}", b'""', b'"x"', b"-1", b"1.0"),
    *(b"1e999", b"-1e999", b"1e-999", b"NaN", b"Infinity", b"0x10", b"01", b"1.", b"+1"),
    *(b"9" * 19, b"18446744073709551616", b"-9223372036854775809", b"9" * 400, b"9" * 5000),
    *(b"1" + b"0" * 308, b"0." + b"1" * 2000, b"1e" + b"9" * 400),
    *(b'"\\ud800"', b'"\\udfff"', b'"\\ud83d\\ude00"', b'"\\ude00\\ud83d"', b'"\\u0000"'),
    *(b'"\xed\xa0\x80"', b'"\xff"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b'"\x00"', b'"\n"'),
    *(b'"\\x41"', b'"\\u12"', b"'x'", b'"unended', b"[1,]", b'{"a":1,}', b'{"a"}', b"{a:1}"),
    *(b"[" * n + b"]" * n for n in (10, 400, 900, 1000, 1100, 5000, 40_000)),
    *(b'{"a":' * n + b"1" + b"}" * n for n in (10, 400, 900, 1000, 1100, 5000, 20_000)),
    *(b"[" * 30_000, b'{"a":' * 30_000, b'"' + b"a" * 100_000 + b'"', b'{"a":1,"a":2}'),
    *(b"\xef\xbb\xbf{}", b"/* c */ {}", b"// c\n{}", b"tru", b"", b" ", b"\x00"),
]
_FIELDS = (
    b"model messages n stream stream_options temperature metadata user tools seed request "
    b"request_id dialect priority deadline retries targets on_disconnect __proto__ constructor"
).split()
_OPTIONS = b"targets retries attempts deadline priority on_disconnect grace nothing".split()
_KINDS = [
    *[b"application/json"] * 12,
    *(b"application/json; charset=utf-16", b"APPLICATION/JSON ;x=y", b"application/json;"),
    *(b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x"),
    *(b"", b"application/json, text/plain", b"application/problem+json", b"a" * 3000, b"/"),
    *(b"application/jsonx", b"application/json\xff", b"application/ json", b"text/json"),
]

tokens = st.sampled_from(_TOKENS) | st.binary(max_size=60)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@st.composite
def _objects(draw: st.DrawFn) -> bytes:
    """A fine request with some fields put in, or put in the place of others, as raw text."""
    fields = {name: json.dumps(value).encode() for name, value in FINE.items()}
    fields[b"model".decode()] = json.dumps(draw(st.sampled_from(MODELS))).encode()
    rows = [(name.encode(), value) for name, value in fields.items()]
    for _ in range(draw(st.integers(1, 3))):
        name, value = draw(st.sampled_from(_FIELDS)), draw(tokens)
        if draw(st.booleans()):
            rows = [row for row in rows if row[0] != name]
        rows.append((name, value))
    return b"{" + b",".join(b'"%b":%b' % row for row in rows) + b"}"


@st.composite
def _wrong_values(draw: st.DrawFn) -> bytes:
    """A fine request with sound JSON of any kind in some of its fields."""
    value: dict[str, Any] = {**FINE, "model": draw(st.sampled_from(MODELS))}
    for name in draw(st.lists(st.sampled_from(_FIELDS), min_size=1, max_size=3)):
        value[name.decode()] = draw(json_values)
    return json.dumps(value).encode()


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A fine body with a piece taken out, doubled or replaced."""
    body = json.dumps({**FINE, "stream": draw(st.booleans())}).encode()
    place = draw(st.integers(0, len(body) - 1))
    length = draw(st.integers(0, 12))
    return body[:place] + draw(tokens) + body[place + length :]


_texts = st.one_of(_objects(), _wrong_values(), _damaged(), tokens, st.binary(max_size=200))


@st.composite
def odd_bodies(draw: st.DrawFn) -> Request:
    """A POST whose body is odd."""
    target = draw(st.sampled_from([CHAT, CHAT, JOBS]))
    body = draw(_texts)
    if target == JOBS and draw(st.integers(0, 4)):
        others = draw(
            st.sampled_from(
                [b"", b',"dialect":"chat"', b',"metadata":{"a":"\\u0000"}', b',"request_id":null']
            )
            | tokens.map(lambda token: b',"metadata":' + token)
            | tokens.map(lambda token: b',"request_id":' + token)
            | tokens.map(lambda token: b',"options":' + token)
            | st.sampled_from(_OPTIONS).flatmap(
                lambda name: tokens.map(lambda token: b',"options":{"%b":%b}' % (name, token))
            )
        )
        body = b'{"request":' + body + others + b"}"
    if not draw(st.integers(0, 40)):
        body += b" " * (MAX_BODY - len(body) + draw(st.integers(-1, 1)))
    kind = draw(st.sampled_from(_KINDS))
    encodings: list[tuple[tuple[bytes, bytes], ...]] = [
        (),
        (),
        (),
        ((b"content-encoding", b"gzip"),),
    ]
    return Request(
        "odd bodies",
        b"POST",
        target,
        ((b"content-type", kind), *draw(st.sampled_from(encodings)), *draw(callers)),
        body,
        chunks=draw(st.sampled_from([(), (), (), (1, 7), (1000,), (65536, 1)])) if body else (),
        legal=kind.isascii(),
    )


@st.composite
def cut_bodies(draw: st.DrawFn) -> Request:
    """A sound request whose connection ends within its head or its body, or right after it."""
    target = draw(st.sampled_from([CHAT, JOBS]))
    name = f"cut-{draw(st.integers(0, 999))}"
    fine: dict[str, Any] = {**FINE, "stream": draw(st.booleans())}
    fine["model"] = draw(st.sampled_from(MODELS))
    body = json.dumps(fine if target == CHAT else {"request": fine, "request_id": name}).encode()
    whole = Request(
        "cut connections",
        b"POST",
        target,
        (JSON, (b"idempotency-key", name.encode()), *draw(callers)),
        body,
        chunks=draw(st.sampled_from([(), (), (5,), (40,)])),
    )
    size = len(whole.render("127.0.0.1:80800"))
    cut = draw(st.integers(0, size) | st.integers(size - len(body), size))
    return Request(
        whole.generator,
        whole.method,
        whole.target,
        whole.headers,
        whole.body,
        chunks=whole.chunks,
        cut=cut,
        abrupt=draw(st.booleans()),
    )
