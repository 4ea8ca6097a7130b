"""Names, numbers and header values that nobody would think of."""

import random
from collections.abc import Iterator
from typing import Any

from tests.neighbours.attacks.calls import (
    ACCOUNTS,
    DIALECTS,
    PATHS,
    PROVIDERS,
    SURFACES,
    call,
    name,
    request,
    small,
)
from tests.neighbours.attacks.strike import JSON, Ask, Body, Fields, Piece, Strike

_MODEL = "tokens=3,interval=0"
_WORDS = ("../", "..%2f", "..\\", "%00", "?", "#", "//", ":generateContent", "é", "🚀", " ", "\t")
_VALUES = (
    *(b"", b"\t", b"\xff\xfe", "🚀".encode(), b"a" * 9_000, b"a" * 70_000, b"9" * 5_000),
    *(b"cancel", b"-1", b"0", b"1e9", b"nan", b"inf", b"0.0001", b"batch, batch"),
)
_FIELDS = (
    *("temperature", "seed", "max_tokens", "max_completion_tokens", "n", "top_p", "metadata"),
    *("max_output_tokens", "stop", "stream", "thinking", "tools", "x"),
)
_OPTIONS = ("targets", "retries", "attempts", "deadline", "priority", "on-disconnect", "grace")


def long_names(drawn: random.Random) -> Iterator[Strike]:
    """Models with names of any length, in calls, counts, options and addresses."""
    while True:
        size = drawn.choice((300, 5_000, 100_000, 3_000_000, 20_000_000))
        dialect, unit = drawn.choice(DIALECTS), drawn.choice((b"m", "é".encode(), rb"\n"))
        provider = drawn.choice(("sim/", "sim-messages/", "sim-gemini/", ""))
        parts = (b'{"max_tokens":9,"model":"%b' % provider.encode(), b'","messages":[],"input":""}')
        said = b'"messages":[{"role":"user","content":"attack"}]'
        body = Body(
            (
                Piece(parts[0]),
                Piece(unit, size // len(unit)),
                Piece(parts[1].replace(b'"messages":[]', said)),
            )
        )
        path = drawn.choice((PATHS[dialect], b"/v1/messages/count_tokens"))
        yield (Ask(b"POST", path, JSON, body, drawn.randrange(ACCOUNTS)),)


def odd_names(drawn: random.Random) -> Iterator[Strike]:
    """Names that leave their place: models, request ids, jobs, responses, methods, addresses."""
    while True:
        odd = "".join(drawn.choices(_WORDS, k=drawn.randint(1, 6)))
        account = drawn.randrange(ACCOUNTS)
        kind = drawn.choice(("model", "id", "address", "target", "account", "method"))
        if kind == "model":
            model = f"{drawn.choice(PROVIDERS)}/{odd}{_MODEL}{odd}"
            yield (call(drawn, model, account=account),)
        elif kind == "id":
            yield (call(drawn, f"sim/{_MODEL}", job=odd.strip() or "-", account=account),)
        elif kind == "target":
            fields = ((b"x-streamhold-targets", f"sim/{odd},{odd}".encode()),)
            yield (call(drawn, f"sim/{_MODEL}", fields=fields, account=account),)
        else:
            place = drawn.choice((b"jobs/", b"responses/", b"models/", b"providers/", b""))
            target = b"/v1/" + place + odd.replace(" ", "+").replace("\t", "%09").encode()
            method = b"G\x01ET" if kind == "method" else drawn.choice((b"GET", b"DELETE", b"PUT"))
            yield (Ask(method, target, account=account),)


def many_names(drawn: random.Random) -> Iterator[Strike]:
    """Models and targets by the thousand that nobody has named before, sound and failing."""
    while True:
        new = f"{drawn.getrandbits(48):x}"
        provider = drawn.choice((*PROVIDERS, "steady", "steady-gemini"))
        fault = drawn.choice(("", ",status=500", ",status=404", ",drop"))
        model = f"{provider}/tokens=1,interval=0,id={new}{fault}"
        if drawn.random() < 0.2:
            model = f"{provider}/{new}={new}"
        yield (call(drawn, model, stream=drawn.random() < 0.5),)


def numbers(drawn: random.Random) -> Iterator[Strike]:
    """Numbers that are huge, long, deep or nothing, wherever one is taken."""
    while True:
        text = drawn.choice(
            (
                *("1e999", "-1e999", "1e-999", "-0", "1.0", "NaN", "Infinity", "true", "null"),
                *("9" * 19, "9" * 400, "9" * 4_000, "0." + "3" * 5_000, "1" + "0" * 4_300),
                *("[" * 900 + "]" * 900, '{"a":' * 967 + "1" + "}" * 967, '"5"', "-5", "0"),
            )
        )
        dialect = drawn.choice(DIALECTS)
        model = f"{drawn.choice(PROVIDERS)}/{_MODEL}"
        field = drawn.choice(_FIELDS)
        made = bytes(small(request(dialect, model, "attack")))
        body = made[:-1] + f',"{field}":{text}}}'.encode()
        path = PATHS[dialect]
        if drawn.random() < 0.3:
            extra = drawn.choice(("metadata", "options", "request_id"))
            body = b'{"dialect":"%b","request":%b,"%b":%b}' % (
                *(dialect.encode(), body if drawn.random() < 0.5 else made),
                *(extra.encode(), text.encode()),
            )
            path = PATHS["jobs"]
        yield (Ask(b"POST", path, JSON, Body((Piece(body),)), drawn.randrange(ACCOUNTS)),)
        query = drawn.choice(("jobs?limit=", "jobs?since=", "jobs?after=", "jobs/x/result?wait="))
        target = f"/v1/{query}{text[:3_000]}".replace('"', "%22").encode()
        yield (Ask(b"GET", target, account=drawn.randrange(ACCOUNTS)),)


def headers(drawn: random.Random) -> Iterator[Strike]:
    """Header values: none that latin-1 has, of any size and number, and such as break a line."""
    while True:
        value = drawn.choice(_VALUES)
        option = b"x-streamhold-" + drawn.choice(_OPTIONS).encode()
        names = (option, b"idempotency-key", b"last-event-id", b"anthropic-beta", b"accept", b"x")
        fields: Fields = ((drawn.choice(names), value),) * drawn.choice((1, 1, 2, 50, 500))
        yield (call(drawn, f"sim/{_MODEL}", fields=fields),)
        yield (beta(drawn, f"{drawn.choice(PROVIDERS)}/{_MODEL}"),)


def beta(drawn: random.Random, model: str, account: int | None = None) -> Ask:
    """A call whose body holds what becomes a header: of a kind that no header can be."""
    odd: Any = drawn.choice(
        (
            *("a\r\nx: y", "a\nb", "a\rb", "\x00", "é", "🚀", "a" * 100_000, "\ud83d", "\x7f"),
            *(5, 1.5, True, {}, [[]], ["a", 5], [None], ["a\r\nb"], ["x"] * 5_000, ""),
        )
    )
    told = request("messages", model, "attack", anthropic_beta=odd)
    if drawn.random() < 0.3:
        told["stream"] = True
    path, value = PATHS["messages"], told
    if drawn.random() < 0.3:
        path, value = PATHS["jobs"], {"dialect": "messages", "request": told}
    account = drawn.randrange(ACCOUNTS) if account is None else account
    return Ask(b"POST", path, JSON, small(value), account)


def odd_jobs(drawn: random.Random) -> Iterator[Strike]:
    """Options of every value with sound calls, and everything that a job can be asked."""
    while True:
        job, account = name(drawn), drawn.randrange(ACCOUNTS)
        surface = drawn.choice(SURFACES)
        option = f"x-streamhold-{drawn.choice(_OPTIONS)}".encode()
        value = drawn.choice((b"0", b"1", b"3", b"100000", b"0.001", b"batch", b"cancel", b"sim/x"))
        fields = ((option, value),)
        begun = call(drawn, f"sim/{_MODEL}", surface, job=job, account=account, fields=fields)
        path = f"/v1/jobs/{job}".encode()
        looks = [b"", b"/result", b"/result?wait=1", b"/events", b"/nothing", b"/events?after=-1"]
        yield (
            begun,
            *(Ask(b"GET", path + look, account=account) for look in drawn.sample(looks, 3)),
        )
