"""The store stopped for twenty seconds, then killed, then started again over its log.

First 100 streams at 50 tokens a second: nothing may be lost or doubled, and a worker's memory
grows by what it holds unacknowledged. Then upstreams that send large tokens as fast as they are
read, while the store is stopped: a worker stops reading at ``max_pending`` bytes a job. The
same without that bound shows what it is for.
"""

import asyncio
import time

from bench.faults.callers import Callers, longest_gap
from bench.faults.case import Found, Sheet, Start
from bench.faults.memory import Memory
from bench.figures import Figure
from rig.cluster import Cluster

STREAMS, WORKERS = 100, 2
PAUSE = 20.0  # seconds
SIM_MODEL = "tokens=1500,interval=20ms"  # half a minute
BACK = 10.0  # seconds from the store's start to the next token

FAST_STREAMS, FAST_PAUSE = 8, 6.0
FAST_SIZE, FAST_TOKENS = 16 * 1024, 1500  # 24 MB a stream
FAST_MODEL = f"tokens={FAST_TOKENS},interval=0,size={FAST_SIZE},ttft=2s"
MAX_PENDING = 1 << 20  # bytes a job, the default
UNBOUNDED = "[worker]\nmax_pending = 1_000_000_000\n"
_MB = 1e6
# A job may hold its bound, what one read brought beyond it, and both once more while a batch
# is made of them; 40 MB are for everything else.
_GROWTH = FAST_STREAMS * 4 * MAX_PENDING / _MB + 40
_END = 120.0


async def measure(start: Start) -> Found:
    """The paced streams, then the fast ones with and without the bound."""
    figures = await _paced(await start(apis=2, workers=WORKERS), Sheet("store_pause"))
    bounded = await start(apis=1, workers=1)
    figures += await _fast(bounded, Sheet("store_pause", "fast"), _GROWTH)
    unbounded = await start(apis=1, workers=1, config=UNBOUNDED)
    figures += await _fast(unbounded, Sheet("store_pause", "fast_unbounded"), None)
    return Found(figures)


async def _paced(cluster: Cluster, sheet: Sheet) -> list[Figure]:
    callers = Callers(cluster, f"sim/{SIM_MODEL}", SIM_MODEL)
    await callers.call([f"paced-{number}" for number in range(STREAMS)], spread=1.0)
    await callers.under_way(100)
    async with Memory([worker.process.pid for worker in cluster.workers]) as memory:
        await asyncio.sleep(1.0)
        before = memory.now
        cluster.server.pause()
        await asyncio.sleep(PAUSE)
        cluster.server.kill()
        held = memory.now
        await asyncio.to_thread(cluster.server.start)
        back = time.monotonic()
        await callers.finish(_END)
        peak, after = memory.peak, memory.now
    waits = [longest_gap(r.times, back) for r in callers.readers]
    first = [next((at for at in r.times if at > back), back + _END) - back for r in callers.readers]
    calls = (await cluster.sim_counts())["total"]
    return [
        sheet.figure("memory_before", "MB", before, note="the larger of two workers, resident"),
        sheet.figure("memory_held", "MB", held, note=f"after {PAUSE:g} s, {STREAMS} streams"),
        sheet.figure("memory_peak", "MB", peak),
        sheet.figure("memory_after", "MB", after),
        sheet.figure("next_token_max", "s", max(first), BACK, "from the store's start"),
        sheet.figure("silence_after_max", "s", max(waits)),
        sheet.none("extra_provider_calls", abs(calls - STREAMS)),
        sheet.none("reconnected", sum(r.connections != 1 for r in callers.readers)),
        sheet.none("not_whole", callers.broken()),
        sheet.none("not_byte_identical", await callers.different()),
    ]


async def _fast(cluster: Cluster, sheet: Sheet, growth: float | None) -> list[Figure]:
    """The store is stopped before the first token, and all upstreams are fast."""
    model = f"sim/{FAST_MODEL}"
    prompts = await cluster.submit_all("fast", model, FAST_STREAMS)
    await cluster.until_active(FAST_STREAMS)
    async with Memory([cluster.workers[0].process.pid]) as memory:
        before = memory.now
        cluster.server.pause()
        await asyncio.sleep(FAST_PAUSE)
        held = memory.peak
        cluster.server.resume()
        await cluster.until_ended(prompts)
        peak, after = memory.peak, memory.now
    callers = Callers(cluster, model, FAST_MODEL)
    await callers.call(prompts)
    await callers.finish(_END)
    total = FAST_STREAMS * FAST_TOKENS * FAST_SIZE / _MB
    return [
        sheet.figure("memory_before", "MB", before),
        sheet.figure("growth", "MB", held - before, growth, f"{total:.0f} MB waited upstream"),
        sheet.figure("growth_peak", "MB", peak - before, note="with the store back"),
        sheet.figure("memory_after", "MB", after),
        sheet.none("not_whole", callers.broken()),
    ]
