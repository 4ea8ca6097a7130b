"""Very many small calls: of what is stored, listed, counted, signed or changed."""

import random
from collections.abc import Iterator

from tests.neighbours.attacks.calls import (
    ACCOUNTS,
    PATHS,
    PROVIDERS,
    call,
    name,
    request,
    small,
)
from tests.neighbours.attacks.strike import JSON, Ask, Body, Fields, Piece, Strike
from tests.neighbours.attacks.values import beta
from tests.neighbours.course import ROUTES

CROWD = 2  # the account without a limit on its open jobs
_ROW = 40  # calls that fail in one way; a breaker opens after ten
_BATCH: Fields = ((b"x-streamhold-priority", b"batch"),)


def count_tokens(drawn: random.Random) -> Iterator[Strike]:
    """Counts that are slow, hang or fail, from one account, and large ones."""
    while True:
        model = drawn.choice(("hang", "ttft=5s,status=500", "tokens=1", "status=429", "drop"))
        told = request("messages", f"sim-messages/{model}", "attack")
        body = small(told)
        if drawn.random() < 0.1:
            said = b'{"model":"sim-messages/tokens=1","messages":[{"role":"user","content":"'
            body = Body((Piece(said), Piece(b"word ", 1_000_000), Piece(b'"}]}')))
        path = b"/v1/messages/count_tokens"
        yield (Ask(b"POST", path, JSON, body, drawn.randrange(ACCOUNTS), seconds=20.0),)


def metadata(drawn: random.Random) -> Iterator[Strike]:
    """Jobs with much metadata, and listings of them."""
    while True:
        account = drawn.randrange(ACCOUNTS)
        size = drawn.choice((10_000, 1_000_000, 8_000_000, 30_000_000))
        shape = drawn.choice(((b'"', b"x", b'"'), (b"[", b"{},", b"{}]"), (b"[", b"1,", b"1]")))
        opening, unit, closing = shape
        front = b'{"request":%b,"metadata":' % bytes(
            small(request("chat", "sim/tokens=1,interval=0", "attack"))
        )
        pieces = (Piece(front + opening), Piece(unit, size // len(unit)), Piece(closing + b"}"))
        yield (Ask(b"POST", PATHS["jobs"], JSON, Body(pieces), account),)
        for _ in range(2):
            yield (Ask(b"GET", b"/v1/jobs?limit=100", account=account, reading="all"),)


def queue(drawn: random.Random) -> Iterator[Strike]:
    """Far more long batch jobs than the workers have room for."""
    while True:
        model = f"{drawn.choice(PROVIDERS)}/tokens=10,interval=1s"
        told = {
            "request": request("chat", model, "attack"),
            "options": {"priority": "batch"},
        }
        yield (Ask(b"POST", PATHS["jobs"], JSON, small(told), CROWD, reading="all"),)


def slots(drawn: random.Random) -> Iterator[Strike]:
    """Interactive calls that do nothing for long, as many as the account may have."""
    while True:
        model = f"{drawn.choice(PROVIDERS)}/{drawn.choice(('hang', 'tokens=10,interval=1s'))}"
        fields = ((b"x-streamhold-deadline", b"10"),)
        account = drawn.randrange(2)
        yield (call(drawn, model, "jobs", account=account, fields=fields),)


def listings(drawn: random.Random) -> Iterator[Strike]:
    """Listings by every filter, of an account that has very many jobs."""
    while True:
        account = drawn.choice((0, 1, CROWD, CROWD))
        query = drawn.choice(
            ("limit=100", "limit=1000", "state=failed", "model=none", "since=1", "until=1", "")
        )
        yield (Ask(b"GET", f"/v1/jobs?{query}".encode(), account=account),)
        if drawn.random() < 0.3:
            yield (call(drawn, "sim/tokens=1,interval=0", "jobs", account=CROWD, fields=_BATCH),)


def tickets(drawn: random.Random) -> Iterator[Strike]:
    """Tickets of one job by the hundred, and forged ones."""
    while True:
        job, account = name(drawn), drawn.randrange(ACCOUNTS)
        yield (call(drawn, "sim/tokens=2,interval=0", "chat", job=job, account=account),)
        path = f"/v1/jobs/{job}".encode()
        for _ in range(50):
            yield (Ask(b"POST", path + b"/tickets", account=account),)
            forged = f"{drawn.getrandbits(400):x}".encode() * drawn.choice((1, 1, 50))
            yield (Ask(b"GET", path + b"/events?ticket=" + forged, account=-1),)


def changes(drawn: random.Random) -> Iterator[Strike]:
    """Jobs that are cancelled, retried, deleted and made again, all at once."""
    while True:
        job, account = name(drawn), drawn.randrange(ACCOUNTS)
        model = drawn.choice(("status=500", "tokens=50,interval=50ms", "hang", "tokens=1,drop"))
        begun = call(
            drawn, f"{drawn.choice(PROVIDERS)}/{model}", "chat", job=job, account=account
        )._replace(reading="leave", enough=100, seconds=3.0)
        path = f"/v1/jobs/{job}".encode()
        ends = [
            Ask(b"POST", path + b"/cancel", account=account),
            Ask(b"POST", path + b"/retry", account=account),
            Ask(b"DELETE", path, account=account),
            Ask(b"POST", path + b"/cancel", account=(account + 1) % ACCOUNTS),
        ]
        yield (begun, *drawn.sample(ends, drawn.randint(1, 4)))


def pages(drawn: random.Random) -> Iterator[Strike]:
    """What anyone may look at, and what is dear to make."""
    while True:
        names = (
            "metrics",
            "openapi.json",
            "readyz",
            "v1/models",
            "v1/providers",
            "v1/models/sim/x",
        )
        target = f"/{drawn.choice(names)}".encode()
        account = drawn.choice((-1, 0, 1))
        yield (Ask(b"GET", target, account=account, reading=drawn.choice(("all", "none"))),)


def breakers(drawn: random.Random) -> Iterator[Strike]:
    """Calls of the innocent's own routes that fail by their caller's fault, a row of each."""
    while True:
        kind = drawn.choice(("header", "header", "header", "deadline", "leave", "refused"))
        routes = [route for route in ROUTES if kind != "header" or "messages" in route]
        route, account = drawn.choice(routes), drawn.randrange(ACCOUNTS)
        for _ in range(_ROW):
            yield (_failing(drawn, kind, route, account),)


def _failing(drawn: random.Random, kind: str, route: str, account: int) -> Ask:
    if kind == "header":
        return beta(drawn, route, account)
    fields: Fields = {
        "deadline": ((b"x-streamhold-deadline", b"1"),),
        "leave": ((b"x-streamhold-on-disconnect", b"cancel"), (b"x-streamhold-grace", b"1")),
    }.get(kind, ())
    asked = call(drawn, route, "chat", account=account, fields=fields)
    if kind == "refused":  # the provider finds no number of choices of this size
        told = request("chat", route, "attack", n=drawn.choice((0, 500, -1)))
        asked = asked._replace(body=small(told))
    return asked._replace(reading="leave", enough=300, seconds=4.0)
