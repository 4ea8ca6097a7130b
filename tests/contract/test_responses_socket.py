"""The Responses WebSocket: what OpenAI's documents of it, over this broker's jobs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contract.conftest import ALICE, BOB, MAX_BODY
from tests.deployment import Deployment

ANSWER = "sim-responses/tokens=4,interval=1ms"
SLOW = "sim-responses/tokens=200,interval=10ms"
Event = dict[str, Any]


@asynccontextmanager
async def opened(
    deployment: Deployment, api: int = 0, key: str = ALICE, **headers: str
) -> AsyncIterator[ClientConnection]:
    url = deployment.urls[api].replace("http://", "ws://") + "/v1/responses"
    given = {"authorization": f"Bearer {key}"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    async with connect(url, additional_headers=given, max_size=None) as socket:
        yield socket


async def ask(socket: ClientConnection, prompt: str, model: str = ANSWER, **more: Any) -> None:
    await socket.send(
        json.dumps({"type": "response.create", "model": model, "input": prompt, **more})
    )


async def until_end(socket: ClientConnection) -> list[Event]:
    """The events up to one that ends a response, or an error."""
    events: list[Event] = []
    async with asyncio.timeout(20):
        while not events or not is_end(events[-1]):
            events.append(json.loads(await socket.recv()))
    return events


def is_end(event: Event) -> bool:
    return event["type"] in ("response.completed", "response.failed", "error")


def text_of(events: list[Event]) -> str:
    return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")


async def test_a_response(deployment: Deployment, prompt: str, api: aiohttp.ClientSession) -> None:
    async with opened(deployment) as socket:
        await ask(socket, prompt)
        events = await until_end(socket)
    assert events[0]["type"] == "response.created"
    done = events[-1]["response"]
    assert (done["status"], done["object"]) == ("completed", "response")
    assert done["output"][0]["content"][0]["text"] == text_of(events) != ""
    numbers = [e["sequence_number"] for e in events]
    assert numbers == sorted(set(numbers))
    assert deployment.sim_calls(prompt) == 1
    async with api.get(f"/v1/responses/{done['id']}") as answer:  # it is a job as ever
        assert (answer.status, (await answer.json())["output"]) == (200, done["output"])


async def test_the_official_client(sdk: AsyncOpenAI, prompt: str) -> None:
    async with sdk.responses.connect() as connection:
        for turn in range(2):
            await connection.response.create(model=ANSWER, input=f"{prompt} {turn}")
            kinds = []
            async for event in connection:
                kinds.append(event.type)
                if event.type == "response.completed":
                    assert event.response.output_text
                    break
            assert kinds[0] == "response.created"


async def test_one_after_the_other_in_a_lane(deployment: Deployment, prompt: str) -> None:
    async with opened(deployment) as socket:
        for turn in range(3):
            await ask(socket, f"{prompt} {turn}")
        ids = []
        for _ in range(3):
            events = await until_end(socket)
            assert len({e["response"]["id"] for e in events if "response" in e}) == 1
            ids.append(events[-1]["response"]["id"])
    assert len(set(ids)) == 3


async def test_lanes_run_beside_each_other(deployment: Deployment, prompt: str) -> None:
    async with opened(deployment) as socket:
        await ask(socket, f"{prompt} slow", SLOW, stream_id="slow")
        while json.loads(await socket.recv())["type"] != "response.output_text.delta":
            pass
        fast = "sim-responses/tokens=20,interval=10ms"
        await ask(socket, f"{prompt} fast", fast, stream_id="fast")
        seen: list[Event] = []
        async with asyncio.timeout(20):
            while not seen or not is_end(seen[-1]):
                seen.append(json.loads(await socket.recv()))
        assert seen[-1]["stream_id"] == "fast"
        assert {e["stream_id"] for e in seen} == {"slow", "fast"}


@pytest.mark.parametrize("store", [True, False])
async def test_it_goes_on_from_its_last(deployment: Deployment, prompt: str, store: bool) -> None:
    async with opened(deployment) as socket:
        await ask(socket, prompt, store=store)
        first = (await until_end(socket))[-1]["response"]["id"]
        await ask(socket, f"{prompt} more", store=store, previous_response_id=first)
        second = (await until_end(socket))[-1]
        assert second["type"] == "response.completed", second
        assert second["response"]["previous_response_id"] == first
        third = second["response"]["id"]
        await ask(socket, f"{prompt} last", store=store, previous_response_id=third)
        assert (await until_end(socket))[-1]["type"] == "response.completed"


async def test_what_is_not_stored_is_the_connections_own(
    deployment: Deployment, prompt: str
) -> None:
    async with opened(deployment) as socket:
        await ask(socket, prompt, store=False)
        first = (await until_end(socket))[-1]["response"]["id"]
    async with opened(deployment) as socket:
        await ask(socket, f"{prompt} more", store=False, previous_response_id=first)
        (error,) = await until_end(socket)
    assert error["error"]["code"] == "previous_response_not_found"
    assert error["status"] == 400


async def test_a_turn_that_fails_forgets_what_it_went_on_from(
    deployment: Deployment, prompt: str
) -> None:
    async with opened(deployment) as socket:
        await ask(socket, prompt, store=False)
        first = (await until_end(socket))[-1]["response"]["id"]
        failing = "sim-responses/status=400"
        await ask(socket, prompt, failing, store=False, previous_response_id=first)
        assert (await until_end(socket))[-1]["type"] in ("error", "response.failed")
        await ask(socket, prompt, store=False, previous_response_id=first)
        events = await until_end(socket)
    assert events[-1]["error"]["code"] == "previous_response_not_found", events


async def test_a_warm_up_calls_no_provider(deployment: Deployment, prompt: str) -> None:
    async with opened(deployment) as socket:
        await ask(socket, prompt, generate=False)
        warm = await until_end(socket)
        assert [e["type"] for e in warm] == ["response.created", "response.completed"]
        assert warm[-1]["response"]["output"] == []
        assert deployment.sim_calls(prompt) == 0
        name = warm[-1]["response"]["id"]
        await ask(socket, f"{prompt} now", previous_response_id=name)
        assert (await until_end(socket))[-1]["type"] == "response.completed"
        await ask(socket, prompt, "no/such", generate=False)
        (error,) = await until_end(socket)
        assert (error["status"], error["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("message", "status", "param"),
    [
        ("no json", 400, None),
        ("[]", 400, None),
        ('{"type":"response.steer"}', 400, "type"),
        ('{"type":7}', 400, "type"),
        ('{"type":"response.create","input":"x"}', 400, "model"),
        ('{"type":"response.create","model":"sim","background":true}', 400, "background"),
        ('{"type":"response.create","model":"sim","stream_id":""}', 400, "stream_id"),
        ('{"type":"response.create","model":"sim","idempotency_key":"?"}', 400, "idempotency_key"),
        ('{"type":"response.create","model":"sim","starting_after":3}', 400, "starting_after"),
        ('{"type":"response.create","model":"sim","input":7}', 400, "input"),
        ('{"type":"response.create","model":"nope","input":"x"}', 404, "model"),
        ('{"type":"response.resume"}', 400, "response_id"),
        ('{"type":"response.resume","response_id":"resp_0"}', 404, None),
        ('{"type":"response.create","input":' + "[" * 5000 + "}", 400, None),
    ],
)
async def test_what_is_wrong_is_told_and_the_next_one_answered(
    deployment: Deployment, prompt: str, message: str, status: int, param: str | None
) -> None:
    async with opened(deployment) as socket:
        await socket.send(message)
        (error,) = await until_end(socket)
        assert (error["type"], error["status"]) == ("error", status), error
        assert error["error"].get("param") == param
        assert error["error"]["message"]
        await ask(socket, prompt)
        assert (await until_end(socket))[-1]["type"] == "response.completed"


async def test_an_errors_lane_is_told(deployment: Deployment) -> None:
    async with opened(deployment) as socket:
        await socket.send('{"type":"nothing","stream_id":"a"}')
        assert json.loads(await socket.recv())["stream_id"] == "a"


async def test_a_failure_of_the_provider(deployment: Deployment, prompt: str) -> None:
    async with opened(deployment) as socket:
        await ask(socket, prompt, "sim-responses/tokens=20,interval=1ms,errorafter=5")
        events = await until_end(socket)
        assert events[-1]["type"] in ("error", "response.failed"), events
        if events[-1]["type"] == "error":
            assert events[-1]["error"]["message"]


@pytest.mark.parametrize("again", [0, 1])
async def test_a_cut_one_goes_on_elsewhere(deployment: Deployment, prompt: str, again: int) -> None:
    """By its response's id, from the number that was seen last: one call, and nothing doubled."""
    model = "sim-responses/tokens=40,interval=20ms"
    async with opened(deployment) as socket:
        await ask(socket, prompt, model)
        seen = [json.loads(await socket.recv()) for _ in range(8)]
        socket.transport.abort()
    name = next(e["response"]["id"] for e in seen if "response" in e)
    async with opened(deployment, again) as socket:
        resume = {"type": "response.resume", "response_id": name, "stream_id": "b"}
        after = seen[-1]["sequence_number"]
        await socket.send(json.dumps({**resume, "starting_after": after}))
        rest = await until_end(socket)
    assert rest[-1]["type"] == "response.completed"
    assert rest[0]["sequence_number"] > after
    assert {e["stream_id"] for e in rest} == {"b"}
    assert text_of(seen + rest) == rest[-1]["response"]["output"][0]["content"][0]["text"]
    assert deployment.sim_calls(prompt) == 1


