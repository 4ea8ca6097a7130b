"""Who and what is not let in: keys, hosts, origins, paths, methods, content types."""

import pytest

from tests.contract.bad import FINE_JOB, JOBS, JSON, KEY, Bad, check
from tests.contract.conftest import ALICE
from tests.contract.raw import fetch
from tests.deployment import Deployment

pytestmark = pytest.mark.usefixtures("nothing_created")

REFUSED = {
    "content type: none": Bad(415, "unsupported_media_type", headers=KEY),
    "content type: a form's": Bad(
        415, "unsupported_media_type", headers={**KEY, "content-type": "text/plain"}
    ),
    "content type: job": Bad(
        415,
        "unsupported_media_type",
        path=JOBS,
        headers={**KEY, "content-type": "application/x-www-form-urlencoded"},
        body=FINE_JOB,
    ),
    "key: none": Bad(401, "invalid_api_key", headers={"content-type": "application/json"}),
    "key: wrong": Bad(
        401,
        "invalid_api_key",
        headers={"content-type": "application/json", "authorization": "Bearer sk-wrong"},
    ),
    "key: wrong scheme": Bad(
        401,
        "invalid_api_key",
        headers={"content-type": "application/json", "authorization": f"Basic {ALICE}"},
    ),
    "key: wrong x-api-key": Bad(
        401,
        "invalid_api_key",
        path=JOBS,
        headers={"content-type": "application/json", "x-api-key": f"{ALICE}x"},
        body=FINE_JOB,
    ),
    "key: models": Bad(401, "invalid_api_key", "GET", "/v1/models", {}, None),
    "key: events": Bad(401, "invalid_api_key", "GET", f"{JOBS}/a/events", {}, None),
    "key: unknown path": Bad(401, "invalid_api_key", "GET", "/nowhere", {}, None),
    "path: unknown": Bad(404, "unknown_path", "GET", "/nowhere", KEY, None),
    "path: of the chat surface": Bad(404, "unknown_path", path="/v1/chat/completion"),
    "path: below a job": Bad(404, "unknown_path", "GET", f"{JOBS}/a/b", KEY, None),
    "path: a slash more": Bad(404, "unknown_path", path=f"{JOBS}/"),
    "method: chat": Bad(405, "method_not_allowed", "GET", headers=KEY, body=None),
    "method: jobs": Bad(405, "method_not_allowed", "PUT", JOBS),
    "method: job": Bad(405, "method_not_allowed", "POST", f"{JOBS}/a"),
    "host: unknown": Bad(403, "forbidden", headers={**JSON, "host": "evil.example"}),
    "host: like ours": Bad(403, "forbidden", headers={**JSON, "host": "127.0.0.1.evil.example"}),
    "host: unreadable": Bad(403, "forbidden", headers={**JSON, "host": "["}),
    "host: job": Bad(
        403, "forbidden", path=JOBS, headers={**JSON, "host": "evil.example:80"}, body=FINE_JOB
    ),
    "host: an open path": Bad(403, "forbidden", "GET", "/healthz", {"host": "evil.example"}, None),
    "origin: foreign": Bad(403, "forbidden", headers={**JSON, "origin": "https://evil.example"}),
    "origin: null": Bad(403, "forbidden", headers={**JSON, "origin": "null"}),
    "origin: unreadable": Bad(403, "forbidden", headers={**JSON, "origin": "http://["}),
    "origin: job": Bad(
        403,
        "forbidden",
        path=JOBS,
        headers={**JSON, "origin": "https://evil.example"},
        body=FINE_JOB,
    ),
    "origin: reading": Bad(
        403, "forbidden", "GET", JOBS, {**KEY, "origin": "https://evil.example"}, None
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_refused(deployment: Deployment, what: str) -> None:
    bad = REFUSED[what]
    url = deployment.urls[0] + bad.path
    response, body = await fetch(bad.method, url, headers=bad.headers, body=bad.body)
    check(bad, response, body)
    if bad.status == 405:
        assert bad.method not in response.headers["allow"].split(", ")
    if bad.status == 401:
        assert response.headers["www-authenticate"] == "Bearer"
        assert ALICE.encode() not in body
    if bad.status in (400, 415):
        assert response.headers["x-should-retry"] == "false"


async def test_a_405_names_all_that_the_path_takes(deployment: Deployment) -> None:
    response, _ = await fetch("PUT", deployment.urls[0] + JOBS, headers=KEY)
    assert response.headers["allow"] == "GET, HEAD, POST"
