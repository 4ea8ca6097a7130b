"""What a browser is told of a page that calls from elsewhere (CORS): over the wire."""

import aiohttp
import pytest

from tests.contract.conftest import ALICE, ORIGIN
from tests.contract.raw import RawResponse, fetch
from tests.contract.streams import QUICK, submit
from tests.deployment import Deployment

LISTED = {"origin": ORIGIN}
KEY = {"x-api-key": ALICE}
NOBODY = ("https://app.localhost:3000", "http://app.localhost", "http://localhost:3000")


def told(response: RawResponse) -> str | None:
    """The origin that may read, and no more than it ever is."""
    assert "access-control-allow-credentials" not in response.headers
    assert response.headers["vary"] == "origin"
    return response.headers.get("access-control-allow-origin")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/jobs", KEY, 200),
        ("GET", "/healthz", {}, 200),
        ("GET", "/v1/jobs", {}, 401),
        ("GET", "/v1/jobs", {**KEY, "host": "evil.example"}, 403),
        ("GET", "/nowhere", KEY, 404),
        ("PUT", "/v1/jobs", KEY, 405),
        ("POST", "/v1/chat/completions", KEY, 415),
        ("GET", "/v1/jobs/a/events?ticket=x", {}, 401),
    ],
)
async def test_a_listed_page_reads_every_answer(
    deployment: Deployment, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    response, _ = await fetch(method, deployment.urls[0] + path, headers={**headers, **LISTED})
    assert (response.status, told(response)) == (status, ORIGIN)
    exposed = "x-request-id, request-id, location, retry-after, x-should-retry, x-streamhold-lost"
    assert response.headers["access-control-expose-headers"] == exposed
    response, _ = await fetch(method, deployment.urls[0] + path, headers=headers)
    assert (response.status, told(response)) == (status, None)


async def test_and_streams(deployment: Deployment, api: aiohttp.ClientSession, prompt: str) -> None:
    url = deployment.urls[1] + await submit(api, QUICK, prompt)
    response, _ = await fetch("GET", url, headers={**KEY, **LISTED})
    assert (response.status, told(response)) == (200, ORIGIN)
    response, _ = await fetch("GET", url, headers={**KEY, **LISTED, "last-event-id": "17"})
    assert (response.status, told(response)) == (204, ORIGIN)


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/chat/completions", "/v1/jobs/a", "/nowhere"])
async def test_a_question_is_answered_without_a_key(deployment: Deployment, path: str) -> None:
    asked = {"access-control-request-method": "POST"}
    url = deployment.urls[0] + path
    response, body = await fetch("OPTIONS", url, headers={**LISTED, **asked})
    assert (response.status, body, told(response)) == (204, b"", ORIGIN)
    assert response.headers["access-control-allow-methods"] == "GET, POST, DELETE"
    allowed = response.headers["access-control-allow-headers"].split(", ")
    for name in (
        *("authorization", "content-type", "last-event-id", "idempotency-key", "x-api-key"),
        *("x-streamhold-targets", "x-streamhold-on-disconnect", "x-streamhold-grace"),
    ):
        assert name in allowed
    for origin in NOBODY:
        response, _ = await fetch("OPTIONS", url, headers={"origin": origin, **asked})
        assert response.status in (401, 403)
        assert told(response) is None
