"""Tickets: what was not signed for this is refused, and the job tells how long one is good."""

from itertools import product

import msgspec
import pytest
from hypothesis import given as holds
from hypothesis import strategies as st

from broker.api.tickets import (
    AFTER_END,
    LONGEST,
    Presented,
    Ring,
    Ticket,
    TicketScope,
    given,
    presented,
)
from broker.errors import BadTicket
from broker.model import Job, JobState

KEYS = (b"k" * 32, b"old" * 11)
ACCOUNTS = ("acme", "zeta")
RING = Ring(KEYS, ACCOUNTS)
TICKET = Ticket("acme", "r1", "events", issued_ms=2_000_000, created_ms=1_000_000)
TEXT = RING.sign(TICKET)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def read(
    text: str = TEXT, ring: Ring = RING, request_id: str = "r1", scope: TicketScope = "events"
) -> Ticket:
    return ring.read(Presented(text, request_id, scope))


def refused(*args: object, **more: object) -> bool:
    try:
        read(*args, **more)  # type: ignore[arg-type]
    except BadTicket:
        return True
    return False


times = st.integers(0, 2**48 - 1)
tickets = st.builds(
    Ticket, st.sampled_from(ACCOUNTS), st.just("r1"), st.just("events"), times, times
)


@holds(tickets)
def test_a_ticket_is_read_as_it_was_signed(ticket: Ticket) -> None:
    assert read(RING.sign(ticket)) == ticket


def test_no_character_may_be_another() -> None:
    for place, other in product(range(len(TEXT)), ALPHABET):
        text = TEXT[:place] + other + TEXT[place + 1 :]
        assert refused(text) is (text != TEXT)


@holds(tickets, st.text(ALPHABET + "=+/ \n%é\0", max_size=70), st.data())
def test_no_altered_ticket_verifies(ticket: Ticket, noise: str, data: st.DataObject) -> None:
    text = RING.sign(ticket)
    start, end = sorted(data.draw(st.integers(0, len(text))) for _ in range(2))
    altered = text[:start] + noise + text[end:]
    assert refused(altered) is (altered != text)


@holds(st.text(ALPHABET, min_size=64, max_size=64))
def test_no_invented_one(text: str) -> None:
    assert refused(text)


@holds(tickets, tickets)
def test_no_two_make_a_third(one: Ticket, other: Ticket) -> None:
    """Neither the account nor a time of one goes with the seal of another."""
    first, second = RING.sign(one), RING.sign(other)
    for cut in (8, 16, 24):
        mixed = first[:cut] + second[cut:]
        assert refused(mixed) is (mixed not in (first, second))


def test_nothing_is_told_of_what_was_wrong() -> None:
    for text in ("x", "A" * 64, TEXT[:-1] + "_"):
        with pytest.raises(BadTicket) as caught:
            read(text)
        assert (caught.value.detail, caught.value.param) == ("", None)


def test_it_is_for_one_surface_of_one_job() -> None:
    assert refused(request_id="r2")
    assert refused(scope="result")
    assert not refused()


def test_every_key_of_the_ring_is_good_and_the_first_signs() -> None:
    turned = Ring(KEYS[::-1], ACCOUNTS)
    assert turned.sign(TICKET) != TEXT
    assert read(TEXT, turned) == read(turned.sign(TICKET), RING) == TICKET
    assert refused(TEXT, Ring(KEYS[1:], ACCOUNTS))


def test_an_account_that_is_gone_takes_its_tickets_along() -> None:
    assert refused(TEXT, Ring(KEYS, ("zeta",)))
    assert refused(TEXT, Ring(KEYS, ()))


def test_it_names_nobody() -> None:
    assert RING.sign(TICKET)[:8] != RING.sign(msgspec.structs.replace(TICKET, account="zeta"))[:8]
    assert "acme" not in TEXT


# ── The time ─────────────────────────────────────────────────────────────────────────

MINUTE = 60_000


def job(state: JobState, ended: int | None = None, created: int = TICKET.created_ms) -> Job:
    return Job("k", "acme", "r1", "chat", "m", state, created_ms=created, ended_ms=ended)


def is_good(job: Job, now: int, ticket: Ticket = TICKET) -> bool:
    try:
        ticket.check(job, now)
    except BadTicket:
        return False
    return True


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING])
def test_it_is_good_while_the_job_lives(state: JobState) -> None:
    assert TICKET.ends_ms(job(state)) is None
    assert is_good(job(state), TICKET.issued_ms + LONGEST * 1000)
    assert not is_good(job(state), TICKET.issued_ms + LONGEST * 1000 + 1)


@pytest.mark.parametrize("state", [state for state in JobState if state.final])
def test_and_for_a_while_after(state: JobState) -> None:
    ended = TICKET.issued_ms + 90 * MINUTE
    over = ended + AFTER_END * 1000
    assert TICKET.ends_ms(job(state, ended)) == over
    assert is_good(job(state, ended), over)
    assert not is_good(job(state, ended), over + 1)


def test_of_an_ended_job_from_its_issue_on() -> None:
    before = job(JobState.COMPLETED, TICKET.issued_ms - 90 * MINUTE)
    assert TICKET.ends_ms(before) == TICKET.issued_ms + AFTER_END * 1000


def test_a_job_that_was_retried_lives() -> None:
    """Its end is of the past; the record keeps it until the next."""
    again = job(JobState.QUEUED, TICKET.issued_ms - 90 * MINUTE)
    assert is_good(again, TICKET.issued_ms + 90 * MINUTE)


def test_another_job_of_the_name_is_another() -> None:
    later = job(JobState.RUNNING, created=TICKET.created_ms + 1)
    assert not is_good(later, TICKET.issued_ms)


# ── The request ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"", []),
        (b"after=3", []),
        (b"ticket=a&after=3", ["a"]),
        (b"%74icket=a", ["a"]),
        (b"ticket=a&ticket=b", ["a", "b"]),
        (b"ticket", [""]),
        (b"ticket=\xff%ff", ["\xff\ufffd"]),
    ],
)
def test_the_tickets_in_a_query(query: bytes, found: list[str]) -> None:
    assert given(query) == found


def test_where_one_may_be_shown() -> None:
    shown = presented("HEAD", "/v1/jobs/a:b.c-1/result", b"ticket=x")
    assert shown == Presented("x", "a:b.c-1", "result")
    for method, path in (
        ("POST", "/v1/jobs/a/events"),
        ("GET", "/v1/jobs/a"),
        ("GET", "/v1/jobs/a/events/"),
        ("GET", "/v1/jobs/a/events\n"),
        ("GET", "/v1/jobs/a/b/events"),
        ("GET", "/v1/jobs/-a/events"),
        ("GET", "//v1/jobs/a/events"),
        ("GET", "/v1/jobs/a/tickets"),
    ):
        assert presented(method, path, b"ticket=x") is None
