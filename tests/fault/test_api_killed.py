"""kill -9 of an API process: its readers lose nothing once they have come again."""

import signal

from rig.cluster import WAIT, ask
from rig.evidence import check_whole, replay
from rig.sse_reader import SseReader, always, first_then
from tests.fault.conftest import Make

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
