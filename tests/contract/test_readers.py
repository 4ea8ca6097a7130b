"""SSE clients that resume, by themselves or as their documents say, on connections that are cut.

langgraph-sdk goes on at the ``Location`` of a stream's answer by itself; httpx-sse where its
caller's loop does. In each the events are those of an uncut stream, each once and in order, and
the provider was called once. The server pings within every pause: it is no event to anyone.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse, connect_sse
from langgraph_sdk import get_client, get_sync_client

from tests.contract.cutting import cutting
from tests.contract.raw import data_of, events_of, ids_of
from tests.contract.streams import KEY, read, submit
from tests.deployment import Deployment, ask

# What langgraph-sdk says if nothing at all had come: it is of its own server. Ours replays.
pytestmark = pytest.mark.filterwarnings("ignore:Reconnecting without a Last-Event-ID")

PLACES = (1, 5, 12)  # events after which a connection is cut, twice each
SLOW = "tokens=30,interval=10ms"
SILENT = "tokens=3,interval=1ms,ttft=700ms"  # longer than the ping interval

Seen = list[tuple[str, Any]]  # name and data of each event


# ── The clients ────────────────────────────────────────────────────────────────────────


async def by_langgraph(url: str, path: str, call: dict[str, Any] | None = None) -> Seen:
    """By its client's own streams; it waits a second before it comes again."""
    client = get_client(url=url, headers=KEY)
    method = "GET" if call is None else "POST"
    try:
        parts = client.http.stream(path, method, json=call)
        return [(part.event, part.data) async for part in parts]
    finally:
        await client.aclose()


async def by_blocking_langgraph(url: str, path: str) -> Seen:
    def parts() -> Seen:
        with get_sync_client(url=url, headers=KEY) as client:
            return [(part.event, part.data) for part in client.http.stream(path, "GET")]

    return await asyncio.to_thread(parts)


def _noted(sse: ServerSentEvent) -> tuple[str, Any]:
    return ("" if sse.event == "message" else sse.event, json.loads(sse.data))


async def by_httpx_sse(url: str, path: str, call: dict[str, Any] | None = None) -> Seen:
    """The loop of its documentation, awaiting: a read error is a loss, and the id the cursor."""
    seen, last, location, timeout = Seen(), "", None, httpx.Timeout(10)

    async def connection(client: httpx.AsyncClient) -> AsyncIterator[ServerSentEvent]:
        nonlocal location
        headers = {**KEY, **({"Last-Event-ID": last} if last else {})}
        method, body = ("GET", None) if call is None or location else ("POST", call)
        more: dict[str, Any] = {} if body is None else {"json": body}
        async with aconnect_sse(
            client, method, location or path, headers=headers, **more
        ) as source:
            location = source.response.headers["location"]
            async for sse in source.aiter_sse():
                yield sse

    async with httpx.AsyncClient(base_url=url, timeout=timeout) as client:
        while True:
            try:
                async for sse in connection(client):
                    last = sse.id
                    seen.append(_noted(sse))
            except (httpx.ReadError, httpx.RemoteProtocolError):
                continue
            return seen


async def by_blocking_httpx_sse(url: str, path: str) -> Seen:
    def connections() -> Iterator[ServerSentEvent]:
        last = ""
        with httpx.Client(base_url=url, timeout=10) as client:
            while True:
                headers = {**KEY, **({"Last-Event-ID": last} if last else {})}
                try:
                    with connect_sse(client, "GET", path, headers=headers) as source:
                        for sse in source.iter_sse():
                            last = sse.id
                            yield sse
                except (httpx.ReadError, httpx.RemoteProtocolError):
                    continue
                return

    return await asyncio.to_thread(lambda: [_noted(sse) for sse in connections()])


CLIENTS = [by_langgraph, by_blocking_langgraph, by_httpx_sse, by_blocking_httpx_sse]
CALLING = [by_langgraph, by_httpx_sse]


# ── What they are asked to do ──────────────────────────────────────────────────────────


async def uncut(url: str) -> Seen:
    """The same from an uncut stream, to the byte."""
    events = events_of(await read(url))
    assert ids_of(events) == sorted(ids_of(events))
    names = [[line[7:] for line in e.decode().split("\n") if line[:7] == "event: "] for e in events]
    return [(name[0] if name else "", data_of(e)) for name, e in zip(names, events, strict=True)]


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_jobs_events_cut_after_k_events(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str, client: Any
) -> None:
    async def run(after: int) -> None:
        path = await submit(api, f"sim/{SLOW}", f"{prompt}-{after}")
        async with cutting(deployment.urls[0], after=after, cuts=2) as proxy:
            seen = await client(proxy.url, path)
        assert proxy.cuts == 2
        assert seen == await uncut(deployment.urls[1] + path)
        assert (seen[-1][0], seen[-1][1]["state"]) == ("end", "completed")
        assert deployment.sim_calls(f"{prompt}-{after}") == 1

    await asyncio.gather(*map(run, PLACES))


@pytest.mark.parametrize("client", CALLING)
@pytest.mark.parametrize("dialect", ["messages", "responses"])
async def test_a_call_cut_after_k_events(
    deployment: Deployment, prompt: str, client: Any, dialect: str
) -> None:
    """Who begins a stream by a POST goes on by a GET, without a key of the call's own."""

    async def run(after: int) -> None:
        model, content = f"sim-{dialect}/{SLOW}", f"{prompt}-{after}"
        call = {"model": model, "stream": True, "input": content}
        if dialect == "messages":
            call = {**ask(model, content), "stream": True, "max_tokens": 99}
        async with cutting(deployment.urls[0], after=after, cuts=2) as proxy:
            seen = await client(proxy.url, f"/v1/{dialect}", call)
        assert proxy.cuts == 2
        first = seen[0][1]
        if dialect == "messages":
            assert [name for name, _ in seen].count("message_start") == 1
            texts = [data["delta"].get("text", "") for _, data in seen if "delta" in data]
            assert (first["type"], seen[-1][0]) == ("message_start", "message_stop")
        else:
            texts = [data["delta"] for name, data in seen if name.endswith("text.delta")]
            name = first["response"]["id"]
            whole = await uncut(f"{deployment.urls[1]}/v1/responses/{name}?stream=true")
            assert seen == whole
        assert len("".join(texts).split()) == 30
        assert deployment.sim_calls(content) == 1

    await asyncio.gather(*map(run, PLACES))


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_silence_longer_than_the_ping_interval(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str, client: Any
) -> None:
    path = await submit(api, f"sim/{SILENT}", prompt)
    async with cutting(deployment.urls[0]) as proxy:
        seen = await client(proxy.url, path)
    assert proxy.pings > 0
    assert seen == await uncut(deployment.urls[1] + path)
    assert deployment.sim_calls(prompt) == 1
