"""Every process replaced under load: no call fails, none is made twice."""

import asyncio

from rig.evidence import check_whole
from rig.load import Load
from rig.rolling import replace_all
from tests.fault.conftest import Make

TOKENS = 20
MODEL = f"tokens={TOKENS},interval=50ms"  # a second
CALLERS = 16
LONGEST = 20.0  # seconds a call


async def test_a_rolling_restart_fails_no_call(make_cluster: Make) -> None:
    cluster = await make_cluster(apis=2, workers=2)
    load = Load(cluster, MODEL, CALLERS, LONGEST)
    calls = asyncio.create_task(load.run(spread=1.0))
    await replace_all(cluster, load)
    load.stopping = True
    await calls
    assert load.failures == []
    assert load.made_again > 0  # they did meet processes that went
    assert (await cluster.sim_counts())["total"] == load.started == len(load.ended)
    for prompt in load.prompts:
        await check_whole(cluster, prompt, TOKENS, drains=True)
