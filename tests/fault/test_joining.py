"""A call that comes again without a key joins the job of the one that was lost: one inference."""

import asyncio
import signal

import pytest

from rig.answers import uncut
from rig.cluster import Cluster, ask
from rig.keyless import Call
from tests.fault.conftest import Make

MODEL = "sim/tokens=60,interval=30ms"


def said(prompt: str) -> str:
    """The whole answer."""
    text: str = uncut(MODEL.removeprefix("sim/"), prompt)["content"]
    return text


def call(cluster: Cluster, prompt: str, api: int, *, stream: bool = True, **more: object) -> Call:
    body = ask(MODEL, prompt) | {"stream": stream} | more
    return Call(cluster.session, cluster.urls[api], body)


@pytest.mark.parametrize(("first", "again"), [(True, True), (True, False), (False, False)])
async def test_a_call_lost_with_its_api_process_is_joined(
    make_cluster: Make, first: bool, again: bool
) -> None:
    """Streamed or waited for, whichever comes first: ``stream`` is no part of sameness."""
    cluster = await make_cluster(apis=2, workers=1)
    lost = call(cluster, "killed", 0, stream=first)
    await lost.under_way() if first else await asyncio.sleep(0.5)
    cluster.signal_api(0, signal.SIGKILL)
    await lost.finish()
    assert not lost.ended

    retry = await call(cluster, "killed", 1, stream=again).finish()

    assert (retry.status, retry.ended, retry.text) == (200, True, said("killed"))
    assert retry.request_id == lost.request_id or not first
    assert await cluster.sim_calls("killed") == 1
    assert await cluster.metric('streamhold_calls_total{did="joined"}', 1) == 1


async def test_a_retry_before_the_death_is_known_waits_for_it(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=1)
    lost = call(cluster, "early", 0)
    await lost.under_way()
    retry = call(cluster, "early", 1)
    await asyncio.sleep(0.01)
    cluster.signal_api(0, signal.SIGKILL)

    await retry.finish()

    assert retry.request_id == lost.request_id
    assert retry.text == said("early")
    assert await cluster.sim_calls("early") == 1


async def test_a_stopped_api_process_loses_its_readers(make_cluster: Make) -> None:
    """Its connections stand, so only its silence tells."""
    cluster = await make_cluster(apis=2, workers=1)
    lost = call(cluster, "stopped", 0)
    await lost.under_way()
    cluster.signal_api(0, signal.SIGSTOP)
    try:
        retry = await call(cluster, "stopped", 1).finish()
    finally:
        cluster.signal_api(0, signal.SIGCONT)
    assert (retry.request_id, retry.text) == (lost.request_id, said("stopped"))
    assert await cluster.sim_calls("stopped") == 1
    await lost.finish()


async def test_readers_that_a_drain_cuts_are_joined(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=1, config="[server]\ndrain = 0.2\n")
    lost = call(cluster, "drained", 0)
    await lost.under_way()
    cluster.signal_api(0, signal.SIGTERM)
    await lost.finish()
    assert not lost.ended

    retry = await call(cluster, "drained", 1).finish()

    assert (retry.request_id, retry.text) == (lost.request_id, said("drained"))
    assert await cluster.sim_calls("drained") == 1


async def test_each_lost_call_is_joined_by_one_and_those_that_are_read_by_none(
    make_cluster: Make,
) -> None:
    cluster = await make_cluster(apis=2, workers=1)
    lost = [call(cluster, "several", 0) for _ in range(2)]
    read = [call(cluster, "several", 1) for _ in range(2)]
    await asyncio.gather(*(each.under_way() for each in (*lost, *read)))
    assert await cluster.sim_calls("several") == 4, "equal calls that are read stay apart"
    cluster.signal_api(0, signal.SIGKILL)

    retries = [call(cluster, "several", 1) for _ in range(3)]
    await asyncio.gather(*(each.finish() for each in (*retries, *read)))

    texts = {each.text for each in (*retries, *read)}
    assert texts == {said("several")}
    ids = [each.request_id for each in retries]
    assert {each.request_id for each in lost} < set(ids)
    assert len({*ids, *(each.request_id for each in read)}) == 5, "none is joined twice"
    assert await cluster.sim_calls("several") == 5


async def test_a_joining_call_that_is_lost_is_joined_in_turn(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=3, workers=1)
    ids = []
    for api in (0, 1):
        each = call(cluster, "again", api)
        await each.under_way()
        cluster.signal_api(api, signal.SIGKILL)
        ids.append(each.request_id)
    retry = await call(cluster, "again", 2).finish()
    assert {*ids, retry.request_id} == {ids[0]}
    assert await cluster.sim_calls("again") == 1


async def test_the_store_starts_again_and_nobody_who_reads_is_joined(make_cluster: Make) -> None:
    """Its readers' process could not say that it is there while the store was away."""
    cluster = await make_cluster(apis=2, workers=1)
    read = call(cluster, "restarted", 0)
    await read.under_way()
    cluster.server.kill()
    await asyncio.sleep(2.5)
    cluster.server.start()
    other = call(cluster, "restarted", 1)
    while (await other.finish()).status == 503:
        other = call(cluster, "restarted", 1)
    await read.finish()
    assert read.ended
    assert other.text == read.text == said("restarted")
    assert other.request_id != read.request_id


async def test_what_is_not_asked_for_is_not_joined(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=1)
    body = ask(MODEL, "plain") | {"stream": True}
    lost = Call(cluster.session, cluster.urls[0], body, {"x-plain": "1"})
    await lost.under_way()
    cluster.signal_api(0, signal.SIGKILL)
    await call(cluster, "plain", 1).finish()
    assert await cluster.sim_calls("plain") == 2
