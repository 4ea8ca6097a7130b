"""A client that closes its side of a connection that is kept: the server closes it as well."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contract.conftest import ALICE
from tests.contract.raw import call
from tests.deployment import Deployment

KEPT = {"connection": "keep-alive"}
CALLS: Mapping[str, tuple[str, str, Any]] = {
    "an answer": ("GET", "/healthz", None),
    "a short stream": ("POST", "/v1/chat/completions", ("sim/tokens=3,interval=0", True)),
    "a stream that took the connection": (
        "POST",
        "/v1/chat/completions",
        ("sim/tokens=30,interval=20ms", True),
    ),
    "a whole answer": ("POST", "/v1/chat/completions", ("sim/tokens=3,interval=0", False)),
}


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("what", CALLS)
async def test_leaving_ends_a_connection(
    deployment: Deployment, prompt: str, what: str, early: bool
) -> None:
    """Well before it would have been idle for too long. ``ended`` waits for no more than that."""
    method, path, asked = CALLS[what]
    headers, body = {**KEPT, "authorization": f"Bearer {ALICE}"}, None
    if asked is not None:
        model, stream = asked
        messages = [{"role": "user", "content": prompt}]
        body = json.dumps({"model": model, "stream": stream, "messages": messages}).encode()
        headers["content-type"] = "application/json"
    url = deployment.urls[0] + path
    async with call(method, url, headers=headers, body=body) as response:
        assert response.status == 200
        if not early:
            await response.rest()
        response.leave()
        if early:
            await response.rest()
        assert await response.ended()


async def test_who_leaves_at_once_is_answered_all_the_same(deployment: Deployment) -> None:
    """And to all that was asked before."""
    url = f"{deployment.urls[0]}/healthz"
    again = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
    async with call("GET", url, headers=KEPT, sent=again, eof=True) as response:
        assert (response.status, await response.rest()) == (200, b'{"status":"ok"}')
        await response.head()
        assert (response.status, await response.rest()) == (200, b'{"status":"ok"}')
        assert await response.ended()
