"""Streams through the proxy on a local port while the API process behind it is killed -9.

The callers come once each and never again: whatever is mended is mended between them and the
broker. The process that dies is started again on its port.
"""

import asyncio
import signal
import time

from bench.faults.callers import Callers, longest_gap
from bench.faults.case import Found, Sheet, Start
from bench.percentiles import median, percentile
from rig.cluster import Cluster
from rig.sse_reader import always

STREAMS = 1000
KILLS = 5
TOKENS, INTERVAL = 150, 0.5  # of a stream; seconds
BETWEEN = 5.0  # seconds from one restart to the next kill
_SPREAD = 5.0  # seconds over which the calls begin
_END = 120.0


async def measure(start: Start) -> Found:
    """All of them whole, over one connection and by one provider call each."""
    sheet = Sheet("sidecar")
    cluster = await start(apis=1, workers=1, config="[worker]\nconcurrency = 2000\n")
    through = await through_kills(cluster, STREAMS, KILLS, TOKENS)
    callers, gaps = through.callers, through.gaps
    return Found(
        [
            sheet.figure("streams", "", STREAMS, note=f"{TOKENS} tokens, {INTERVAL * 1000:g} ms"),
            sheet.figure("kills", "", KILLS, note="kill -9 of the only API process"),
            sheet.figure("silence_median", "s", median(gaps), note="the longest of a stream"),
            sheet.figure("silence_p99", "s", percentile(gaps, 99)),
            sheet.figure("away_median", "s", median(through.away), note="from kill to ready"),
            sheet.none("seen_by_callers", through.seen, "connections or statuses more than one"),
            sheet.none("not_whole", callers.broken()),
            sheet.none("different_bytes", await callers.different()),
            sheet.none("unrecorded_calls", await callers.unrecorded()),
            sheet.none("extra_provider_calls", await extra_calls(cluster, STREAMS)),
        ]
    )


class Through:
    """What became of callers through a proxy; ``gaps`` and ``away`` are seconds."""

    def __init__(self, callers: Callers, away: list[float], begun: float) -> None:
        self.callers = callers
        self.away = away
        self.gaps = [longest_gap(reader.times, begun) for reader in callers.readers]
        self.seen = sum(reader.connections - 1 + len(reader.statuses) for reader in callers.readers)


async def through_kills(cluster: Cluster, streams: int, kills: int, tokens: int) -> Through:
    """Run so many streams through a proxy, and kill the API process while they run."""
    url = await cluster.proxy(cluster.urls[0])
    sim_model = f"tokens={tokens},interval={INTERVAL * 1000:g}ms"
    callers = Callers(cluster, f"sim/{sim_model}", sim_model)
    spread = min(_SPREAD, tokens * INTERVAL / 4)
    for number in range(streams):
        callers.add(f"through-{number}", always(url))
        await asyncio.sleep(spread / streams)
    await callers.under_way(3)
    begun, away = time.monotonic(), []
    for _ in range(kills):
        killed = time.monotonic()
        cluster.signal_api(0, signal.SIGKILL)
        await cluster.restart_api(0)
        away.append(time.monotonic() - killed)
        await asyncio.sleep(BETWEEN)
    running = sum(not reader.ended for reader in callers.readers)
    if not running:
        raise RuntimeError("the streams were over before the last kill")
    await callers.finish(_END)
    return Through(callers, away, begun)


async def extra_calls(cluster: Cluster, streams: int) -> int:
    """Provider calls beyond one a stream."""
    return int((await cluster.sim_counts())["total"]) - streams
