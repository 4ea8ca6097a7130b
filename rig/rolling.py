"""A rolling restart: every process replaced by a new one while callers are at work.

A new process is started, then the old one is told to stop, and the next pair is due when the
old one has gone. No balancer takes the old one out before: callers meet it while it drains.
"""

import signal
import time

from rig.cluster import Cluster
from rig.load import Load

_EXIT = 30.0  # seconds from SIGTERM to the end of a process


async def replace_all(cluster: Cluster, load: Load) -> list[float]:
    """Replace the API processes, then the workers; how many seconds each took to go."""
    apis, workers = len(cluster.apis), len(cluster.workers)
    seconds = [await _replace_api(cluster, load, place) for place in range(apis)]
    return seconds + [await _replace_worker(cluster, place) for place in range(workers)]


async def _replace_api(cluster: Cluster, load: Load, place: int) -> float:
    await cluster.add_api()
    load.doors.append(cluster.urls[-1])
    begun = time.monotonic()
    cluster.signal_api(place, signal.SIGTERM)
    await cluster.exited(cluster.apis[place], _EXIT)
    load.doors.remove(cluster.urls[place])
    return time.monotonic() - begun


async def _replace_worker(cluster: Cluster, place: int) -> float:
    await cluster.add_worker()
    begun = time.monotonic()
    cluster.signal_worker(place, signal.SIGTERM)
    await cluster.exited(cluster.workers[place], _EXIT)
    return time.monotonic() - begun
