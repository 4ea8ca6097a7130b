"""A rolling restart under load: every process replaced, and no caller has a call that failed.

A hundred callers are busy all the time, each with the next call as soon as the last has ended;
half post chat calls, half submit jobs and follow their events. A new process is started, then
the old one is told to stop, and the next pair is due when the old one has gone. No balancer
takes the old one out before: callers meet it while it drains, and come again elsewhere.
"""

import asyncio
import itertools
import signal
import time
from collections.abc import Iterator

import aiohttp

from bench.faults.case import Found, Sheet, Start
from bench.percentiles import median
from rig.answers import said_to, uncut
from rig.cluster import Cluster, ask
from rig.evidence import check_whole
from rig.sse_reader import SseReader

CALLERS = 100
TOKENS = 50
SIM_MODEL = f"tokens={TOKENS},interval=100ms"  # five seconds
PROCESSES = 2  # of each kind
_LONGEST = 30.0  # seconds that a call may take before it counts as failed
_EXIT = 30.0  # seconds from SIGTERM to the end of a process
_AGAIN = 0.05  # seconds before a refused submission is made again


class Load:
    """The callers. ``doors`` are the API processes that they know of."""

    def __init__(self, cluster: Cluster) -> None:
        self.doors = list(cluster.urls)
        self.stopping = False
        self.ended: list[SseReader] = []
        self.failures: list[str] = []
        self.started = 0
        self.refused = 0  # submissions that had to be made again
        self._cluster = cluster
        self._turn = itertools.count()

    def _urls(self) -> Iterator[str]:
        while True:
            yield self.doors[next(self._turn) % len(self.doors)]

    async def run(self) -> None:
        """Call until ``stopping``, and to the end of what was begun then."""
        async with asyncio.TaskGroup() as group:
            for place in range(CALLERS):
                group.create_task(self._caller(place))

    async def _caller(self, place: int) -> None:
        await asyncio.sleep(place / CALLERS * 5)
        for turn in itertools.count():
            if self.stopping:
                return
            await self._call(f"roll-{place}-{turn}", is_chat=place % 2 == 0)

    async def _call(self, prompt: str, *, is_chat: bool) -> None:
        self.started += 1
        call = ask(f"sim/{SIM_MODEL}", prompt)
        reader = SseReader(self._cluster.session, prompt, self._urls(), call if is_chat else None)
        try:
            async with asyncio.timeout(_LONGEST):
                if not is_chat:
                    await self._submit(prompt, call)
                await reader.read()
        except (TimeoutError, AssertionError) as error:
            self.failures.append(f"{prompt}: {type(error).__name__} {error}")
            return
        self.ended.append(reader)
        if not self._is_good(reader):
            last = reader.events[-1].raw[-200:] if reader.events else b"nothing"
            self.failures.append(f"{prompt}: {reader.statuses} {last!r}")

    async def _submit(self, prompt: str, call: dict[str, object]) -> None:
        body = {"request_id": prompt, "request": call}
        for url in self._urls():
            try:
                async with self._cluster.session.post(f"{url}/v1/jobs", json=body) as response:
                    if response.status in (200, 202):
                        return
                    assert response.status == 503, response.status
            except aiohttp.ClientError:
                pass  # it has gone, or goes
            self.refused += 1
            await asyncio.sleep(_AGAIN)

    def _is_good(self, reader: SseReader) -> bool:
        if not reader.events or not reader.ended:
            return False
        if not reader.is_chat:
            return b'"state":"completed"' in reader.events[-1].data
        return said_to(reader) == uncut(SIM_MODEL, reader.request_id)


async def measure(start: Start) -> Found:
    """Replace every API process and every worker once."""
    sheet = Sheet("rolling")
    cluster = await start(apis=PROCESSES, workers=PROCESSES)
    load = Load(cluster)
    calls = asyncio.create_task(load.run())
    await asyncio.sleep(5.0)  # until every caller is at work
    begun = time.monotonic()
    exits = [await _replace_api(cluster, load, place) for place in range(PROCESSES)]
    exits += [await _replace_worker(cluster, place) for place in range(PROCESSES)]
    seconds = time.monotonic() - begun
    load.stopping = True
    await calls
    resumed = [reader for reader in load.ended if reader.connections > 1 or reader.statuses]
    provider_calls = (await cluster.sim_counts())["total"]
    incomplete = await _incomplete(cluster, [reader.request_id for reader in load.ended])
    return Found(
        [
            sheet.figure("calls", "", load.started, note=f"{CALLERS} at a time, 5 s each"),
            sheet.figure("lasted", "s", seconds, note=f"{2 * PROCESSES} processes replaced"),
            sheet.figure("drain_median", "s", median(exits), note="from SIGTERM to the exit"),
            sheet.figure("resumed", "", len(resumed) + load.refused, note="calls made again"),
            sheet.none("failed_calls", len(load.failures), "; ".join(load.failures[:3])),
            sheet.none("extra_provider_calls", provider_calls - load.started),
            sheet.none("not_whole", incomplete),
        ]
    )


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


async def _incomplete(cluster: Cluster, prompts: list[str]) -> int:
    """How many streams the store does not have whole, in one attempt of one call."""
    count = 0
    for prompt in prompts:
        try:
            await check_whole(cluster, prompt, TOKENS)
        except AssertionError:
            count += 1
    return count
