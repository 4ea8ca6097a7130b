"""A storm: the same call posted fifty times at the same instant, by all API processes."""

import asyncio
import time

from bench.faults.callers import Callers
from bench.faults.case import Found, Sheet, Start
from bench.percentiles import median

POSTS = 50
ROUNDS = 20
SIM_MODEL = "tokens=20,interval=5ms"
_END = 30.0


async def measure(start: Start) -> Found:
    """One provider call a round, and one stream for all fifty, to the byte."""
    sheet = Sheet("storm")
    cluster = await start(apis=2, workers=2)
    streams, broken, seconds = 0, 0, []
    for number in range(ROUNDS):
        callers = Callers(cluster, f"sim/{SIM_MODEL}", SIM_MODEL)
        begun = time.monotonic()
        await callers.call([f"storm-{number}"] * POSTS)
        await callers.finish(_END)
        seconds.append(time.monotonic() - begun)
        streams += len({reader.transcript for reader in callers.readers})
        broken += callers.broken() + sum(r.connections != 1 for r in callers.readers)
        await asyncio.sleep(0)
    calls = (await cluster.sim_counts())["total"]
    return Found(
        [
            sheet.figure("posts", "", POSTS * ROUNDS, note=f"{ROUNDS} ids, {POSTS} posts each"),
            sheet.figure("last_end_median", "ms", median(seconds) * 1000, note="100 ms of tokens"),
            sheet.none("extra_provider_calls", abs(calls - ROUNDS)),
            sheet.none("different_streams", streams - ROUNDS),
            sheet.none("not_whole", broken),
        ]
    )