async def test_the_same_key_is_the_same_response(deployment: Deployment, prompt: str) -> None:
    model = "sim-responses/tokens=40,interval=20ms"
    async with opened(deployment) as socket:
        await ask(socket, prompt, model, idempotency_key=prompt)
        seen = [json.loads(await socket.recv()) for _ in range(8)]
        socket.transport.abort()
    async with opened(deployment, 1, idempotency_key=prompt) as socket:  # or by the header
        await ask(socket, prompt, model)
        events = await until_end(socket)
        assert events[:8] == seen
        after = events[-3]["sequence_number"]
        await ask(socket, prompt, model, idempotency_key=prompt, starting_after=after)
        assert await until_end(socket) == events[-2:]
        await ask(socket, f"{prompt} other", model, idempotency_key=prompt)
        (error,) = await until_end(socket)
        assert (error["status"], error["error"]["code"]) == (422, "request_id_reused")
    assert deployment.sim_calls(prompt) == 1


async def test_leaving_cancels_if_that_was_asked(deployment: Deployment, prompt: str) -> None:
    before = deployment.sim_aborted
    cancel = {"x_streamhold_on_disconnect": "cancel", "x_streamhold_grace": "1"}
    async with opened(deployment, 0, ALICE, **cancel) as socket:
        await ask(socket, prompt, SLOW)
        for _ in range(6):
            await socket.recv()
    async with asyncio.timeout(15):
        while deployment.sim_aborted == before:  # noqa: ASYNC110 - another process's count
            await asyncio.sleep(0.1)


