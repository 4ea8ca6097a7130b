"""The store killed, paused, or restarted without the end of its log, in mid-stream."""

import asyncio
import os
import time
from collections.abc import Callable

import aiohttp
import pytest

from broker.errors import StoreAway
from broker.store.wire import Wire
from rig.cluster import WAIT, Cluster, ask, until
from rig.evidence import check_whole, replay, terminal_of
from rig.sse_reader import SseReader, always
from rig.store_server import StoreServer
from tests.fault.conftest import Make

MakeStore = Callable[..., StoreServer]

PAUSE = 10.0  # seconds
LONG = 380  # tokens
LOST = 20_000  # bytes of the append-only file
REFUSED_WITHIN = 8.0  # seconds: the store's timeout of 5, and a margin for the machine


async def _read(cluster: Cluster, model: str, count: int) -> list[SseReader]:
    """As many native and chat readers, by both API processes, well under way."""
    native = await cluster.submit_all("native", model, count)
    readers = [_follow(cluster, prompt, number) for number, prompt in enumerate(native)]
    chat = [f"chat-{number}" for number in range(count)]
    readers += [_follow(cluster, p, number, ask(model, p)) for number, p in enumerate(chat)]
    for reader in readers:
        await reader.reached(lambda r: len(r.events) > 10, WAIT)
    return readers


def _follow(
    cluster: Cluster, prompt: str, number: int, call: dict[str, object] | None = None
) -> SseReader:
    url = cluster.urls[number % len(cluster.urls)]
    return SseReader(cluster.session, prompt, always(url), call).start()


async def _check(cluster: Cluster, reader: SseReader, model: str, tokens: int) -> None:
    """It got the whole stream over one connection, and the store has the same."""
    await reader.finish(WAIT)
    assert (reader.connections, reader.retries) == (1, [])
    for api in range(len(cluster.urls)):
        view = model if reader.is_chat else None
        assert reader.transcript == await replay(cluster, reader.request_id, api, view)
    await check_whole(cluster, reader.request_id, tokens)


async def test_a_killed_store_comes_back_with_every_frame(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=2)
    model = "sim/tokens=120,interval=25ms,obfuscation=1"
    readers = await _read(cluster, model, 10)
    for _ in range(2):
        cluster.server.kill()
        for reader in readers:
            reader.mark()
        cluster.server.start()
        for reader in readers:
            await reader.reached(lambda r: r.since_mark > 5, WAIT)
    for reader in readers:
        await _check(cluster, reader, model, 120)
    assert (await cluster.sim_counts())["total"] == len(readers)


async def test_workers_send_again_what_a_host_crash_lost(make_cluster: Make) -> None:
    """The log's last moments are cut off; what was acknowledged and seen is there again."""
    cluster = await make_cluster(apis=2, workers=2)
    model = "sim/tokens=120,interval=25ms,obfuscation=1"
    readers = await _read(cluster, model, 10)
    await _crash_host(cluster)
    for reader in readers:
        await _check(cluster, reader, model, 120)
    assert any('"writer.rewind"' in log.read_text() for log in cluster.logs())


async def test_frames_that_nobody_holds_any_more_end_the_stream(make_cluster: Make) -> None:
    """Told apart from a whole answer, in the record and to those who come later."""
    config = "[worker]\nkeep_acknowledged = 0\n"
    cluster = await make_cluster(apis=2, workers=1, config=config)
    readers = await _read(cluster, "sim/tokens=2000,interval=25ms", 3)
    await _crash_host(cluster)
    prompts = [reader.request_id for reader in readers]
    await cluster.until_ended(prompts)
    for reader in readers:
        await reader.finish(WAIT)
        terminal = await terminal_of(cluster, reader.request_id)
        assert terminal.error is not None
        assert terminal.error.type == "frames_lost"
        assert await cluster.sim_calls(reader.request_id) == 1
        # It saw the terminal, or its place is beyond the end: 400, and never a clean end.
        assert reader.events[-1].ends or reader.statuses == [400]


