"""Readers that stop reading: what they don't take must not pile up for them."""

import random
from collections.abc import Iterator

from tests.neighbours.attacks.calls import (
    ACCOUNTS,
    DIALECTS,
    PATHS,
    PROVIDERS,
    call,
    name,
    request,
    small,
)
from tests.neighbours.attacks.strike import JSON, Ask, Reading, Strike, Wait

_HOLD = 20.0  # seconds that a reader takes nothing
_AT_ONCE = 100
_LISTED = 150  # jobs


def stalls(drawn: random.Random) -> Iterator[Strike]:
    """A hundred readers of one long stream, and of its result, none of which takes it."""
    while True:
        job, account = name(drawn), drawn.randrange(ACCOUNTS)
        tokens = drawn.choice((50_000, 150_000))
        model = f"{drawn.choice(PROVIDERS)}/tokens={tokens},interval=0,batch=1000"
        begun = call(drawn, model, drawn.choice(DIALECTS), job=job, account=account)
        yield (begun._replace(reading="leave", enough=1_000_000),)
        path = f"/v1/jobs/{job}".encode()
        shares = [(b"/events", 8), (b"/events?view=dialect", 4), (b"/result?wait=10", 3)]
        for view in drawn.choices(*zip(*shares, strict=True), k=_AT_ONCE):
            enough = drawn.choice((1, 1_000, 100_000))
            asked = Ask(b"GET", path + view, account=account, reading="stall", enough=enough)
            yield (Wait(1.0), asked._replace(seconds=_HOLD))


def whole_answers(drawn: random.Random) -> Iterator[Strike]:
    """Whole answers and streams of one's own that are asked for and not taken."""
    while True:
        tokens = drawn.choice((10_000, 50_000))
        more = drawn.choice(("", ",nostream", ",size=100"))
        model = f"{drawn.choice(PROVIDERS)}/tokens={tokens},interval=0,batch=1000{more}"
        stream = drawn.random() < 0.5
        asked = call(drawn, model, drawn.choice(DIALECTS), stream=stream, seconds=_HOLD)
        yield (asked._replace(reading="stall", enough=drawn.choice((1, 5_000))),)


def listings(drawn: random.Random) -> Iterator[Strike]:
    """Listings of jobs with much to list, not taken; the jobs are made first."""
    for _ in range(_LISTED):
        told = {"request": request("chat", "sim/tokens=1,interval=0", "attack")}
        told["metadata"] = {"x": "y" * drawn.choice((1_000, 50_000))}
        yield (Ask(b"POST", PATHS["jobs"], JSON, small(told), drawn.randrange(ACCOUNTS)),)
    while True:
        account = drawn.randrange(ACCOUNTS)
        limit = drawn.choice((b"", b"?limit=100", b"?limit=1000"))
        asked = Ask(b"GET", b"/v1/jobs" + limit, account=account, reading="stall", enough=1)
        yield (asked._replace(seconds=_HOLD),)


def again_and_again(drawn: random.Random) -> Iterator[Strike]:
    """Readers of one stream that come and go at once, at any cursor."""
    while True:
        job, account = name(drawn), drawn.randrange(ACCOUNTS)
        model = f"sim/tokens={drawn.choice((2_000, 100_000))},interval=0,batch=100"
        begun = call(drawn, model, "chat", job=job, account=account)
        yield (begun._replace(reading="leave", enough=20_000),)
        for _ in range(200):
            cursor = b"%d" % drawn.choice((0, 1, drawn.randrange(2_000), drawn.randrange(10**6)))
            fields = ((b"last-event-id", cursor),)
            target = f"/v1/jobs/{job}/events".encode()
            how: Reading = drawn.choice(("none", "leave", "leave"))
            asked = Ask(b"GET", target, fields, account=account, reading=how, enough=500)
            yield (Wait(0.5), asked)