async def test_without_a_key_it_is_not_opened(deployment: Deployment) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(deployment, key="wrong"):
            pass
    assert refused.value.response.status_code == 401
    assert b"invalid_api_key" in (refused.value.response.body or b"")
    with pytest.raises(InvalidStatus) as refused:
        async with opened(deployment, origin="https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403


async def test_anothers_response_is_not_found(deployment: Deployment, prompt: str) -> None:
    async with opened(deployment) as socket:
        await ask(socket, prompt)
        name = (await until_end(socket))[-1]["response"]["id"]
    async with opened(deployment, key=BOB) as socket:
        await socket.send(json.dumps({"type": "response.resume", "response_id": name}))
        (error,) = await until_end(socket)
    assert error["status"] == 404


async def test_a_message_over_the_limit(deployment: Deployment) -> None:
    async with opened(deployment) as socket:
        await socket.send("x" * (MAX_BODY + 1))
        error = json.loads(await socket.recv())
        assert error["status"] == 413
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_so_many_at_once(deployment: Deployment, prompt: str) -> None:
    async with opened(deployment) as socket:
        for number in range(20):
            await ask(socket, f"{prompt} {number}", SLOW, stream_id=f"s{number % 10}")
        async with asyncio.timeout(20):
            while (event := json.loads(await socket.recv()))["type"] != "error":
                pass
    assert (event["status"], event["error"]["code"]) == (429, "too_many_calls")


async def test_pings_go_both_ways(deployment: Deployment) -> None:
    async with opened(deployment) as socket:
        pong = await socket.ping(b"there?")
        async with asyncio.timeout(10):
            await pong
        assert socket.latency >= 0
