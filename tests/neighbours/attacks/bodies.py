"""Large bodies by shape, over all pairs of dialects, sent in every manner."""

import random
from collections.abc import Callable, Iterator

from tests.neighbours.attacks.calls import ACCOUNTS, DIALECTS, LIMIT, PATHS, PROVIDERS
from tests.neighbours.attacks.strike import JSON, Ask, Body, Piece, Reading, Sending, Strike

_SMALLEST = 200_000  # bytes
_ODD = 1.0 / 8  # how often a body is just over the limit
_MODEL = "tokens=5,interval=0"

_EXTREME = (b"-1e300", b"5e-324", b"1.7976931348623157e308", b"1e23")  # slow to read exactly

Fill = Callable[[random.Random, str, int], tuple[bytes, tuple[Piece, ...]]]
# Gives the field that the bulk stands in (empty: in the conversation), and the bulk.


def strikes(fill: Fill) -> Callable[[random.Random], Iterator[Strike]]:
    """Bodies of this shape, for ever."""

    def draw(drawn: random.Random) -> Iterator[Strike]:
        while True:
            yield (_ask(drawn, fill, _size(drawn), _sending(drawn)),)

    return draw


def unfinished(drawn: random.Random) -> Iterator[Strike]:
    """Bodies that are cut, come in small pieces, or never end."""
    while True:
        fill = drawn.choice(list(SHAPES.values()))
        sending: Sending = drawn.choice(("cut", "unfinished", "slow"))
        yield (_ask(drawn, fill, _size(drawn), sending),)


