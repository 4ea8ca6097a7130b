"""SIGTERM: what ends in time ends, the rest goes elsewhere, the process exits 0."""

import asyncio
import signal
import time

import aiohttp

from broker.model import JobState
from rig.cluster import WAIT, Cluster, ask
from rig.evidence import check_whole, replay, terminal_of
from rig.sse_reader import SseReader, always, first_then
from tests.fault.conftest import Make

SILENT = "sim/tokens=5,interval=5ms,hang,failfirst=1"  # its second call answers
ENDS = "sim/tokens=60,interval=30ms"  # within the drain
ENDLESS = "sim/tokens=2000,interval=30ms"
DRAIN = 5.0  # seconds
CONFIG = f"[worker]\ndrain = {DRAIN}\n[server]\ndrain = {DRAIN}\n"
EXIT = DRAIN + 10.0  # seconds from SIGTERM to the end of the process


async def test_a_draining_worker_finishes_what_it_can_and_hands_on_the_rest(
    make_cluster: Make,
) -> None:
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    ends = await cluster.submit_all("ends", ENDS, 4)
    endless = await cluster.submit_all("endless", ENDLESS, 2)
    silent = await cluster.submit_all("silent", SILENT, 4)
    await cluster.until_jobs(ends + endless, lambda job: job.delivered)
    await cluster.until_active(10)
    await cluster.add_worker()

    cluster.signal_worker(0, signal.SIGTERM)
    late = await cluster.submit_all("late", "sim/tokens=3,interval=0", 4)
    await cluster.until_ended(late)
    assert cluster.workers[0].process.poll() is None
    assert all([await cluster.sim_calls(prompt) == 1 for prompt in silent])  # its time isn't up
    await cluster.exited(cluster.workers[0], EXIT)
    await cluster.until_ended(ends + endless + silent)

    for prompt in ends:
        await check_whole(cluster, prompt, 60)
    for prompt in silent:
        job = await cluster.job(prompt)
        assert (job.state, job.losses) == (JobState.COMPLETED, 0)
        assert [attempt.outcome for attempt in job.attempts] == ["handed_over", "completed"]
        assert await cluster.sim_calls(prompt) == 2
    for prompt in endless:
        terminal = await terminal_of(cluster, prompt)
        assert terminal.error is not None
        assert terminal.error.type == "worker_lost"
        attempts = (await cluster.job(prompt)).attempts
        assert [attempt.outcome for attempt in attempts] == ["handed_over"]
    await cluster.until_aborted(len(silent + endless))


async def test_rolling_hand_overs_do_not_use_up_the_attempts(make_cluster: Make) -> None:
    """Each drain calls the provider once more, and none of it is the provider's failure."""
    config = "[worker]\ndrain = 0.3\nattempts = 1\n"
    cluster = await make_cluster(apis=1, workers=1, config=config)
    rounds = 3
    model = f"sim/tokens=5,interval=5ms,hang,failfirst={rounds}"
    prompts = await cluster.submit_all("rolled", model, 4)
    for place in range(rounds):
        for prompt in prompts:
            await cluster.until_called(prompt, place + 1)
        await cluster.add_worker()
        cluster.signal_worker(place, signal.SIGTERM)
        await cluster.exited(cluster.workers[place], EXIT)
    await cluster.until_ended(prompts)
    for prompt in prompts:
        job = await cluster.job(prompt)
        assert (job.state, job.losses) == (JobState.COMPLETED, 0)
        assert [each.outcome for each in job.attempts] == ["handed_over"] * rounds + ["completed"]
        assert all(each.usage and each.usage["estimated"] for each in job.attempts[:-1])
        assert await cluster.sim_calls(prompt) == len(job.attempts)


async def test_a_draining_worker_exits_with_the_store_away(make_cluster: Make) -> None:
    """Nothing can be handed over then; it goes all the same, and the rescuer does the rest."""
    cluster = await make_cluster(apis=1, workers=1, config="[worker]\ndrain = 1\n")
    prompts = await cluster.submit_all("silent", SILENT, 10)
    await cluster.until_active(len(prompts))
    cluster.server.kill()
    cluster.signal_worker(0, signal.SIGTERM)
    await cluster.exited(cluster.workers[0], EXIT)
    cluster.server.start()
    await cluster.add_worker()
    await cluster.until_ended(prompts)
    for prompt in prompts:
        assert (await terminal_of(cluster, prompt)).state is JobState.COMPLETED


