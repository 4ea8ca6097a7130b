"""A job's stream as tests begin, read and end it; Alice's, like all of theirs."""

import json

import aiohttp

from tests.contract.conftest import ALICE
from tests.contract.raw import RawResponse, fetch, without_pings
from tests.deployment import ask

KEY = {"authorization": f"Bearer {ALICE}"}
JSON = {**KEY, "content-type": "application/json"}
QUICK = "sim/tokens=12,interval=1ms"
# Twelve tokens, then silence: live for as long as the test wants it.
OPEN = "sim/tokens=20,interval=5ms,hangafter=12"
SAID = 14  # the last number of what an open stream says: its attempt, the role, the tokens
END = 15  # its terminal's


async def submit(api: aiohttp.ClientSession, model: str, prompt: str) -> str:
    """Create a job under the prompt as its id; the path of its events."""
    body = {"request_id": prompt, "request": ask(model, prompt)}
    async with api.post("/v1/jobs", json=body) as response:
        assert response.status == 202
    return f"/v1/jobs/{prompt}/events"


async def cancel(api: aiohttp.ClientSession, prompt: str) -> None:
    async with api.post(f"/v1/jobs/{prompt}/cancel") as response:
        assert response.status == 200


async def read(url: str, after: int | None = None) -> bytes:
    """A whole stream, or its rest after a cursor, without pings. It must end well."""
    cursor = {} if after is None else {"last-event-id": str(after)}
    response, body = await fetch("GET", url, headers={**KEY, **cursor})
    assert (response.status, response.clean) == (200, True)
    return without_pings(body)


async def post(
    url: str, request: dict[str, object], prompt: str, after: int | None = None
) -> tuple[RawResponse, bytes]:
    """A streaming chat call under this id, read to its end, without pings."""
    cursor = {} if after is None else {"last-event-id": str(after)}
    headers = {**JSON, "idempotency-key": prompt, **cursor}
    response, body = await fetch(
        "POST", f"{url}/v1/chat/completions", headers=headers, body=json.dumps(request).encode()
    )
    return response, without_pings(body)
