"""A worker killed in the middle of its streams: how long readers wait, and who pays for what.

Twice: 100 streams over two workers of which one dies, and all 100 in the one that dies while
the other has nothing to do. Every stream goes on where it was (``on_loss = "continue"``), so
that its text is whole only if the joint is: nothing twice, nothing missing.
"""

import asyncio
import signal
import time

from bench.faults.callers import Callers, longest_gap
from bench.faults.case import Found, Sheet, Start
from bench.figures import Figure
from bench.percentiles import median
from broker.model import Job
from rig.cluster import Cluster

STREAMS = 100
SIM_MODEL = "tokens=160,interval=50ms,prefill"  # eight seconds
CONTINUED = f"""
[providers.pre]
base_url = "SIM_URL"
prefill = true
[routes.story]
targets = ["pre/{SIM_MODEL}"]
on_loss = "continue"
"""
GOAL = 3.0  # seconds from the kill to the next token
_END = 40.0


async def measure(start: Start) -> Found:
    """Both variants."""
    spread = await start(apis=2, workers=2, config=CONTINUED)
    figures = await _kill(spread, Sheet("worker_kill", "one_of_two"), idle=False)
    lone = await start(apis=2, workers=1, config=CONTINUED)
    return Found(figures + await _kill(lone, Sheet("worker_kill", "all_on_one"), idle=True))


async def _kill(cluster: Cluster, sheet: Sheet, *, idle: bool) -> list[Figure]:
    callers = Callers(cluster, "story", SIM_MODEL)
    await callers.call([f"story-{number}" for number in range(STREAMS)], spread=1.0)
    await callers.under_way()
    if idle:
        await cluster.add_worker()
    await asyncio.sleep(0.5)  # its arrival is no part of what is measured
    killed, wall = time.monotonic(), time.time()
    cluster.signal_worker(0, signal.SIGKILL)
    await callers.finish(_END)

    jobs = await cluster.jobs(callers.prompts)
    pairs = zip(callers.readers, jobs, strict=True)
    silences = [longest_gap(reader.times, killed) for reader, job in pairs if job.losses]
    rescued = [job for job in jobs if job.losses]
    again = [_begun_again(job) - wall for job in rescued]
    extra = sum(len(job.attempts) for job in jobs) - STREAMS - len(rescued)
    calls = (await cluster.sim_counts())["total"]
    return [
        sheet.figure("rescued", "", len(rescued), note=f"of {STREAMS} streams"),
        sheet.figure("silence_median", "s", median(silences), note="of the rescued, from the kill"),
        sheet.figure("silence_max", "s", max(silences), GOAL),
        sheet.figure("called_again_median", "s", median(again), note="from the kill"),
        sheet.figure("called_again_max", "s", max(again)),
        sheet.figure("provider_calls", "", calls, note=f"{STREAMS} + the rescued"),
        sheet.none("unrecorded_calls", abs(extra) + await callers.unrecorded()),
        sheet.none("not_whole", callers.broken()),
        sheet.none("not_byte_identical", await callers.different()),
    ]


def _begun_again(job: Job) -> float:
    """When the attempt after the lost one began, in Unix seconds."""
    place = [attempt.outcome for attempt in job.attempts].index("lost")
    return job.attempts[place + 1].started
