"""Response streams to the byte: cursors of both kinds, the same bytes from everywhere."""

import json

import aiohttp

from tests.contract.conftest import ALICE
from tests.contract.raw import RawResponse, data_of, events_of, fetch, ids_of, without_pings
from tests.deployment import Deployment

KEY = {"authorization": f"Bearer {ALICE}"}
JSON = {**KEY, "content-type": "application/json"}
QUICK = "voice/tokens=12,interval=1ms,obfuscation"


async def post(
    url: str, prompt: str, model: str = QUICK, after: int | None = None
) -> tuple[RawResponse, bytes]:
    """A streaming call under the prompt as its id, read to its end, without pings."""
    cursor = {} if after is None else {"last-event-id": str(after)}
    body = json.dumps({"model": model, "input": prompt, "stream": True}).encode()
    response, told = await fetch(
        "POST",
        f"{url}/v1/responses",
        headers={**JSON, "idempotency-key": prompt, **cursor},
        body=body,
    )
    return response, without_pings(told)


async def get(url: str, query: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    response, told = await fetch(
        "GET", f"{url}/v1/responses/{query}", headers={**KEY, **(headers or {})}
    )
    assert response.clean
    return response.status, without_pings(told)


async def test_every_cursor_gets_the_same_bytes(deployment: Deployment, prompt: str) -> None:
    first, second = deployment.urls
    response, told = await post(first, prompt)
    assert (response.status, response.clean) == (200, True)
    events = events_of(told)
    ids = ids_of(events)
    name = data_of(events[0])["response"]["id"]
    assert [data_of(event)["sequence_number"] for event in events] == ids
    for place, number in enumerate(ids[:-1], 1):
        rest = b"".join(events[place:])
        assert await get(second, f"{name}?stream=true&starting_after={number}") == (200, rest)
        assert (await post(second, prompt, after=number))[1] == rest
    header = {"last-event-id": str(ids[3])}
    assert await get(second, f"{name}?stream=true", header) == (200, b"".join(events[4:]))
    assert await get(second, f"{name}?stream=true") == (200, told)
    # Nothing comes after the answer's own end.
    assert await get(first, f"{name}?stream=true&starting_after={ids[-1]}") == (204, b"")
    assert (await post(first, prompt, after=ids[-1]))[0].status == 204
    status, _ = await get(first, f"{name}?stream=true&starting_after={ids[-1] + 2}")
    assert status == 400


async def test_an_event_has_its_name_and_its_type(deployment: Deployment, prompt: str) -> None:
    _, told = await post(deployment.urls[0], prompt)
    for event in events_of(told):
        (name,) = (line[7:] for line in event.split(b"\n") if line.startswith(b"event: "))
        assert data_of(event)["type"] == name.decode()


async def test_the_native_view_has_the_same_events(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    _, told = await post(deployment.urls[0], prompt)
    response, native = await fetch(
        "GET", f"{deployment.urls[1]}/v1/jobs/{prompt}/events", headers=KEY
    )
    assert response.status == 200
    begun, *events, end = events_of(without_pings(native))
    assert b"event: attempt\n" in begun
    assert events == events_of(told)
    assert data_of(end)["state"] == "completed"
    async with api.get(f"/v1/jobs/{prompt}/result") as answered:
        answer = await answered.json()
    assert answer == data_of(events[-1])["response"]


async def test_a_stream_that_fails_ends_in_an_error_and_the_response_failed(
    deployment: Deployment, prompt: str
) -> None:
    model = "voice/tokens=12,interval=1ms,dropafter=4"
    response, told = await post(deployment.urls[0], prompt, model)
    assert (response.status, response.clean) == (200, True)
    error, last = map(data_of, events_of(told)[-2:])
    assert (error["type"], last["type"]) == ("error", "response.failed")
    assert last["response"]["error"]["message"] == error["message"]
    assert error["code"] == error["error"]["code"]
    assert error["message"] == error["error"]["message"]
    assert error["error"]["type"] == "provider_cut"
    assert (await post(deployment.urls[1], prompt, model))[1] == told


async def test_a_job_submitted_natively_is_a_response_too(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    body = {
        "request_id": prompt,
        "dialect": "responses",
        "request": {"model": QUICK, "input": prompt},
    }
    async with api.post("/v1/jobs", json=body) as response:
        assert response.status == 202
    async with api.get(f"/v1/jobs/{prompt}/result?wait=20") as response:
        answer = await response.json()
    status, told = await get(deployment.urls[1], answer["id"])
    assert (status, json.loads(told)) == (200, answer)
