"""A rolling restart under load: every process replaced, and no caller has a call that failed."""

import asyncio
import time

from bench.faults.case import Found, Sheet, Start
from bench.percentiles import median
from rig.cluster import Cluster
from rig.evidence import check_whole
from rig.load import Load
from rig.rolling import replace_all

CALLERS = 100
TOKENS, LASTS = 50, 5.0  # of a call; seconds
SIM_MODEL = f"tokens={TOKENS},interval=100ms"
PROCESSES = 2  # of each kind
_LONGEST = 30.0  # seconds that a call may take before it counts as failed


async def measure(start: Start) -> Found:
    """Replace every API process and every worker once."""
    sheet = Sheet("rolling")
    cluster = await start(apis=PROCESSES, workers=PROCESSES)
    load = Load(cluster, SIM_MODEL, CALLERS, _LONGEST)
    calls = asyncio.create_task(load.run(spread=LASTS))
    await asyncio.sleep(LASTS)  # until every caller is at work
    begun = time.monotonic()
    exits = await replace_all(cluster, load)
    seconds = time.monotonic() - begun
    load.stopping = True
    await calls
    provider_calls = (await cluster.sim_counts())["total"]
    return Found(
        [
            sheet.figure("calls", "", load.started, note=f"{CALLERS} at a time, {LASTS:g} s each"),
            sheet.figure("lasted", "s", seconds, note=f"{len(exits)} processes replaced"),
            sheet.figure("drain_median", "s", median(exits), note="from SIGTERM to the exit"),
            sheet.figure("made_again", "", load.made_again, note="calls cut off or refused"),
            sheet.none("failed_calls", len(load.failures), "; ".join(load.failures[:3])),
            sheet.none("extra_provider_calls", provider_calls - load.started),
            sheet.none("not_whole", await _incomplete(cluster, load.prompts)),
        ]
    )


async def _incomplete(cluster: Cluster, prompts: list[str]) -> int:
    """How many streams the store does not have whole, in one attempt of one call."""
    count = 0
    for prompt in prompts:
        try:
            await check_whole(cluster, prompt, TOKENS)
        except AssertionError:
            count += 1
    return count
