"""What nobody should have left behind once every job has ended: in queues, leases, sockets.

Read from the API processes' metrics and from the provider's gauge of open calls, again and
again until all is gone or the time for it is over; and the list of jobs, page by page.
"""

import asyncio
import re

import msgspec

from tests.soak.front import LOST, Front
from tests.soak.history import Counted, Listed

_GONE = 15.0  # seconds that it may take: a few ticks of the rescuer, and a stopped loop's turn
_LOOK = 0.3
_SAMPLE = re.compile(r"^(streamhold_\w+)(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)
GAUGES = ("streamhold_queued_jobs", "streamhold_running_jobs", "streamhold_readers")
OPEN_CALLS = "provider_open_calls"


async def wait_until_gone(front: Front, sim_url: str) -> None:
    """Wait for all to be gone; whatever there is at last goes into the history."""
    deadline = front.clock() + _GONE
    while True:
        left = await _left(front, sim_url)
        if not any(left.get(name) for name in (*GAUGES, OPEN_CALLS)) or front.clock() > deadline:
            break
        await asyncio.sleep(_LOOK)
    for name, value in sorted(left.items()):
        if name.endswith("_total") or name in (*GAUGES, OPEN_CALLS):
            front.history.add(Counted(name=name, value=value))


async def _left(front: Front, sim_url: str) -> dict[str, float]:
    """Metrics of ours, summed over the processes, and the provider's open calls."""
    sums: dict[str, float] = {}
    for url in front.urls:
        text = (await _get(front, f"{url}/metrics")).decode()
        for name, value in _SAMPLE.findall(text):
            sums[name] = sums.get(name, 0.0) + float(value)
    counted = msgspec.json.decode(await _get(front, f"{sim_url}/sim/calls"))
    return {**sums, OPEN_CALLS: float(counted["active"])}


async def list_jobs(front: Front) -> None:
    """Every page of the list of jobs."""
    found: list[str] = []
    after = ""
    while True:
        data = await _get(front, f"{front.urls[0]}/v1/jobs?limit=100{after}")
        page = msgspec.json.decode(data)
        found += [job["request_id"] for job in page["data"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    front.history.add(Listed(jobs=found))


async def _get(front: Front, url: str) -> bytes:
    while True:
        try:
            async with front.session.get(url) as response:
                if response.status == 200:
                    return await response.read()
        except LOST:
            pass
        await asyncio.sleep(_LOOK)
