"""Responses over a WebSocket that are lost, and asked for again: which of them join."""

import asyncio
import json
import os
import signal
import socket as sockets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from rig.cluster import until
from tests.deployment import Deployment

SLOW = "sim-responses/tokens=40,interval=25ms"  # a second
QUICK = "sim-responses/tokens=120,interval=0"
JOIN = {"x-streamhold-join": "60"}
CODEX = {"user-agent": "codex_exec/0.171.0 (Debian 12; x86_64) unknown"}
Event = dict[str, Any]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("joining"), apis=3)
    yield deployment
    deployment.close()


@asynccontextmanager
async def opened(
    deployment: Deployment, api: int = 0, headers: dict[str, str] = JOIN, **more: Any
) -> AsyncIterator[ClientConnection]:
    url = deployment.urls[api].replace("http://", "ws://") + "/v1/responses"
    agent = headers.get("user-agent", "a test")
    others = {name: value for name, value in headers.items() if name != "user-agent"}
    async with asyncio.timeout(30):
        async with connect(
            url, additional_headers=others, user_agent_header=agent, max_size=None, **more
        ) as socket:
            yield socket


def asked(prompt: Any, model: str = SLOW, **more: Any) -> str:
    return json.dumps({"type": "response.create", "model": model, "input": prompt, **more})


async def began(socket: ClientConnection, lane: str | None = None) -> str:
    """The response's id, once some of its text has come."""
    name = ""
    while True:
        event: Event = json.loads(await socket.recv())
        assert event["type"] != "error", event
        if event.get("stream_id") != lane:
            continue
        name = name or event.get("response", {}).get("id", "")
        if event["type"] == "response.output_text.delta":
            return name


async def rest(socket: ClientConnection, lane: str | None = None) -> Event:
    """The response as its last event has it."""
    while True:
        event: Event = json.loads(await socket.recv())
        assert event["type"] != "error", event
        if event["type"] == "response.completed" and event.get("stream_id") == lane:
            response: Event = event["response"]
            return response


async def lost(
    deployment: Deployment, message: str, headers: dict[str, str] = JOIN, api: int = 0
) -> str:
    """The id of a response whose connection was lost in the middle of it."""
    async with opened(deployment, api, headers) as socket:
        await socket.send(message)
        name = await began(socket)
        socket.transport.abort()
    return name


async def whole(
    deployment: Deployment, message: str, headers: dict[str, str] = JOIN, api: int = 1
) -> str:
    """The id of the response that a message brings, which is read to its end."""
    async with opened(deployment, api, headers) as socket:
        await socket.send(message)
        response = await rest(socket)
    assert len(response["output"][0]["content"][0]["text"].split()) == 40
    return str(response["id"])


async def post(deployment: Deployment, prompt: Any, *, cut: bool = False) -> str:
    """The same call over HTTP; the id of its response."""
    url = f"{deployment.urls[1]}/v1/responses"
    call = {"model": SLOW, "input": prompt, "stream": True}
    async with aiohttp.ClientSession() as api, api.post(url, json=call, headers=JOIN) as response:
        name = response.headers["location"].rpartition("/")[2].partition("?")[0]
        if cut:
            await response.content.readuntil(b"\n\n")
            response.close()
        else:
            assert b"response.completed" in await response.read()
        return name


@pytest.mark.parametrize("headers", [JOIN, CODEX], ids=["asked for", "a known client"])
async def test_a_response_that_was_lost_is_joined(
    deployment: Deployment, prompt: str, headers: dict[str, str]
) -> None:
    first = await lost(deployment, asked(prompt), headers)
    assert await whole(deployment, asked(prompt), headers) == first
    assert await whole(deployment, asked(prompt), headers) != first, "it was taken"
    assert deployment.sim_calls(prompt) == 2


@pytest.mark.parametrize("form", ["text", "items"])
async def test_a_client_that_falls_back_to_http_joins(
    deployment: Deployment, prompt: str, form: str
) -> None:
    asks: Any = prompt if form == "text" else [{"role": "user", "content": prompt}]
    first = await lost(deployment, asked(asks))
    assert await post(deployment, asks) == first
    assert deployment.sim_calls(prompt) == 1


