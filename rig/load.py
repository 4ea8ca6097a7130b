"""Steady load of callers that come again, for as long as something is done to a deployment."""

import asyncio
import itertools
from collections.abc import Iterator

import aiohttp

from rig.answers import said_to, uncut
from rig.cluster import Cluster, ask
from rig.sse_reader import SseReader

_AGAIN = 0.05  # seconds before a refused submission is made again


class Load:
    """Callers that are busy all the time, each with its next call when the last has ended.

    Every other one posts chat calls, the rest submit jobs and follow their events. ``doors``
    are the API processes that they know of, taken in turn. A call has failed if it is not
    answered whole within ``longest`` seconds; one that is refused or cut off is made again.
    """

    def __init__(self, cluster: Cluster, sim_model: str, callers: int, longest: float) -> None:
        self.doors = list(cluster.urls)
        self.stopping = False
        self.ended: list[SseReader] = []
        self.failures: list[str] = []
        self.started = 0
        self.refused = 0  # submissions that had to be made again
        self._cluster = cluster
        self._sim_model = sim_model
        self._callers = callers
        self._longest = longest
        self._turn = itertools.count()

    @property
    def prompts(self) -> list[str]:
        """Of the calls that came to an end."""
        return [reader.request_id for reader in self.ended]

    @property
    def made_again(self) -> int:
        """Calls that were cut off, handed back or refused, and came again."""
        return self.refused + sum(r.connections > 1 or bool(r.statuses) for r in self.ended)

    async def run(self, spread: float) -> None:
        """Call until ``stopping``, and to the end of what was begun then.

        The callers begin one after the other, within ``spread`` seconds.
        """
        async with asyncio.TaskGroup() as group:
            for place in range(self._callers):
                group.create_task(self._caller(place, place / self._callers * spread))

    async def _caller(self, place: int, delay: float) -> None:
        await asyncio.sleep(delay)
        for turn in itertools.count():
            if self.stopping:
                return
            await self._call(f"load-{place}-{turn}", is_chat=place % 2 == 0)

    async def _call(self, prompt: str, *, is_chat: bool) -> None:
        self.started += 1
        call = ask(f"sim/{self._sim_model}", prompt)
        reader = SseReader(self._cluster.session, prompt, self._urls(), call if is_chat else None)
        try:
            async with asyncio.timeout(self._longest):
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

    def _urls(self) -> Iterator[str]:
        while True:
            yield self.doors[next(self._turn) % len(self.doors)]

    def _is_good(self, reader: SseReader) -> bool:
        if not reader.events or not reader.events[-1].ends:
            return False
        if not reader.is_chat:
            return b'"state":"completed"' in reader.events[-1].data
        return said_to(reader) == uncut(self._sim_model, reader.request_id)
