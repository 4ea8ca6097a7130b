"""The door: who is let in, and what every answer is stamped with."""

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from broker.api.door import DEFAULT_ACCOUNT, Door, is_loopback
from broker.model import REQUEST_ID
from broker.settings import Settings
from tests.unit.knock import KEY, KEYED, NAMED, OPEN, OTHER, PUBLIC, knock, shut


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"]
)
def test_what_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "example.com", "10.0.0.1", "localhost.example.com", "0.0.0.0"]
)
def test_what_is_not(host: str) -> None:
    assert not is_loopback(host)


# ── Host and Origin ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "host", "enters"),
    [
        (OPEN, "localhost", True),
        (OPEN, "localhost:8080", True),
        (OPEN, "127.0.0.1:8080", True),
        (OPEN, "[::1]:8080", True),
        (OPEN, "evil.example", False),
        (OPEN, "evil.example:8080", False),
        (OPEN, "localhost.evil.example", False),
        (OPEN, "", False),
        (OPEN, "[::1", False),
        (OPEN, "[evil]:80", False),
        (OPEN, "\xff", False),
        (PUBLIC, "anything.example", True),
        (NAMED, "api.example", True),
        (NAMED, "API.example:443", True),
        (NAMED, "localhost", True),
        (NAMED, "other.example", False),
    ],
)
async def test_hosts(settings: Settings, host: str, enters: bool) -> None:
    found = await knock(settings, host=host)
    assert found.status == (200 if enters else 403)
    assert (found.account is not None) is enters


@pytest.mark.parametrize(
    ("settings", "origin", "enters"),
    [
        (OPEN, "http://localhost:3000", True),
        (OPEN, "http://127.0.0.1", True),
        (OPEN, "http://[::1]:3000", True),
        (OPEN, "https://evil.example", False),
        (OPEN, "https://localhost.evil.example", False),
        (OPEN, "null", False),
        (OPEN, "", False),
        (OPEN, "http://[", False),
        (NAMED, "https://app.example", True),
        (NAMED, "http://app.example", False),
        (NAMED, "https://app.example.evil.example", False),
        (PUBLIC, "https://evil.example", False),
    ],
)
async def test_origins(settings: Settings, origin: str, enters: bool) -> None:
    found = await knock(settings, origin=origin)
    assert found.status == (200 if enters else 403)


async def test_a_refusal_has_the_shape_of_its_surface() -> None:
    native = await knock(host="evil.example")
    assert native.headers["content-type"] == "application/problem+json"
    assert native.problem["code"] == "forbidden"
    chat = await knock(path="/v1/chat/completions", host="evil.example")
    assert chat.problem["error"]["code"] == "forbidden"


# ── Keys ─────────────────────────────────────────────────────────────────────────────


async def test_without_accounts_all_are_one() -> None:
    assert (await knock()).account == DEFAULT_ACCOUNT
    assert (await knock(authorization="Bearer whatever")).account == DEFAULT_ACCOUNT


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"authorization": f"Bearer {KEY}"}, "one"),
        ({"authorization": "Bearer sk-new"}, "one"),
        ({"authorization": f"bearer  {OTHER} "}, "two"),
        ({"x_api_key": OTHER}, "two"),
        ({"authorization": "Basic eDp5", "x_api_key": OTHER}, "two"),
        ({}, None),
        ({"authorization": "Bearer"}, None),
        ({"authorization": "Bearer "}, None),
        ({"authorization": KEY}, None),
        ({"authorization": f"Basic {KEY}"}, None),
        ({"authorization": f"Bearer {KEY}x"}, None),
        ({"authorization": "Bearer wrong", "x_api_key": OTHER}, "two"),
        ({"authorization": f"Bearer {OTHER}", "x_api_key": "wrong"}, "two"),
        ({"authorization": f"Bearer {OTHER}", "x_api_key": KEY}, "two"),
        ({"authorization": "Bearer wrong", "x_api_key": "wrong"}, None),
        ({"x_api_key": ""}, None),
    ],
)
async def test_keys(headers: dict[str, str], expected: str | None) -> None:
    found = await knock(KEYED, **headers)
    assert found.account == expected
    if expected is None:
        assert (found.status, found.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
async def test_some_paths_need_no_key(path: str) -> None:
    assert (await knock(KEYED, path)).account == ""
    assert (await knock(KEYED, path, authorization=f"Bearer {KEY}")).account == "one"
    assert (await knock(KEYED, path, host="evil.example")).status == 403


async def test_others_do() -> None:
    assert (await knock(KEYED, "/healthz/")).status == 401
    assert (await knock(KEYED, "/v1/models")).status == 401


# ── What may be there once ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "x-api-key",
        "Idempotency-Key",
        "Last-Event-ID",
        "Content-Type",
        "Content-Length",
        "Content-Encoding",
        "Transfer-Encoding",
        "Host",
        "Origin",
    ],
)
@pytest.mark.parametrize("second", ["localhost", "other"])
async def test_two_of_one_header_are_refused(name: str, second: str) -> None:
    """Also where they say the same; the answer takes neither of them for true."""
    twice = [(name.lower(), "localhost"), (name.lower(), second)]
    headers = {"authorization": f"Bearer {KEY}"} if name != "Authorization" else {}
    found = await knock(KEYED, more=twice, host=None if name == "Host" else "localhost", **headers)
    assert (found.status, found.account) == (400, None)
    assert (found.problem["code"], found.problem["param"]) == ("invalid_request", name)
    assert found.headers["x-request-id"].startswith("req_")


