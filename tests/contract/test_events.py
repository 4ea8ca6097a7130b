"""Streams to the byte: ids, line ends, and going on from any cursor, live and afterwards.

Every resume here goes through the other API process than the one that was read before.
"""

import asyncio
import json

import aiohttp
import pytest

from tests.contract.raw import call, data_of, events_of, fetch, ids_of, without_pings
from tests.contract.streams import END, JSON, KEY, OPEN, QUICK, SAID, cancel, post, read, submit
from tests.deployment import Deployment, ask


async def test_a_stream_read_whole(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    path = await submit(api, QUICK, prompt)
    response, body = await fetch("GET", deployment.urls[0] + path, headers=KEY)
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["x-request-id"] == prompt
    assert response.clean
    assert b"\r" not in body
    body = without_pings(body)
    assert body.endswith(b"\n\n")
    events = events_of(body)
    assert b"".join(events) == body
    # The attempt, the role, twelve tokens, the finish, the usage, the end.
    assert ids_of(events) == list(range(1, 18))
    assert [e for e in events if b"event: " in e] == [events[0], events[-1]]
    assert events[0].startswith(b"id: 1\nevent: attempt\ndata: ")
    assert events[-1].startswith(b"id: 17\nevent: end\ndata: ")
    end = data_of(events[-1])
    assert (end["request_id"], end["state"], end["last"]) == (prompt, "completed", 17)
    assert end["usage"]["completion_tokens"] == 12
    assert end["error"] is None


async def test_cut_at_every_event_and_gone_on_with_after_the_end(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    path = await submit(api, QUICK, prompt)
    whole = await read(deployment.urls[0] + path)
    events = events_of(whole)
    for cut in range(len(events)):
        async with call("GET", deployment.urls[cut % 2] + path, headers=KEY) as response:
            begun = b"".join([await response.event() for _ in range(cut)])
        other = deployment.urls[1 - cut % 2] + path
        assert begun + await read(other, after=cut) == whole
        assert begun + await read(f"{other}?after={cut}") == whole


async def test_cut_at_every_event_and_gone_on_with_live(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    path = await submit(api, OPEN, prompt)
    caught_up = [asyncio.Event() for _ in range(2 * SAID)]

    async def reader(number: int) -> bytes:
        """Cut after some events, resume elsewhere; tell when all that was said is here."""
        cut, by_query = number % SAID + 1, number >= SAID
        first, second = deployment.urls[cut % 2] + path, deployment.urls[1 - cut % 2] + path
        async with call("GET", first, headers=KEY) as response:
            seen = b"".join([await response.event() for _ in range(cut)])
        headers = KEY if by_query else {**KEY, "last-event-id": str(cut)}
        url = f"{second}?after={cut}" if by_query else second
        async with call("GET", url, headers=headers) as response:
            seen += b"".join([await response.event() for _ in range(SAID - cut)])
            caught_up[number].set()
            seen += without_pings(await response.rest())
            assert response.clean
        return seen

    readers = [asyncio.create_task(reader(number)) for number in range(2 * SAID)]
    await asyncio.gather(*(each.wait() for each in caught_up))
    await cancel(api, prompt)  # until here the stream was live to all of them
    whole = await read(deployment.urls[0] + path)
    assert ids_of(events_of(whole)) == list(range(1, END + 1))
    assert all(seen == whole for seen in await asyncio.gather(*readers))
    assert deployment.sim_calls(prompt) == 1


@pytest.mark.parametrize("usage", [True, False])
async def test_the_chat_view_goes_on_after_every_event(
    deployment: Deployment, prompt: str, usage: bool
) -> None:
    request = ask(QUICK, prompt, stream=True, stream_options={"include_usage": usage})
    response, whole = await post(deployment.urls[0], request, prompt)
    assert (response.status, response.clean) == (200, True)
    assert response.headers["x-request-id"] == prompt
    events = events_of(whole)
    assert b"".join(events) == whole
    # Not the attempt, and the usage only if it was asked for; so ids rise, but skip.
    ids = ids_of(events)
    assert ids == [n for n in range(2, 18) if usage or n != 16]
    assert events[-1] == b"id: 17\ndata: [DONE]\n\n"
    assert b"event:" not in whole
    for place, number in enumerate(ids[:-1], 1):
        url = deployment.urls[number % 2]
        again, rest = await post(url, request, prompt, after=number)
        assert again.clean
        assert b"".join(events[:place]) + rest == whole
    again, rest = await post(deployment.urls[1], request, prompt, after=17)
    assert (again.status, rest) == (204, b"")
    assert deployment.sim_calls(prompt) == 1


async def test_the_chat_view_goes_on_live(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    request = ask(OPEN, prompt, stream=True)
    headers = {**JSON, "idempotency-key": prompt}
    url, other = (f"{url}/v1/chat/completions" for url in deployment.urls)
    body = json.dumps(request).encode()
    async with call("POST", url, headers=headers, body=body) as response:
        seen = b"".join([await response.event() for _ in range(5)])
    headers["last-event-id"] = str(ids_of(events_of(seen))[-1])
    async with call("POST", other, headers=headers, body=body) as response:
        seen += b"".join([await response.event() for _ in range(SAID - 1 - 5)])
        await cancel(api, prompt)
        seen += without_pings(await response.rest())
        assert response.clean
    _, whole = await post(deployment.urls[0], request, prompt)
    assert seen == whole
    assert ids_of(events_of(whole)) == list(range(2, END + 1))
    assert deployment.sim_calls(prompt) == 1


async def test_a_last_event_id_never_creates(deployment: Deployment, prompt: str) -> None:
    request = ask(QUICK, prompt, stream=True)
    response, body = await post(deployment.urls[0], request, prompt, after=3)
    assert response.status == 404
    assert json.loads(body)["error"]["code"] == "job_not_found"
    assert deployment.sim_calls(prompt) == 0


async def test_odd_bytes_arrive_as_they_were(
    deployment: Deployment, prompt: str, api: aiohttp.ClientSession
) -> None:
    model = "tokens=40,interval=0,escape,obfuscation,crlf,comments=2,split=7,id=chatcmpl-odd"
    request = ask(model, prompt, stream=True, stream_options={"include_usage": True})
    _, direct = await fetch(
        "POST",
        f"{deployment.sim_url}/chat/completions",
        headers={"content-type": "application/json"},
        body=json.dumps(request).encode(),
    )
    expected = [line for line in direct.split(b"\r\n") if line.startswith(b"data: ")]
    _, body = await post(deployment.urls[0], {**request, "model": f"sim/{model}"}, prompt)
    assert [line for line in body.split(b"\n") if line.startswith(b"data: ")] == expected
    assert b"\r" not in body


# ── Where a stream goes on ─────────────────────────────────────────────────────────────


async def _began(
    deployment: Deployment, path: str, asked: dict[str, object], prompt: str
) -> tuple[str, bytes]:
    """The ``Location`` of a stream that a POST began, and all of it."""
    headers = {**JSON, "idempotency-key": prompt}
    body = json.dumps({"stream": True, **asked}).encode()
    url = deployment.urls[0] + path
    response, told = await fetch("POST", url, headers=headers, body=body)
    assert (response.status, response.clean) == (200, True)
    return response.headers["location"], without_pings(told)


@pytest.mark.parametrize(
    ("path", "model", "more"),
    [
        ("chat/completions", "sim/tokens=12,interval=1ms", {}),
        (
            "chat/completions",
            "sim/tokens=12,interval=1ms",
            {"stream_options": {"include_usage": True}},
        ),
        ("messages", "sim-messages/tokens=12,interval=1ms", {"max_tokens": 99}),
        ("messages", "sim-messages/tokens=12,interval=1ms,dropafter=5", {"max_tokens": 99}),
        ("responses", "voice/tokens=12,interval=1ms", {}),
    ],
)
async def test_a_stream_says_where_it_goes_on(
    deployment: Deployment, prompt: str, path: str, model: str, more: dict[str, object]
) -> None:
    asked: dict[str, object] = {**more, **ask(model, prompt)}
    if path == "responses":
        asked = {"model": model, "input": prompt}
    location, whole = await _began(deployment, f"/v1/{path}", asked, prompt)
    url = deployment.urls[1] + location
    assert await read(url) == whole
    events = events_of(whole)
    for place in (0, 4, len(events) - 2):
        assert await read(url, ids_of(events)[place]) == b"".join(events[place + 1 :])
    end = {**KEY, "last-event-id": str(ids_of(events)[-1])}
    assert (await fetch("GET", url, headers=end))[0].status == 204
    async with call("GET", url, headers=KEY) as response:
        assert response.headers["location"] == location
    assert deployment.sim_calls(prompt) == 1


async def test_the_native_view_is_where_it_was_asked_for(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    path = await submit(api, QUICK, prompt)
    await read(deployment.urls[0] + path)  # a cursor that no frame has yet is refused
    for address in (path, f"{path}?after=3&view=native"):
        async with call("GET", deployment.urls[0] + address, headers=KEY) as response:
            assert response.headers["location"] == address


@pytest.mark.parametrize("query", ["view=chat", "include_usage=maybe"])
async def test_a_view_that_there_is_not(deployment: Deployment, taken: str, query: str) -> None:
    url = f"{deployment.urls[0]}/v1/jobs/{taken}/events?{query}"
    response, body = await fetch("GET", url, headers=KEY)
    assert response.status == 400
    assert json.loads(body)["param"] == query.partition("=")[0]