async def test_a_draining_api_hands_streams_back_or_ends_them(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=1, config=CONFIG)
    goes, stays = cluster.urls
    native = await cluster.submit_all("native", ENDS, 5)
    session = cluster.session
    handed = [SseReader(session, p, first_then(goes, stays)).start() for p in native]
    chat = [SseReader(session, f"chat-{n}", always(goes), ask(ENDS, f"chat-{n}")) for n in range(5)]
    cut = SseReader(session, "endless", first_then(goes, stays), ask(ENDLESS, "endless"))
    whole = asyncio.create_task(_whole_answer(cluster, "whole", ENDS))
    for reader in (*handed, *(each.start() for each in (*chat, cut))):
        await reader.reached(lambda r: len(r.events) > 5, WAIT)
    await cluster.until_called("whole", 1)

    cluster.signal_api(0, signal.SIGTERM)
    for reader in handed:
        await reader.reached(lambda r: bool(r.retries) and r.connections == 2, WAIT)
    assert not any(reader.ended for reader in chat)  # at once, that is to say
    await _refused(cluster, goes)
    for reader in (*handed, *chat):
        await reader.finish(WAIT)
    assert (await whole)["choices"][0]["finish_reason"] == "stop"
    await cluster.exited(cluster.apis[0], EXIT)
    await cut.reached(lambda r: r.connections == 2, WAIT)

    for prompt, reader in zip(native, handed, strict=True):
        assert reader.retries == [b'{"reason":"draining"}']
        assert reader.transcript == await replay(cluster, prompt, 1)
        await check_whole(cluster, prompt, 60)
    for reader in chat:
        assert reader.connections == 1
        assert reader.transcript == await replay(cluster, reader.request_id, 1, ENDS)
        await check_whole(cluster, reader.request_id, 60)
    assert await cluster.sim_calls("endless") == 1


async def test_a_draining_api_ends_calls_without_streaming(make_cluster: Make) -> None:
    """Their callers hold no cursor; cut off, they'd ask and pay again."""
    cluster = await make_cluster(apis=1, workers=1, config=CONFIG)
    whole = asyncio.create_task(_whole_answer(cluster, "whole", "sim/tokens=100,interval=30ms"))
    await cluster.until_called("whole", 1)
    cluster.signal_api(0, signal.SIGTERM)
    assert (await whole)["choices"][0]["finish_reason"] == "stop"
    await cluster.exited(cluster.apis[0], EXIT)


async def test_an_idle_process_exits_at_once(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=1, workers=1)
    begun = time.monotonic()
    cluster.signal_api(0, signal.SIGTERM)
    cluster.signal_worker(0, signal.SIGTERM)
    await asyncio.gather(
        cluster.exited(cluster.apis[0], EXIT), cluster.exited(cluster.workers[0], EXIT)
    )
    assert time.monotonic() - begun < 5


async def _whole_answer(
    cluster: Cluster, prompt: str, model: str
) -> dict[str, list[dict[str, str]]]:
    """A call without streaming, through the API process that goes."""
    url = f"{cluster.urls[0]}/v1/chat/completions"
    async with cluster.session.post(url, json=ask(model, prompt)) as response:
        assert response.status == 200
        answer: dict[str, list[dict[str, str]]] = await response.json()
        return answer


async def _refused(cluster: Cluster, url: str) -> None:
    """A new call is refused there: with 503, or its connection."""
    try:
        async with cluster.session.post(
            f"{url}/v1/chat/completions", json=ask(ENDS, "refused")
        ) as response:
            assert response.status == 503
            assert response.headers["Retry-After"]
        async with cluster.session.get(f"{url}/readyz") as response:
            assert response.status == 503
    except aiohttp.ClientConnectionError:
        pass
    assert await cluster.sim_calls("refused") == 0
