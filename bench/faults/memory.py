"""The resident memory of processes while something happens, sampled from /proc."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from bench.processes import resident

_LOOK = 0.05  # seconds between two samples
_MB = 1e6


class Memory:
    """Samples while its block runs. Values are MB, of the process that has most."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self.peak = self.now
        self._task: asyncio.Task[None] | None = None

    @property
    def now(self) -> float:
        return max(map(resident, self._pids)) / _MB

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _sample(self) -> None:
        while True:
            self.peak = max(self.peak, self.now)
            await asyncio.sleep(_LOOK)