async def test_a_call_over_http_is_joined_too(deployment: Deployment, prompt: str) -> None:
    first = await post(deployment, prompt, cut=True)
    assert await whole(deployment, asked(prompt)) == first
    assert deployment.sim_calls(prompt) == 1


@pytest.mark.parametrize(
    "headers", [{}, {"x-streamhold-join": "0"}, {**JOIN, "idempotency-key": "KEY"}]
)
async def test_what_is_not_joinable_is_not_joined(
    deployment: Deployment, prompt: str, headers: dict[str, str]
) -> None:
    headers = {name: value.replace("KEY", f"k-{prompt}") for name, value in headers.items()}
    first = await lost(deployment, asked(prompt))
    assert await whole(deployment, asked(prompt), headers) != first
    assert deployment.sim_calls(prompt) == 2


async def test_equal_responses_of_two_lanes_stay_two(deployment: Deployment, prompt: str) -> None:
    async with opened(deployment) as socket:
        for lane in ("a", "b"):
            await socket.send(asked(prompt, stream_id=lane))
        names: set[str] = set()
        while len(names) < 2:
            event: Event = json.loads(await socket.recv())
            if event["type"] == "response.completed":
                names.add(event["response"]["id"])
    assert deployment.sim_calls(prompt) == 2


async def test_each_lost_lane_is_joined_by_one(deployment: Deployment, prompt: str) -> None:
    names: set[str] = set()
    async with opened(deployment) as socket:
        for lane in ("a", "b"):
            await socket.send(asked(prompt, stream_id=lane))
            names.add(await began(socket, lane))
        socket.transport.abort()
    found = await asyncio.gather(*(whole(deployment, asked(prompt)) for _ in range(3)))
    assert len(set(found)) == 3
    assert len(names & set(found)) == 2
    assert deployment.sim_calls(prompt) == 3


async def test_a_turn_that_goes_on_from_a_kept_response_is_joined(
    deployment: Deployment, prompt: str
) -> None:
    async with opened(deployment) as socket:
        await socket.send(asked(f"{prompt} one"))
        one = (await rest(socket))["id"]
        turn = asked(f"{prompt} two", previous_response_id=one)
        await socket.send(turn)
        first = await began(socket)
        socket.transport.abort()
    assert await whole(deployment, turn) == first
    assert deployment.sim_calls(f"{prompt} two") == 1


async def test_an_end_that_was_sent_and_not_taken_is_joined(
    deployment: Deployment, prompt: str
) -> None:
    """It waits in buffers when the connection is lost."""
    message = asked(prompt, QUICK)
    where = urlsplit(deployment.urls[0])
    with sockets.socket() as narrow:
        narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 2048)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, (where.hostname, where.port))
        async with opened(deployment, sock=narrow) as socket:
            await socket.send(message)
            event: Event = json.loads(await socket.recv())
            socket.transport.pause_reading()
            name = event["response"]["id"]
            url = f"{deployment.urls[1]}/v1/responses/{name}"

            async def completed() -> bool:
                async with aiohttp.ClientSession() as api, api.get(url) as response:
                    return bool((await response.json())["status"] == "completed")

            await until(completed)
            await asyncio.sleep(0.5)  # and sent
            socket.transport.abort()
    async with opened(deployment, 1) as socket:
        await socket.send(message)
        assert (await rest(socket))["id"] == name
    assert deployment.sim_calls(prompt) == 1


async def test_a_process_that_dies(deployment: Deployment, prompt: str) -> None:
    async with opened(deployment, 2) as socket:
        await socket.send(asked(prompt))
        first = await began(socket)
        os.kill(deployment.pids["api-2"], signal.SIGKILL)
        with pytest.raises(ConnectionClosed):
            await rest(socket)
    assert await whole(deployment, asked(prompt)) == first
    assert deployment.sim_calls(prompt) == 1
