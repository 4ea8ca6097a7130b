"""The store killed, paused, or restarted without the end of its log, in mid-stream."""

import asyncio
import signal
import time
from collections.abc import Callable

import aiohttp
import pytest

from broker.errors import StoreAway
from broker.store.wire import Wire
from rig.cluster import WAIT, Cluster, ask
from rig.evidence import check_whole, replay, terminal_of
from rig.lost_tail import (
    ask_whole,
    crash,
    crash_for,
    final_statuses,
    grown,
    leave,
    replays,
    says_so,
    under_way,
    used_twice,
)
from rig.sse_reader import SseReader, always
from rig.store_server import StoreServer
from tests.fault.conftest import Make

MakeStore = Callable[..., StoreServer]

PAUSE = 6.0  # seconds, three leases
LONG = 260  # tokens
LOST, CLAIMS = 20_000, 40_000  # bytes of the append-only file
AWAY = 3.0  # seconds
TIMEOUT = 2.0  # seconds, the store's
REFUSED_WITHIN = TIMEOUT + 3.0  # seconds, with a margin for the machine


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
    await grown(cluster, LOST)
    await crash_for(cluster, LOST, 0.0)
    for reader in readers:
        await _check(cluster, reader, model, 120)
    assert any('"writer.rewind"' in log.read_text() for log in cluster.logs())


@pytest.mark.parametrize("lost", [LOST, CLAIMS, 1 << 40], ids=["frames", "claims", "everything"])
async def test_what_the_store_lost_while_it_was_away_is_sent_again(
    make_cluster: Make, lost: int
) -> None:
    """However long it is away; and whoever comes back with a cursor goes on from it.

    Claims and jobs that are lost are made again by those who hold them.
    """
    config = "[worker]\nkeep_acknowledged = 1.0\n"  # less than it is away
    cluster = await make_cluster(apis=2, workers=2, config=config)
    model = "sim/tokens=200,interval=25ms,obfuscation=1"
    readers = await under_way(cluster, "r", model, 6)
    if lost == LOST:
        await grown(cluster, lost)
    back = asyncio.ensure_future(crash_for(cluster, lost, AWAY))
    await leave(readers[::2])
    await back
    for reader in readers[::2]:
        reader.start()
    for reader in readers:
        await reader.finish(WAIT)
    sent = await replays(cluster, readers)
    assert [reader.transcript for reader in readers] == [each.sent for each in sent]
    assert [final_statuses(reader) for reader in readers] == [[]] * 6
    for reader in readers:
        await check_whole(cluster, reader.request_id, 200)


async def test_frames_that_nobody_holds_any_more_end_the_stream(make_cluster: Make) -> None:
    """Told apart from a whole answer: to who stayed, comes back, waits, and asks later."""
    config = "[worker]\nkeep_acknowledged = 0\n"
    cluster = await make_cluster(apis=2, workers=1, config=config)
    model = "sim/tokens=2000,interval=25ms"
    waiting = asyncio.ensure_future(ask_whole(cluster, "waits", model, 0))
    readers = await under_way(cluster, "r", model, 4)
    await cluster.until_active(5)
    await grown(cluster, LOST)
    crash(cluster, LOST)
    await leave(readers[::2])
    await asyncio.to_thread(cluster.server.start)
    await cluster.until_ended([reader.request_id for reader in readers])
    cursors = [reader.cursor for reader in readers]
    for reader in readers[::2]:
        reader.start()
    for reader in readers:
        await reader.finish(WAIT)
        assert says_so(reader)
        assert final_statuses(reader) == []
        terminal = await terminal_of(cluster, reader.request_id)
        assert terminal.error is not None
        assert terminal.error.type == "frames_lost"
        assert await cluster.sim_calls(reader.request_id) == 1
    assert used_twice(readers, await replays(cluster, readers)) == []
    status, text = await waiting
    assert (status, "frames_lost" in text) == (502, True)
    url = f"{cluster.urls[1]}/v1/jobs/{readers[0].request_id}/events"
    end = (await cluster.job(readers[0].request_id)).last
    assert await _status_after(cluster, url, end) == 204
    for cursor in (cursors[0], readers[0].cursor):  # a lost one, and that of an end of its own
        assert await _status_after(cluster, url, cursor) == 200


async def test_a_job_that_is_lost_with_its_worker_is_no_job_that_never_was(
    make_cluster: Make,
) -> None:
    """The store comes back empty, and nobody is there to make the job again."""
    cluster = await make_cluster(apis=1, workers=1)
    model = "sim/tokens=2000,interval=25ms"
    waiting = asyncio.ensure_future(ask_whole(cluster, "waits", model, 0))
    readers = await under_way(cluster, "r", model, 2)
    await cluster.until_active(3)
    crash(cluster, 1 << 40)
    cluster.signal_worker(0, signal.SIGKILL)
    await asyncio.to_thread(cluster.server.start)
    status, text = await waiting
    assert (status, "frames_lost" in text) == (502, True)
    for reader in readers:
        await reader.finish(WAIT)
        assert says_so(reader)
        assert reader.statuses == []
    async with cluster.session.get(f"{cluster.urls[0]}/v1/jobs/waits") as response:
        assert response.status == 404


async def _status_after(cluster: Cluster, url: str, cursor: int) -> int:
    headers = {"Last-Event-ID": str(cursor)}
    async with cluster.session.get(url, headers=headers) as response:
        if response.status == 200:
            assert b"frames_lost" in await response.read()
        return response.status


async def test_a_paused_store_robs_nobody(make_cluster: Make) -> None:
    config = f"[store]\ntimeout = {TIMEOUT}\n"
    cluster = await make_cluster(apis=2, workers=2, config=config)
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