def packed(drawn: random.Random) -> Iterator[Strike]:
    """Bodies that say that they are packed: what they unpack to is not theirs to choose."""
    while True:
        ask = _ask(drawn, drawn.choice(list(SHAPES.values())), _size(drawn) // 8, "whole")
        word = drawn.choice((b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip", b"identity"))
        yield (ask._replace(fields=(*ask.fields, (b"content-encoding", word))),)


def _size(drawn: random.Random) -> int:
    """Most are small or as large as they may be; some a little larger."""
    if drawn.random() < _ODD:
        return LIMIT + drawn.randrange(1, 100_000)
    if drawn.random() < 0.5:
        return LIMIT - drawn.randrange(1_000, 2_000_000)
    return int(_SMALLEST * (LIMIT / _SMALLEST) ** drawn.random()) - 1_000


def _sending(drawn: random.Random) -> Sending:
    return drawn.choice(("whole", "whole", "whole", "chunked"))


def _ask(drawn: random.Random, fill: Fill, size: int, sending: Sending) -> Ask:
    dialect = drawn.choice(DIALECTS)
    native = drawn.random() < 0.25
    stream = not native and drawn.random() < 0.5
    model = f"{drawn.choice(PROVIDERS)}/{_MODEL}"
    front, back = _frame(dialect, model, stream=stream)
    field, bulk = fill(drawn, dialect, size - 300)
    if field:  # beside the conversation
        pieces = (Piece(front), Piece(b'"%b":' % field), *bulk, Piece(b"," + back))
    else:
        opening, bracket, closing = back.partition(b"[")
        pieces = (Piece(front + opening + bracket), *bulk, Piece(closing))
    if native:
        opening = b'{"dialect":"%b","request":' % dialect.encode()
        pieces = (Piece(opening), *pieces, Piece(b"}"))
    path = PATHS["jobs" if native else dialect]
    reading: Reading = drawn.choice(("all", "all", "leave"))
    account = drawn.randrange(ACCOUNTS)
    return Ask(b"POST", path, JSON, Body(pieces), account, sending, reading)


def _frame(dialect: str, model: str, *, stream: bool) -> tuple[bytes, bytes]:
    """What a body begins with, and how it ends; the last message is a small one."""
    more = b'"max_tokens":50,' if dialect == "messages" else b""
    front = b'{"model":"%b","stream":%b,%b' % (model.encode(), _said(stream), more)
    field = b"input" if dialect == "responses" else b"messages"
    return front, b'"%b":[{"role":"user","content":"attack"}]}' % field


def _said(value: bool) -> bytes:
    return b"true" if value else b"false"


def _fitted(unit: bytes, size: int, *, numbered: bool = False) -> Piece:
    each = len(unit % 0) if numbered else len(unit)
    return Piece(unit, max(1, size // each), numbered)


def _bulk(drawn: random.Random, dialect: str, unit: bytes, size: int) -> tuple[Piece, ...]:
    return (_fitted(unit, size),)


def small_messages(
    drawn: random.Random, dialect: str, size: int
) -> tuple[bytes, tuple[Piece, ...]]:
    """As many messages as fit."""
    word = drawn.choice((b"x", b"", b"a few words more"))
    unit = b'{"role":"user","content":"%b"},' % word
    if drawn.random() < 0.5:
        unit += b'{"role":"assistant","content":"y"},'
    return b"", _bulk(drawn, dialect, unit, size)


def parts(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """One message of as many parts as fit."""
    kind = b"input_text" if dialect == "responses" else b"text"
    part = b'{"type":"%b","text":"a"}' % kind
    bulk = (_fitted(part + b",", size),)
    return b"", (Piece(b'{"role":"user","content":['), *bulk, Piece(part + b"]},"))


def objects(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """The smallest values there are, each an object in memory."""
    unit = drawn.choice((b"{}", b"[]", b'{"":[]}', b"[[],{}]", b'""'))
    if drawn.random() < 0.3:
        return b"", _bulk(drawn, dialect, unit + b",", size)  # in place of messages
    field = drawn.choice((b"x", b"metadata", b"tools", b"stop", b"stream_options"))
    return field, (Piece(b"["), _fitted(unit + b",", size), Piece(unit + b"]"))


def deep(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """One value in another in another."""
    field = drawn.choice((b"x", b"metadata", b"tools", b"response_format", b"user"))
    depth = drawn.choice((150, 900, 1_000, 5_000, 100_000, size // 8))
    if drawn.random() < 0.5:
        return field, (Piece(b"[", depth), Piece(b"]", depth))
    return field, (Piece(b'{"a":', depth), Piece(b"1"), Piece(b"}", depth))


def keys(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """An object of as many keys as fit, each new, or always the same."""
    field = drawn.choice((b"x", b"metadata", b"logit_bias"))
    same = drawn.random() < 0.2
    unit = b'"k":0,' if same else b'"%08d":0,'
    return field, (Piece(b"{"), _fitted(unit, size, numbered=not same), Piece(b'"k":0}'))


def strings(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """A huge text, of letters or of what must be escaped; or many long ones."""
    unit = drawn.choice(
        (b"x", rb"\n", rb"\u0000", rb"\ud83d\ude00", "é".encode(), "🚀".encode(), rb"\ud83d", b"a ")
    )
    count = drawn.choice((1, 1, 10, 300))
    message = (
        Piece(b'{"role":"user","content":"'),
        _fitted(unit, size // count - 30),
        Piece(b'"},'),
    )
    return b"", message * count


def numbers(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """As many numbers as fit, or one of as many digits."""
    field = drawn.choice((b"x", b"seed", b"temperature", b"metadata", b"max_completion_tokens"))
    if drawn.random() < 0.4:
        digits = drawn.choice((400, 4_000, 100_000, size))
        return field, (Piece(drawn.choice((b"9", b"0.00001"))), Piece(b"7", digits))
    unit = drawn.choice((*_EXTREME, b"1", b"0.1", b"123456789012345678901234567890", b"true"))
    return field, (Piece(b"["), _fitted(unit + b",", size), Piece(unit + b"]"))


def pictures(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """Pictures in base64, one large or many small."""
    count = drawn.choice((1, 4, 200, 5_000))
    data = max(4, (size // count - 250) // 4 * 4)
    address = b'"data:image/png;base64,'
    before, after = {
        "chat": (b'{"type":"image_url","image_url":{"url":' + address, b'"}}'),
        "messages": (
            b'{"type":"image","source":{"type":"base64","media_type":"image/png","data":"',
            b'"}}',
        ),
        "responses": (b'{"type":"input_image","image_url":' + address, b'"}'),
    }[dialect]
    opening, closing = Piece(b'{"role":"user","content":[' + before), Piece(after + b"]},")
    if count <= 4:
        return b"", (opening, Piece(b"QUJD", data // 4), closing) * count
    unit = opening.text + b"QUJD" * (data // 4) + closing.text
    return b"", (Piece(unit, count),)


def tools(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """As many tools as fit."""
    unit = {
        "chat": b'{"type":"function","function":{"name":"t%08d","parameters":{"type":"object"}}}',
        "messages": b'{"name":"t%08d","input_schema":{"type":"object"}}',
        "responses": b'{"type":"function","name":"t%08d","parameters":{"type":"object"}}',
    }[dialect]
    return b"tools", (
        Piece(b"["),
        _fitted(unit + b",", size, numbered=True),
        Piece(unit % 99999999 + b"]"),
    )


def arguments(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """Calls of tools that were made before: one with much in it, or very many, each answered."""
    unit = drawn.choice((b"{},", b"0,", b"[],", rb"\"\","))
    opening, answered = {
        "chat": (
            b'{"role":"assistant","tool_calls":[{"id":"c","type":"function",'
            b'"function":{"name":"f","arguments":"{\\"a\\":[',
            b'0]}"}}]},{"role":"tool","tool_call_id":"c","content":"x"},',
        ),
        "messages": (
            b'{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{"a":[',
            b'0]}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c"}]},',
        ),
        "responses": (
            b'{"type":"function_call","call_id":"c","name":"f","arguments":"{\\"a\\":[',
            b'0]}"},{"type":"function_call_output","call_id":"c","output":"x"},',
        ),
    }[dialect]
    if dialect == "messages":
        unit = unit.replace(b"\\", b"")
    said = Piece(b'{"role":"user","content":"attack"},')
    if drawn.random() < 0.5:
        return b"", (said, Piece(opening), _fitted(unit, size - 400), Piece(answered))
    return b"", (said, _fitted(opening + unit + answered, size - 400))


def schema(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """A tool, or an answer's form, whose schema is large."""
    flat = b'"p%08d":{"type":"string"},'
    inside = (
        Piece(b'{"type":"object","properties":{'),
        _fitted(flat, size - 400, numbered=True),
        Piece(b'"q":{}}}'),
    )
    before, after = {
        "chat": (b'[{"type":"function","function":{"name":"t","parameters":', b"}}]"),
        "messages": (b'[{"name":"t","input_schema":', b"}]"),
        "responses": (b'[{"type":"function","name":"t","parameters":', b"}]"),
    }[dialect]
    if dialect == "chat" and drawn.random() < 0.5:
        before = b'{"type":"json_schema","json_schema":{"name":"n","schema":'
        return b"response_format", (Piece(before), *inside, Piece(b"}}"))
    return b"tools", (Piece(before), *inside, Piece(after))


def blank(drawn: random.Random, dialect: str, size: int) -> tuple[bytes, tuple[Piece, ...]]:
    """White space, which means nothing."""
    unit = drawn.choice((b" ", b"\n", b" \t\r\n"))
    return b"user", (_fitted(unit, size), Piece(b'"me"'))


SHAPES: dict[str, Fill] = {
    "small-messages": small_messages,
    "parts": parts,
    "objects": objects,
    "deep": deep,
    "keys": keys,
    "strings": strings,
    "numbers": numbers,
    "pictures": pictures,
    "tools": tools,
    "arguments": arguments,
    "schema": schema,
    "blank": blank,
}
