"""Answers that a caller makes long by a short request, and what is then asked of them."""

import random
from collections.abc import Iterator
from typing import Any

from tests.neighbours.attacks.calls import ACCOUNTS, DIALECTS, PROVIDERS, call, name
from tests.neighbours.attacks.strike import Ask, Body, Piece, Reading, Strike, Wait

_LONG = (20_000, 100_000, 300_000, 700_000)  # chunks


def streams(drawn: random.Random) -> Iterator[Strike]:
    """Long streams, as fast as they come, counted or not, read to the end or left."""
    while True:
        yield (call(drawn, _long(drawn), reading=_reading(drawn), seconds=60.0),)


def wholes(drawn: random.Random) -> Iterator[Strike]:
    """Long answers that are asked for whole, or come so."""
    while True:
        stream = drawn.random() < 0.4
        model = _long(drawn, *(["nostream"] if stream or drawn.random() < 0.5 else []))
        yield (call(drawn, model, stream=stream, reading=_reading(drawn), seconds=60.0),)


def large_chunks(drawn: random.Random) -> Iterator[Strike]:
    """Few chunks of many bytes, and many of some."""
    while True:
        size = drawn.choice((1_000, 10_000, 100_000, 1_000_000))
        count = min(20_000, 30_000_000 // size)
        batch = drawn.choice((1, 10, 1000))
        words = [f"tokens={count},interval=0,batch={batch},size={size}"]
        words += [f"tokens=3,bigchunk={size * 15}"]
        more = drawn.choice(("", ",escape", ",nousage", ",obfuscation=1", ",nostream"))
        model = f"{drawn.choice(PROVIDERS)}/{drawn.choice(words)}{more}"
        yield (call(drawn, model, reading=_reading(drawn), seconds=40.0),)


def tool_calls(drawn: random.Random) -> Iterator[Strike]:
    """Tool calls, many or with long arguments, and long thoughts."""
    while True:
        calls, each = drawn.choice(((1, 200_000), (20, 10_000), (128, 1_000)))
        thoughts = drawn.choice((0, 0, 100_000))
        words = f"tokens={each},parallel={calls},tools,interval=0,batch=1000,reasoning={thoughts}"
        model = f"{drawn.choice(PROVIDERS)}/{words}{drawn.choice(('', ',nousage'))}"
        stream = drawn.random() < 0.7
        yield (call(drawn, model, stream=stream, reading=_reading(drawn), seconds=40.0),)


def cancelled(drawn: random.Random) -> Iterator[Strike]:
    """Long answers that are cancelled or deleted while they run, or left under a grace."""
    while True:
        job, account = name(drawn), drawn.randrange(ACCOUNTS)
        model, after = _long(drawn), Wait(drawn.uniform(0.1, 3.0))
        manner = drawn.choice(("cancel", "delete", "leave", "deadline"))
        fields = {
            "leave": ((b"x-streamhold-on-disconnect", b"cancel"), (b"x-streamhold-grace", b"1")),
            "deadline": ((b"x-streamhold-deadline", b"%d" % drawn.randint(1, 3)),),
        }.get(manner, ())
        surface = drawn.choice(DIALECTS)
        begun = call(drawn, model, surface, job=job, account=account, fields=fields)
        begun = begun._replace(reading="leave", enough=drawn.choice((200, 20_000)))
        path = f"/v1/jobs/{job}".encode()
        ends = {
            "cancel": (Ask(b"POST", path + b"/cancel", account=account),),
            "delete": (Ask(b"DELETE", path, account=account),),
        }.get(manner, ())
        yield (begun, after, *ends)


def results(drawn: random.Random) -> Iterator[Strike]:
    """A long answer, then its results, replays and views, several times over."""
    while True:
        job, account = name(drawn), drawn.randrange(ACCOUNTS)
        surface = drawn.choice(DIALECTS)
        begun = call(drawn, _long(drawn), surface, job=job, account=account, seconds=40.0)
        path = f"/v1/jobs/{job}".encode()
        views = [path + b"/result", path + b"/events", path + b"/events?view=dialect", path]
        views += [path + b"/events?after=%d" % drawn.randrange(10_000)]
        if surface == "responses":
            views += [b"/v1/responses/{id}", b"/v1/responses/{id}?stream=true"]
        looks = [
            Ask(b"GET", drawn.choice(views), account=account, reading=_reading(drawn))
            for _ in range(drawn.randint(2, 6))
        ]
        yield (begun, *looks)


def continued(drawn: random.Random) -> Iterator[Strike]:
    """A response that goes on from a long one, and one that is sent back as a conversation."""
    while True:
        account = drawn.randrange(ACCOUNTS)
        model = f"sim-responses/tokens={drawn.choice(_LONG)},interval=0,batch=1000"
        first = call(drawn, model, "responses", account=account, stream=drawn.random() < 0.5)
        said = b'{"model":"%b","input":"more","previous_response_id":"{id}"}'
        body = Body((Piece(said % model.encode()),))
        yield (first, first._replace(body=body, reading=_reading(drawn)))


def _long(drawn: random.Random, *more: str) -> str:
    words: list[Any] = [f"tokens={drawn.choice(_LONG)}", "interval=0"]
    words += [f"batch={drawn.choice((1, 100, 1000, 1000))}", *more]
    if drawn.random() < 0.5:
        words.append("nousage")
    if drawn.random() < 0.2:
        words.append(drawn.choice(("escape", "obfuscation=1", "nofinish", "nodone", "comments=1")))
    if drawn.random() < 0.15:
        word = drawn.choice(("dropafter", "hangafter", "errorafter", "garbleafter", "eofafter"))
        words.append(f"{word}={drawn.choice((5_000, 19_000))}")
    return f"{drawn.choice(PROVIDERS)}/{','.join(words)}"


def _reading(drawn: random.Random) -> Reading:
    return drawn.choice(("all", "all", "leave"))