async def _crash_host(cluster: Cluster) -> None:
    """Kill the store and start it without the last moments of its log: of appends alone."""
    (log,) = cluster.server.data.glob("appendonlydir/*.incr.aof")
    claimed = log.stat().st_size
    await until(lambda: log.stat().st_size > claimed + LOST)
    cluster.server.kill()
    os.truncate(log, log.stat().st_size - LOST)
    cluster.server.start()


async def test_a_paused_store_robs_nobody(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=2)
    quick = "sim/tokens=3,interval=0"
    model = f"sim/tokens={LONG},interval=30ms,obfuscation=1"  # begins before, ends after it
    readers = await _read(cluster, model, 5)
    begun = time.monotonic()
    cluster.server.pause()
    refused = [f"refused-{number}" for number in range(6)]
    answers = await asyncio.gather(
        *(_post_chat(cluster, prompt, quick, stream=True) for prompt in refused[:2]),
        *(_post_chat(cluster, prompt, quick, stream=False) for prompt in refused[2:4]),
        *(_post_job(cluster, prompt, quick) for prompt in refused[4:]),
    )
    for status, retry_after, seconds in answers:
        assert status == 503
        assert int(retry_after or 0) >= 1
        assert seconds < REFUSED_WITHIN
    assert await _told_to_come_again(cluster, "native-0") < REFUSED_WITHIN
    await asyncio.sleep(begun + PAUSE - time.monotonic())  # the length is what is tested
    cluster.server.resume()
    for reader in readers:
        await _check(cluster, reader, model, LONG)
    for prompt in refused:  # the same calls again
        assert (await _post_chat(cluster, prompt, quick, stream=False))[0] == 200
        await check_whole(cluster, prompt, 3)
    assert (await cluster.sim_counts())["total"] == len(readers) + len(refused)


async def test_callers_do_not_queue_up_behind_a_store_that_is_away(make_store: MakeStore) -> None:
    """Connecting to a stopped server hangs; each of many callers is told so in its own time."""
    server = make_store("valkey")
    server.pause()
    wire = Wire(server.url, name="queue", timeout=0.3)
    begun = time.monotonic()
    answers = await asyncio.gather(
        *(wire.execute("PING") for _ in range(20)), return_exceptions=True
    )
    assert time.monotonic() - begun < 3  # one after the other they'd take 6
    assert {type(answer) for answer in answers} == {StoreAway}
    server.resume()
    assert await wire.execute("PING") == b"PONG"
    await wire.close()


async def _post_chat(
    cluster: Cluster, prompt: str, model: str, *, stream: bool
) -> tuple[int, str | None, float]:
    call = ask(model, prompt, stream=stream)
    return await _post(cluster, "/v1/chat/completions", call, {"Idempotency-Key": prompt})


async def _post_job(cluster: Cluster, prompt: str, model: str) -> tuple[int, str | None, float]:
    body = {"request_id": prompt, "request": ask(model, prompt)}
    return await _post(cluster, "/v1/jobs", body, {})


async def _post(
    cluster: Cluster, path: str, body: object, headers: dict[str, str]
) -> tuple[int, str | None, float]:
    """Status, Retry-After, and the seconds that it took."""
    begun = time.monotonic()
    url = cluster.urls[0] + path
    async with cluster.session.post(url, json=body, headers=headers) as response:
        await response.read()
        return response.status, response.headers.get("Retry-After"), time.monotonic() - begun


async def _told_to_come_again(cluster: Cluster, prompt: str) -> float:
    """How long it takes until a new reader is handed back."""
    begun = time.monotonic()
    headers = {"Last-Event-ID": "3"}
    url = f"{cluster.urls[1]}/v1/jobs/{prompt}/events"
    async with cluster.session.get(url, headers=headers) as response:
        assert response.status == 200
        text = await response.content.readuntil(b"\n\n")
        with pytest.raises(aiohttp.ClientPayloadError):  # and no clean end after it
            await response.content.read()
    assert text.startswith(b"event: retry\n")
    assert b"\nid: 3\n" in text
    return time.monotonic() - begun
