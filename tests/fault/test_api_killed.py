"""kill -9 of an API process: its readers lose nothing once they have come again."""

import signal
import time

from broker.model import JobState
from rig.cluster import WAIT, ask, key
from rig.evidence import check_whole, replay
from rig.sse_reader import SseReader, always, first_then
from tests.fault.conftest import Make

GRACE = 1.5  # seconds
TOKENS = 60
MODEL = f"sim/tokens={TOKENS},interval=30ms,obfuscation=1"


async def test_readers_of_a_killed_api_go_on_through_another(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=1)
    dies, lives = cluster.urls
    native = [f"native-{n}" for n in range(10)]
    chat = [f"chat-{n}" for n in range(10)]
    for prompt in native:
        await cluster.submit(prompt, MODEL)
    session = cluster.session
    cut = [SseReader(session, p, first_then(dies, lives)).start() for p in native]
    cut += [SseReader(session, p, first_then(dies, lives), ask(MODEL, p)).start() for p in chat]
    uncut = [SseReader(session, p, always(lives)).start() for p in native]

    for reader in cut:
        await reader.reached(lambda r: len(r.events) > 10, WAIT)
    cluster.signal_api(0, signal.SIGKILL)
    for reader in (*cut, *uncut):
        await reader.finish(WAIT)

    assert all(reader.connections == 2 for reader in cut)
    for prompt, reader, whole in zip(native, cut[:10], uncut, strict=True):
        assert reader.transcript == whole.transcript == await replay(cluster, prompt, 1)
    for prompt, reader in zip(chat, cut[10:], strict=True):
        assert reader.transcript == await replay(cluster, prompt, 1, MODEL)
    for prompt in native + chat:
        await check_whole(cluster, prompt, TOKENS)


async def test_the_readers_of_a_killed_api_have_their_grace_to_come_again(
    make_cluster: Make,
) -> None:
    """Of jobs that their readers' leaving cancels: from the kill on, which tells nobody."""
    cluster = await make_cluster(apis=2, workers=1)
    dies, lives = cluster.urls
    endless = "sim/tokens=5000,interval=20ms"
    options = {"on_disconnect": "cancel", "grace": GRACE}
    for prompt in ("gone", "back"):
        body = {"request_id": prompt, "request": ask(endless, prompt), "options": options}
        async with cluster.session.post(f"{lives}/v1/jobs", json=body) as response:
            assert response.status == 202
    gone = SseReader(cluster.session, "gone", always(dies)).start()
    back = SseReader(cluster.session, "back", first_then(dies, lives)).start()
    for reader in (gone, back):  # beyond their grace, read all the time
        await reader.reached(lambda r: len(r.events) > GRACE * 50 + 50, WAIT)
    begun = time.time()
    cluster.signal_api(0, signal.SIGKILL)
    await cluster.until_ended(["gone"])
    assert gone.task is not None
    gone.task.cancel()

    job = await cluster.job("gone")
    assert job.error is not None
    assert (job.state, job.error.code) == (JobState.CANCELLED, "disconnected")
    assert job.ended_ms is not None
    assert GRACE - 0.6 < job.ended_ms / 1000 - begun < GRACE + 2
    back.mark()
    await back.reached(lambda r: r.since_mark > GRACE * 50, WAIT)
    assert (await cluster.job("back")).state is JobState.RUNNING
    assert await cluster.metric("streamhold_abandoned_jobs_total", 1) == 1
    await cluster.store.jobs.cancel(key("back"))
    await back.finish(WAIT)
    await cluster.until_aborted(2)
