"""Jobs as a caller handles them: submit, look, act, wait. Each says what status it expects."""

from typing import Any

import aiohttp

from tests.deployment import ask

QUICK = "sim/tokens=12,interval=1ms"
OPEN = "sim/tokens=20,interval=5ms,hangafter=12"
DELIVERED = 14  # the cursor when an open job has said all it will

Sessions = list[aiohttp.ClientSession]


async def get(api: aiohttp.ClientSession, path: str, status: int = 200) -> Any:
    async with api.get(path) as response:
        assert response.status == status, await response.text()
        return await response.json(content_type=None)


async def act(api: aiohttp.ClientSession, path: str, status: int, body: Any = None) -> Any:
    async with api.post(path, json=body) as response:
        assert response.status == status, await response.text()
        return await response.json(content_type=None)


async def submit(
    api: aiohttp.ClientSession, model: str, prompt: str, status: int = 202, **more: Any
) -> Any:
    body = {"request_id": prompt, "request": ask(model, prompt), **more}
    return await act(api, "/v1/jobs", status, body)


async def said(api: aiohttp.ClientSession, prompt: str) -> None:
    """Wait until an open job has said all that it will: read so far, then leave."""
    async with api.get(f"/v1/jobs/{prompt}/events") as response:
        async for line in response.content:
            if line == b"id: %d\n" % DELIVERED:
                return
    raise AssertionError("the stream ended")


async def ended(api: aiohttp.ClientSession, prompt: str) -> Any:
    """The job, once it is final."""
    async with api.get(f"/v1/jobs/{prompt}/events") as response:
        await response.read()
    return await get(api, f"/v1/jobs/{prompt}")
