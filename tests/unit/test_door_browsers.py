"""The door to browsers: tickets in place of keys, pages that may read the answers."""

import msgspec
import pytest
from starlette.requests import Request

from broker.api.problems import on_defect
from broker.model import Job, JobState
from broker.settings import Secret, Server
from tests.unit.knock import KEY, KEYED, knock, shut

# ── Tickets ──────────────────────────────────────────────────────────────────────────

SIGNED = msgspec.structs.replace(KEYED, ticket_keys=(Secret("k" * 32),))
JOB = Job("key", "two", "r1", "chat", "m", JobState.RUNNING, created_ms=5)


@pytest.fixture
async def text() -> str:
    """A ticket of the second account's for the events of its job r1."""
    issued: tuple[object, str] = await shut(SIGNED).issue(JOB, "events")
    return issued[1]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_ticket_stands_in_for_a_key(text: str, method: str) -> None:
    found = await knock(SIGNED, f"/v1/jobs/r1/events?ticket={text}&after=3", method=method)
    assert (found.account, found.scope["ticket"].request_id) == ("two", "r1")
    assert found.headers["cache-control"] == "no-store"
    assert found.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/v1/jobs/r2/events", "invalid_ticket"),
        ("GET", "/v1/jobs/r1/result", "invalid_ticket"),
        ("GET", "/v1/jobs/r1/events/", "invalid_api_key"),
        ("GET", "/v1/jobs/r1", "invalid_api_key"),
        ("GET", "/v1/jobs", "invalid_api_key"),
        ("GET", "/v1/jobs/r1/events\n", "invalid_api_key"),
        ("POST", "/v1/jobs/r1/events", "invalid_api_key"),
        ("DELETE", "/v1/jobs/r1", "invalid_api_key"),
        ("POST", "/v1/jobs/r1/tickets", "invalid_api_key"),
        ("POST", "/v1/jobs/r1/cancel", "invalid_api_key"),
    ],
)
async def test_and_nowhere_else(text: str, method: str, path: str, code: str) -> None:
    found = await knock(SIGNED, f"{path}?ticket={text}", method=method)
    assert (found.status, found.problem["code"]) == (401, code)
    assert found.headers["referrer-policy"] == "no-referrer"
    assert text.encode() not in found.body


async def test_a_key_goes_before_a_ticket(text: str) -> None:
    path = f"/v1/jobs/r1/events?ticket={text}"
    assert (await knock(SIGNED, path, x_api_key=KEY)).account == "one"
    assert (await knock(SIGNED, path, x_api_key="wrong")).status == 401
    # What stands before us may want a password of its own.
    assert (await knock(SIGNED, path, authorization="Basic eDp5")).account == "two"


async def test_one_ticket_at_a_time(text: str) -> None:
    for query in (f"ticket={text}&ticket={text}", "ticket=", "ticket"):
        assert (await knock(SIGNED, f"/v1/jobs/r1/events?{query}")).status == 401


async def test_without_the_key_an_event_source_is_told_to_come_again() -> None:
    query = "ticket=" + "A" * 64
    found = await knock(KEYED, f"/v1/jobs/r1/events?{query}", last_event_id="7")
    assert (found.status, found.account) == (200, None)
    assert found.headers["content-type"].startswith("text/event-stream")
    assert b"\nid: 7\n" in found.body
    assert (await knock(KEYED, f"/v1/jobs/r1/result?{query}")).status == 503
    assert (await knock(KEYED, f"/v1/jobs/r1/events?{query}", last_event_id="x")).status == 503


# ── What browsers are told ───────────────────────────────────────────────────────────

LISTED = "https://app.example"
PAGES = msgspec.structs.replace(KEYED, server=Server(allowed_origins=(LISTED,)))
QUESTION = {"access_control_request_method": "POST", "access_control_request_headers": "x"}


async def test_a_listed_page_may_read_every_answer() -> None:
    fine = await knock(PAGES, origin=LISTED, x_api_key=KEY)
    refused = await knock(PAGES, origin=LISTED)
    host = await knock(PAGES, origin=LISTED, host="evil.example")
    assert (fine.status, refused.status, host.status) == (200, 401, 403)
    for found in (fine, refused, host):
        assert found.headers["access-control-allow-origin"] == LISTED
        assert found.headers["vary"] == "origin"
        assert "x-request-id" in found.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in found.headers


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://evil.example", None])
async def test_no_other_may(origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    for more in ({}, QUESTION):
        found = await knock(PAGES, method="OPTIONS", **headers, **more)
        assert found.status in (401, 403)
        assert "access-control-allow-origin" not in found.headers
        assert found.headers["vary"] == "origin"


async def test_a_question_needs_no_key() -> None:
    found = await knock(PAGES, method="OPTIONS", origin=LISTED, **QUESTION)
    assert (found.status, found.account, found.body) == (204, None, b"")
    assert found.headers["access-control-allow-methods"] == "GET, POST, DELETE"
    assert "x-streamhold-priority" in found.headers["access-control-allow-headers"]
    assert found.headers["access-control-allow-origin"] == LISTED
    assert (await knock(PAGES, method="OPTIONS", origin=LISTED)).status == 401


async def test_the_sdks_own_headers_are_allowed_too() -> None:
    """All that a page asks to send, if it is a name, beside what is always allowed."""
    asked = "authorization,X-Stainless-OS, anthropic-version,a b,,\r\nset-cookie: x," + "y" * 101
    headers = {**QUESTION, "access_control_request_headers": asked}
    found = await knock(PAGES, method="OPTIONS", origin=LISTED, **headers)
    names = found.headers["access-control-allow-headers"].split(", ")
    assert names.count("authorization") == 1
    assert names[:5] == [
        *("authorization", "content-type", "last-event-id", "idempotency-key", "x-api-key")
    ]
    assert names[-2:] == ["x-stainless-os", "anthropic-version"]
    assert "request-id" in found.headers["access-control-expose-headers"].split(", ")


async def test_any_origin() -> None:
    any_page = msgspec.structs.replace(KEYED, server=Server(allowed_origins=("*",)))
    for origin in ("https://evil.example", "null"):
        found = await knock(any_page, origin=origin, x_api_key=KEY)
        assert found.headers["access-control-allow-origin"] == "*"
        assert (await knock(any_page, origin=origin)).status == 401


async def test_a_defect_is_told_as_well() -> None:
    """It is answered outside of the door, which leaves there what it would say."""
    stamps = [(b"access-control-allow-origin", LISTED.encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "stamps": stamps}
    response = await on_defect(Request({**scope, "query_string": b""}), ValueError())
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == LISTED


async def test_without_origins_nothing_is_told() -> None:
    found = await knock(origin="http://localhost:3000")
    assert "vary" not in found.headers
    assert "access-control-allow-origin" not in found.headers
