"""Many callers at once, each of one stream, that come again until they have its end."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence

from rig.answers import said_to, uncut
from rig.cluster import Cluster, ask
from rig.evidence import replay
from rig.sse_reader import SseReader

_AT_ONCE = 20  # replays


class Callers:
    """Callers of ``model``, which ``sim_model`` answers; the prompt is the request id."""

    def __init__(self, cluster: Cluster, model: str, sim_model: str) -> None:
        self.readers: list[SseReader] = []
        self._cluster = cluster
        self._model = model
        self._sim_model = sim_model

    async def call(self, prompts: Sequence[str], spread: float = 0.0) -> None:
        """Begin a call of each prompt, evenly over ``spread`` seconds, by all API processes.

        Begun together they would send their tokens together, which flatters whatever batches.
        """
        for number, prompt in enumerate(prompts):
            urls = itertools.cycle(self._cluster.urls)
            self.add(prompt, itertools.islice(urls, number % len(self._cluster.urls), None))
            await asyncio.sleep(spread / len(prompts))

    def add(self, prompt: str, urls: Iterator[str]) -> SseReader:
        """Begin one call; ``urls`` has the API process of each of its connections."""
        call = ask(self._model, prompt)
        reader = SseReader(self._cluster.session, prompt, urls, call).start()
        self.readers.append(reader)
        return reader

    async def reached(self, condition: Callable[[SseReader], bool], seconds: float) -> None:
        """Return once the condition holds of every caller."""
        await asyncio.gather(*(reader.reached(condition, seconds) for reader in self.readers))

    async def under_way(self, events: int = 10) -> None:
        """Return once every caller has so many events."""
        await self.reached(lambda reader: len(reader.events) >= events, 30.0)

    async def finish(self, seconds: float) -> None:
        """Return once every caller has its terminal."""
        await asyncio.gather(*(reader.finish(seconds) for reader in self.readers))

    @property
    def prompts(self) -> list[str]:
        return [reader.request_id for reader in self.readers]

    def broken(self) -> int:
        """How many did not get the text that the provider says, from first to last letter."""
        return sum(not self.is_whole(reader) for reader in self.readers)

    def is_whole(self, reader: SseReader) -> bool:
        """Whether this one did: nothing lost, nothing twice, and the end of a whole answer."""
        ended = bool(reader.events) and reader.events[-1].data == b"[DONE]"
        return ended and said_to(reader) == uncut(self._sim_model, reader.request_id)

    async def different(self) -> int:
        """How many were sent other bytes than a reader that comes now and stays."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def differs(reader: SseReader) -> bool:
            async with turns:
                now = await replay(self._cluster, reader.request_id, 0, self._model)
            return now != reader.transcript

        return sum(await asyncio.gather(*map(differs, self.readers)))

    async def unrecorded(self) -> int:
        """Calls that the provider saw and no job's record has, or the reverse."""
        counts = (await self._cluster.sim_counts())["by_prompt"]
        jobs = await self._cluster.jobs(self.prompts)
        return sum(
            abs(counts.get(prompt, 0) - len(job.attempts))
            for prompt, job in zip(self.prompts, jobs, strict=True)
        )


def longest_gap(times: Sequence[float], since: float) -> float:
    """The longest time between two events from ``since`` on, in seconds; 0 if none came."""
    later = [since, *(at for at in times if at > since)]
    return max((after - before for before, after in itertools.pairwise(later)), default=0.0)
