"""A WebSocket whose API process is killed, or drains: its responses are gone on with elsewhere."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.deployment import Deployment

MODEL = "sim-responses/tokens=60,interval=30ms"


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path, apis=2, config="[server]\ndrain = 10.0\n")
    yield deployment
    deployment.close()


def _url(deployment: Deployment, api: int) -> str:
    return deployment.urls[api].replace("http://", "ws://") + "/v1/responses"


def _create(prompt: str) -> str:
    return json.dumps({"type": "response.create", "model": MODEL, "input": prompt})


async def _rest(socket: ClientConnection, seen: list[dict[str, Any]]) -> ConnectionClosed:
    """Read to the connection's end, and how that was."""
    while True:
        try:
            seen.append(json.loads(await socket.recv()))
        except ConnectionClosed as end:
            return end


async def test_killed_in_mid_answer(deployment: Deployment) -> None:
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        async with connect(_url(deployment, 0)) as socket:
            await socket.send(_create("killed"))
            while len(seen) < 12:
                seen.append(json.loads(await socket.recv()))
            os.kill(deployment.pids["api-0"], signal.SIGKILL)
            await _rest(socket, seen)
        name = next(event["response"]["id"] for event in seen if "response" in event)
        async with connect(_url(deployment, 1)) as socket:
            after = seen[-1]["sequence_number"]
            resume = {"type": "response.resume", "response_id": name, "starting_after": after}
            await socket.send(json.dumps(resume))
            while seen[-1]["type"] != "response.completed":
                seen.append(json.loads(await socket.recv()))
    numbers = [event["sequence_number"] for event in seen]
    assert numbers == sorted(set(numbers))
    deltas = [event["delta"] for event in seen if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == seen[-1]["response"]["output"][0]["content"][0]["text"]
    assert deployment.sim_calls("killed") == 1


async def test_a_drain_ends_what_is_idle_and_waits_for_the_rest(deployment: Deployment) -> None:
    async with (
        asyncio.timeout(60),
        connect(_url(deployment, 0)) as idle,
        connect(_url(deployment, 0)) as busy,
    ):
        await busy.send(_create("drained"))
        await busy.recv()
        os.kill(deployment.pids["api-0"], signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            await idle.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        events: list[dict[str, Any]] = []
        end = await _rest(busy, events)
        assert events[-1]["type"] == "response.completed"
        assert end.rcvd is not None
        assert end.rcvd.code == 1012
    assert deployment.sim_calls("drained") == 1


async def test_a_large_conversation_goes_on(tmp_path: Path) -> None:
    """Its messages are taken apart by the child; what it goes on from stays with the connection."""
    deployment = Deployment(tmp_path, config="[server]\nmax_body = 8_000_000\n")
    try:
        async with (
            asyncio.timeout(60),
            connect(_url(deployment, 0), max_size=None) as socket,
        ):
            previous, items = None, [{"role": "user", "content": "x" * 2_000_000}]
            for turn in range(3):
                ask = {"type": "response.create", "model": "sim-responses/tokens=3,interval=0"}
                more = {"store": False, "input": items, "previous_response_id": previous}
                await socket.send(json.dumps({**ask, **more}))
                event: dict[str, Any] = {"type": ""}
                while not event["type"].startswith(("response.completed", "error")):
                    event = json.loads(await socket.recv())
                assert event["type"] == "response.completed", (turn, event)
                previous = event["response"]["id"]
                items = [{"role": "user", "content": f"more {turn}"}]
    finally:
        deployment.close()


async def test_slow_and_old_ones_are_closed(tmp_path: Path) -> None:
    config = "[server]\nbody_timeout = 1.0\nsocket_time = 3.0\n"
    deployment = Deployment(tmp_path, config=config)
    try:
        async with asyncio.timeout(60):
            async with connect(_url(deployment, 0)) as slow:
                slow.transport.write(b"\x81\xfe\x10\x00aaaaxxx")  # 3 bytes of a message of 4096
                assert (await _rest(slow, [])).rcvd.code == 1008  # type: ignore[union-attr]
            seen: list[dict[str, Any]] = []
            async with connect(_url(deployment, 0)) as old:
                end = await _rest(old, seen)
            assert [event["error"]["code"] for event in seen] == [
                "websocket_connection_limit_reached"
            ]
            assert end.rcvd is not None
            assert end.rcvd.code in (1000, 1001)
    finally:
        deployment.close()
