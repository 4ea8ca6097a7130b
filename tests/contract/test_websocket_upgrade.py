"""A WebSocket upgrade where there is none: a status on which clients go on over HTTP at once."""

import json

import pytest

from tests.contract.conftest import ALICE
from tests.contract.raw import fetch
from tests.deployment import Deployment

UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/models", "/v1/nothing", "/", "/v1/realtime?model=x"]
)
async def test_a_path_without_one(deployment: Deployment, path: str) -> None:
    headers = {**UPGRADE, "authorization": f"Bearer {ALICE}"}
    answer, body = await fetch("GET", deployment.urls[0] + path, headers=headers)
    assert (answer.status, answer.headers["upgrade"]) == (426, "HTTP/1.1")
    assert "WebSocket" in body.decode()
    assert answer.headers["x-request-id"]


async def test_its_error_has_the_sdks_shape(deployment: Deployment) -> None:
    headers = {**UPGRADE, "authorization": f"Bearer {ALICE}"}
    url = f"{deployment.urls[0]}/v1/chat/completions"
    answer, body = await fetch("GET", url, headers=headers)
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(body)["error"]["code"] == "websocket_not_supported"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"upgrade": "", "connection": "close", "sec-websocket-key": ""}, 426),
        ({"upgrade": "other"}, 426),
        ({"sec-websocket-version": "8"}, 426),
        ({"sec-websocket-key": "bm90IHNpeHRlZW4="}, 400),
        ({"sec-websocket-key": "?"}, 400),
    ],
)
async def test_where_there_is_one_and_it_is_not_asked_for(
    deployment: Deployment, change: dict[str, str], status: int
) -> None:
    """A proxy may have left the upgrade out: then too the client goes on over HTTP at once."""
    headers = {**UPGRADE, "authorization": f"Bearer {ALICE}", **change}
    headers = {name: value for name, value in headers.items() if value}
    answer, body = await fetch("GET", f"{deployment.urls[0]}/v1/responses", headers=headers)
    assert (answer.status, "error" in json.loads(body)) == (status, True)


async def test_without_a_key_it_says_that_first(deployment: Deployment) -> None:
    answer, _ = await fetch("GET", f"{deployment.urls[0]}/v1/models", headers=UPGRADE)
    assert answer.status == 401
