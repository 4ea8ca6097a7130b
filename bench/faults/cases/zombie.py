"""A worker stopped past its leases and let go on: what it still has to say is refused.

Its streams are with another worker by then. The text of each would have something twice, or
something that the other never said, if one word of the stopped worker's had come through.
"""

import signal
import time

import aiohttp

from bench.faults.callers import Callers
from bench.faults.case import Found, Sheet, Start
from bench.faults.cases.worker_kill import CONTINUED, SIM_MODEL
from bench.figures import Figure
from rig.cluster import Cluster

STREAMS = 40
_REFUSED = "streamhold_fenced_appends_total"
_END = 40.0
_LETS_GO = 1.0  # seconds from the moment it goes on until its provider calls are closed


async def measure(start: Start) -> Found:
    """Stop the one worker, let the other take all over, and let the first go on."""
    sheet = Sheet("zombie")
    cluster = await start(apis=1, workers=1, config=CONTINUED)
    callers = Callers(cluster, "story", SIM_MODEL)
    await callers.call([f"story-{number}" for number in range(STREAMS)], spread=0.5)
    await callers.under_way()
    await cluster.add_worker()
    cluster.signal_worker(0, signal.SIGSTOP)
    for reader in callers.readers:
        reader.mark()
    await cluster.until_jobs(callers.prompts, lambda job: len(job.attempts) == 2)
    await callers.reached(lambda reader: reader.since_mark > 5, _END)
    before = await _refused(cluster)
    woken = time.monotonic()
    cluster.signal_worker(0, signal.SIGCONT)
    await cluster.until_aborted(STREAMS)
    gone = max((await cluster.sim_counts())["closed"].values()) - woken
    await callers.finish(_END)
    rescued = sum(job.losses for job in await cluster.jobs(callers.prompts))
    return Found(
        [
            sheet.figure("rescued", "", rescued, note=f"of {STREAMS} streams"),
            *await _refusals(cluster, sheet, before),
            sheet.figure("calls_closed_after", "s", gone, _LETS_GO, "the stopped worker's"),
            sheet.none("unrecorded_calls", await callers.unrecorded()),
            sheet.none("not_whole", callers.broken()),
            sheet.none("not_byte_identical", await callers.different()),
        ]
    )


async def _refusals(cluster: Cluster, sheet: Sheet, before: float | None) -> list[Figure]:
    """How many of its appends were refused; nothing where the API does not count them."""
    after = await _refused(cluster)
    if after is None:
        return []
    return [sheet.figure("appends_refused", "", after - (before or 0.0))]


async def _refused(cluster: Cluster) -> float | None:
    async with cluster.session.get(f"{cluster.urls[0]}/metrics") as response:
        return _total(response, await response.text())


def _total(response: aiohttp.ClientResponse, text: str) -> float | None:
    response.raise_for_status()
    lines = [line for line in text.splitlines() if line.startswith(_REFUSED)]
    return sum(float(line.rpartition(" ")[2]) for line in lines) if lines else None