async def test_others_may_be_there_several_times() -> None:
    more = [("accept", "a"), ("accept", "b"), ("cookie", "a"), ("cookie", "a")]
    found = await knock(KEYED, more=more, authorization=f"Bearer {KEY}")
    assert found.account == "one"


async def test_a_body_framed_in_two_ways_ends_its_connection() -> None:
    found = await knock(OPEN, transfer_encoding="chunked", content_length="2")
    assert (found.status, found.problem["param"]) == (400, "Transfer-Encoding")
    assert found.headers["connection"] == "close"


# ── Whole URLs as targets ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        ("http://localhost/v1/jobs", "/v1/jobs", "localhost"),
        ("HTTP://localhost:8080/v1/a%2Fb", "/v1/a/b", "localhost:8080"),
        ("https://[::1]:80/v1/jobs", "/v1/jobs", "[::1]:80"),
        ("http://localhost", "/", "localhost"),
    ],
)
async def test_a_target_is_served_as_its_path(target: str, path: str, host: str) -> None:
    found = await knock(KEYED, target, host="evil.example", authorization=f"Bearer {KEY}")
    assert found.account == "one"
    assert found.scope["path"] == path
    assert found.scope["raw_path"].decode() == (target.partition(host)[2] or "/")
    assert [value for name, value in found.scope["headers"] if name == b"host"] == [host.encode()]


async def test_the_host_in_a_target_is_the_one_that_counts() -> None:
    found = await knock(OPEN, "http://evil.example/v1/jobs", host="localhost")
    assert found.status == 403


async def test_a_target_s_surface_has_its_errors() -> None:
    found = await knock(KEYED, "http://localhost/v1/chat/completions")
    assert (found.status, found.problem["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "target",
    ["http://", "http:///v1/jobs", "http://me@localhost/", "ftp://localhost/", "http://a/#b"],
)
async def test_other_urls_are_malformed(target: str) -> None:
    assert (await knock(OPEN, target)).status == 400


@pytest.mark.parametrize("target", ["*", "localhost:80", "v1/jobs"])
async def test_other_targets_are_paths_that_are_not_there(target: str) -> None:
    found = await knock(OPEN, target)
    assert found.scope["path"] == target  # the router knows none of them


# ── The request id ───────────────────────────────────────────────────────────────────


async def test_every_answer_has_a_request_id() -> None:
    for found in (await knock(), await knock(host="evil.example"), await knock(KEYED)):
        assert REQUEST_ID.match(found.headers["x-request-id"])


async def test_an_endpoint_s_own_stays() -> None:
    assert (await knock(path="/given")).headers["x-request-id"] == "given"


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ("/v1/jobs/r1/events", "", "r1"),
        ("/v1/jobs/r1", "r2", "r1"),
        ("/v1/chat/completions", "r2", "r2"),
    ],
)
async def test_the_one_that_the_call_names_is_its(path: str, key: str, expected: str) -> None:
    for settings in (OPEN, KEYED):
        found = await knock(settings, path, idempotency_key=key)
        assert found.headers["x-request-id"] == expected


@pytest.mark.parametrize(
    ("path", "key", "proxys", "expected"),
    [
        ("/v1/chat/completions", "", "p1", "p1"),
        ("/v1/chat/completions", "r1", "p1", "r1"),
        ("/v1/jobs/r1", "", "p1", "r1"),
    ],
)
async def test_a_proxy_names_a_call_that_has_no_name(
    path: str, key: str, proxys: str, expected: str
) -> None:
    more = {"idempotency_key": key} if key else {}
    found = await knock(OPEN, path, x_streamhold_request_id=proxys, **more)
    assert found.headers["x-request-id"] == expected


async def test_what_a_proxy_sends_that_is_no_request_id_is_passed_over() -> None:
    found = await knock(path="/v1/chat/completions", x_streamhold_request_id="-not one")
    assert found.status == 200
    assert found.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("path", ["/v1/jobs/", "/v1/jobs/-x", "/v1/jobs/" + "x" * 200])
async def test_what_is_none_is_not_given_back(path: str) -> None:
    found = await knock(path=path, idempotency_key="bad key\r\nx: y")
    assert found.headers["x-request-id"].startswith("req_")


async def test_what_is_no_request_passes() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*message: Any) -> Any: ...

    await Door(app, KEYED, shut(KEYED))({"type": "lifespan"}, nothing, nothing)
    assert seen == ["lifespan"]
