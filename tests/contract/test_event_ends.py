"""Where a stream ends, is silent, or is not there: terminals, keep-alives, statuses."""

import asyncio
import json

import aiohttp
import pytest

from tests.contract.conftest import ALICE, HEADER_HOLD
from tests.contract.raw import call, data_of, events_of, fetch, without_pings
from tests.contract.streams import JSON, KEY, OPEN, QUICK, cancel, post, read, submit
from tests.deployment import Deployment, ask


async def test_the_cursor_of_the_terminal_is_the_end(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    url = deployment.urls[1] + await submit(api, QUICK, prompt)
    await read(url)
    response, body = await fetch("GET", url, headers={**KEY, "last-event-id": "17"})
    assert (response.status, body) == (204, b"")
    assert response.headers["x-request-id"] == prompt
    response, body = await fetch("GET", f"{url}?after=17", headers=KEY)
    assert (response.status, body) == (204, b"")


@pytest.mark.parametrize("cursor", ["18", "999999", "-1", "1.5", "x", "9" * 40])
async def test_a_cursor_that_is_none(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str, cursor: str
) -> None:
    url = deployment.urls[0] + await submit(api, QUICK, prompt)
    await read(url)
    for address, more in ((url, {"last-event-id": cursor}), (f"{url}?after={cursor}", {})):
        response, body = await fetch("GET", address, headers={**KEY, **more})
        assert response.status == 400
        assert response.headers["content-type"] == "application/problem+json"
        assert json.loads(body)["code"] == "invalid_cursor"


async def test_unknown_and_deleted_jobs(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    path = f"/v1/jobs/{prompt}/events"
    response, body = await fetch("GET", deployment.urls[0] + path, headers=KEY)
    assert (response.status, json.loads(body)["code"]) == (404, "job_not_found")
    await submit(api, QUICK, prompt)
    await read(deployment.urls[0] + path)
    async with api.delete(f"/v1/jobs/{prompt}") as deleted:
        assert deleted.status == 204
    for url in deployment.urls:
        response, body = await fetch("GET", url + path, headers=KEY)
        assert (response.status, json.loads(body)["code"]) == (410, "job_gone")


async def test_head_does_not_stream(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    url = deployment.urls[0] + await submit(api, OPEN, prompt)
    # A second request on the same connection: its answer comes right after the first one's
    # head, though the job's stream is open.
    second = b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %b\r\n\r\n"
    headers = {**KEY, "connection": "keep-alive"}
    async with call("HEAD", url, headers=headers, sent=second % ALICE.encode()) as response:
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        await response.head()
        assert response.status == 404
    await cancel(api, prompt)


# ── Silence and failure ────────────────────────────────────────────────────────────────


async def test_a_keep_alive_is_one_line(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    path = await submit(api, OPEN, prompt)
    async with call("GET", deployment.urls[0] + path, headers=KEY) as response:
        body = await response.until(b": ping\n: ping\n: ping\n")
        await cancel(api, prompt)
        body = await response.rest()
    assert b": ping\n\n" not in body
    said, _, end = body.partition(b": ping\n: ping\n: ping\n")
    assert said.endswith(b"\n\n")
    assert without_pings(end).startswith(b"id: 15\nevent: end\n")
    assert without_pings(body) == await read(deployment.urls[1] + path)


async def test_a_connection_is_used_again_after_a_long_stream(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    """The same one twice, though the server had let go of it while the stream was silent."""
    first, second = await submit(api, OPEN, prompt), await submit(api, OPEN, f"{prompt}-2")
    again = f"GET {second} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ALICE}\r\n\r\n"
    headers = {**KEY, "connection": "keep-alive"}
    async with call("GET", deployment.urls[0] + first, headers=headers) as response:
        await response.until(b": ping\n: ping\n")
        await cancel(api, prompt)
        assert b"event: end\n" in await response.rest()
        for path, ends in ((again, f"{prompt}-2"), (again.replace(second, "/nowhere"), None)):
            await response.send(path.encode())
            await response.head()
            if ends is None:
                assert response.status == 404
                continue
            await response.until(b": ping\n: ping\n")
            await cancel(api, ends)
            assert b"event: end\n" in await response.rest()


async def test_headers_are_held_for_so_long_and_no_longer(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    body = json.dumps(ask("sim/hang", prompt, stream=True)).encode()
    headers = {**JSON, "idempotency-key": prompt}
    loop = asyncio.get_running_loop()
    begun = loop.time()
    url = f"{deployment.urls[0]}/v1/chat/completions"
    async with call("POST", url, headers=headers, body=body) as response:
        assert loop.time() - begun >= HEADER_HOLD
        assert response.status == 200
        assert await response.until(b": ping\n") == b": ping\n"
        await cancel(api, prompt)
        rest = without_pings(await response.rest())
    assert rest.startswith(b"id: 2\nevent: error\ndata: ")
    assert data_of(rest)["error"]["type"] == "cancelled"


async def test_a_silent_job_is_pinged(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    path = await submit(api, "sim/hang", prompt)
    async with call("GET", deployment.urls[0] + path, headers=KEY) as response:
        assert (await response.event()).startswith(b"id: 1\nevent: attempt\n")
        await response.until(b": ping\n")
        await cancel(api, prompt)
        events = events_of(await response.rest())
    assert data_of(events[-1])["state"] == "cancelled"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("dropafter", "provider_cut"),
        ("eofafter", "provider_cut"),
        ("errorafter", "provider_stream_error"),
        ("garbleafter", "provider_garbled"),
    ],
)
async def test_a_failure_in_mid_stream_ends_in_a_typed_terminal(
    deployment: Deployment, prompt: str, fault: str, kind: str
) -> None:
    request = ask(f"sim/tokens=12,interval=1ms,{fault}=5", prompt, stream=True)
    response, body = await post(deployment.urls[0], request, prompt)
    assert (response.status, response.clean) == (200, True)
    chat = events_of(body)
    assert chat[-1].startswith(b"id: 8\nevent: error\ndata: ")
    assert data_of(chat[-1])["error"]["type"] == kind
    assert b"[DONE]" not in body
    native = events_of(await read(f"{deployment.urls[1]}/v1/jobs/{prompt}/events"))
    assert native[-1].startswith(b"id: 8\nevent: end\ndata: ")
    assert native[1:-1] == chat[:-1]
    end = data_of(native[-1])
    assert (end["state"], end["error"]["type"], end["last"]) == ("failed", kind, 8)
