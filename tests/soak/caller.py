"""The callers and readers of one job, as its scenario says, until all of them have an end."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from rig.cluster import ask
from tests.soak.front import Front
from tests.soak.reading import Reading
from tests.soak.scenario import Late, Scenario

_LOOK = 0.7  # seconds between two looks at the record
_FINAL = ("completed", "failed", "cancelled")


class Caller:
    """Runs one scenario. ``readings`` are its readers, in the order they were begun."""

    def __init__(self, front: Front, scenario: Scenario) -> None:
        self.scenario = scenario
        self.job = scenario.job
        self.call = ask(scenario.course.name, scenario.job)
        self.readings: list[Reading] = []
        self._front = front
        self._accepted = asyncio.Event()
        self._next_api = scenario.first_api

    async def run(self) -> None:
        """Everything that the scenario asks for; returns when the last of it has ended."""
        scenario = self.scenario
        parts: list[Coroutine[Any, Any, Any]] = [self._knock(door) for door in scenario.doors]
        parts += [self._join(late) for late in scenario.late]
        parts.append(self._watch())
        if scenario.waits:
            parts.append(self._wait_for_result())
        if scenario.cancel is not None:
            parts.append(self._end("cancel", "POST", "/cancel", scenario.cancel))
        if scenario.delete is not None:
            parts.append(self._end("delete", "DELETE", "", scenario.delete))
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)

    def _api(self) -> int:
        self._next_api += 1
        return self._next_api

    async def _knock(self, door: str) -> None:
        if door in ("stream", "usage"):
            view = "chat" if door == "stream" else "usage"
            await self._read(view, self.scenario.leaves)
        elif door == "whole":
            headers = {"Idempotency-Key": self.job}
            path = "/v1/chat/completions"
            await self._front.ask(
                self.job, door, "POST", path, api=self._api(), body=self.call, headers=headers
            )
        else:
            body = {"request_id": self.job, "request": self.call}
            await self._front.ask(self.job, door, "POST", "/v1/jobs", api=self._api(), body=body)
        self._accepted.set()

    async def _read(self, view: str, leaves: tuple[int, ...]) -> None:
        call = None if view == "native" else self.call
        reading = Reading(self._front, self.job, len(self.readings), view, call, self._api())
        self.readings.append(reading)
        async with asyncio.TaskGroup() as group:
            group.create_task(reading.read(leaves))
            group.create_task(self._tell(reading))

    async def _tell(self, reading: Reading) -> None:
        await reading.begun.wait()
        self._accepted.set()

    async def _join(self, late: Late) -> None:
        await self._accepted.wait()
        await asyncio.sleep(late.after)
        await self._read(late.view, late.leaves)

    async def _watch(self) -> None:
        """Look at the record until it is final, and once more: it must not change then."""
        await self._accepted.wait()
        final = 0
        while final < 2:
            answer = await self._ask("look", "GET", "")
            if answer == "gone":
                return
            final += answer in _FINAL
            await asyncio.sleep(_LOOK)

    async def _wait_for_result(self) -> None:
        await self._accepted.wait()
        while await self._ask("result", "GET", "/result?wait=20") == "pending":
            pass

    async def _end(self, kind: str, method: str, path: str, after: float) -> None:
        await self._accepted.wait()
        await asyncio.sleep(after)
        await self._ask(kind, method, path)

    async def _ask(self, kind: str, method: str, path: str) -> str:
        """The job's state, ``pending`` for a result that is none yet, ``gone`` without a job."""
        address = f"/v1/jobs/{self.job}{path}"
        answer = await self._front.ask(self.job, kind, method, address, api=self._api())
        if kind == "result":
            return "pending" if answer.status == 202 else "ended"
        state: str = answer.job.get("state", "gone")
        return state
