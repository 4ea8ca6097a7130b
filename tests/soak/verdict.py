"""What is left when all is over: each job's record, streams and result, and the counts.

Read through the healed API processes, after everything has ended; ``Read`` lines of readers
below 0 are the references that every earlier reader is compared with.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from broker.dialects.chat import fold
from broker.frames import Kind, data_frame
from rig.cluster import ask
from rig.sse_reader import Event
from tests.soak.front import Front
from tests.soak.history import Final, digest
from tests.soak.reading import Reading
from tests.soak.scenario import Scenario

_AT_ONCE = 12  # jobs
_SETTLES = 10.0  # seconds that a cancelled attempt's outcome may take to be recorded
_LOOK = 0.2
_NOTHING = "{}"
_TEXTS = ("content", "reasoning_content", "tool_calls")


class Verdicts:
    """Collects what is left of jobs.

    ``calls`` are the provider's counts by prompt; ``losses`` tells how many leases of a job
    have expired.
    """

    def __init__(
        self, front: Front, calls: dict[str, int], losses: Callable[[str], Awaitable[int]]
    ) -> None:
        self._front = front
        self._calls = calls
        self._losses = losses

    async def collect(self, scenarios: list[Scenario]) -> None:
        """All of them, some at once."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int, scenario: Scenario) -> None:
            async with turns:
                await self._collect(number, scenario)

        await asyncio.gather(*(one(n, scenario) for n, scenario in enumerate(scenarios)))

    async def _collect(self, number: int, scenario: Scenario) -> None:
        job, model = scenario.job, scenario.course.name
        status, record = await self._record(job, number)
        deleted = scenario.delete is not None
        chunks: list[Event] = []
        told = 0
        result_status, result = 0, None
        if record is not None:
            call = ask(model, job)
            native = await Reading(self._front, job, -1, "native", None, number).read()
            told = sum(1 for event in native.events if event.name == b"attempt")
            shown = await Reading(self._front, job, -2, "chat", call, number + 1).read()
            await Reading(self._front, job, -3, "usage", call, number + 2).read()
            chunks = shown.events[:-1]
            answer = await self._front.ask(
                job, "result", "GET", f"/v1/jobs/{job}/result?wait=5", api=number
            )
            result_status = answer.status
            result = digest(answer.body) if answer.status == 200 else None
        said, finishes = spoken(chunks)
        self._front.history.add(
            Final(
                job=job,
                model=model,
                deleted=deleted,
                status=status,
                record=record,
                calls=self._calls.get(job, 0),
                result_status=result_status,
                result=result,
                said=said,
                finishes=finishes,
                told=told,
                losses=0 if record is None else await self._losses(job),
            )
        )

    async def _record(self, job: str, api: int) -> tuple[int, dict[str, Any] | None]:
        """The record, once all of its attempts are settled, or the time for that is over."""
        deadline = self._front.clock() + _SETTLES
        while True:
            answer = await self._front.ask(job, "look", "GET", f"/v1/jobs/{job}", api=api)
            if not answer.job:
                return answer.status, None
            settled = all(attempt["outcome"] for attempt in answer.job["attempts"])
            if settled or self._front.clock() > deadline:
                return answer.status, answer.job
            await asyncio.sleep(_LOOK)


def spoken(chunks: list[Event]) -> tuple[str, int]:
    """The first choice's texts that the chunks add up to, and how many finish reasons they have."""
    answer = fold([data_frame(Kind.DIALECT, event.data) for event in chunks])
    choices = [c for event in chunks for c in json.loads(event.data).get("choices", ())]
    finishes = sum(1 for choice in choices if choice.get("finish_reason"))
    if not answer["choices"]:
        return _NOTHING, finishes
    return texts(answer["choices"][0]["message"]), finishes


def texts(message: dict[str, Any]) -> str:
    """What a message says, as JSON in ASCII: it may hold halves of a character."""
    return json.dumps({key: message[key] for key in _TEXTS if message.get(key)}, sort_keys=True)


async def provider_calls(front: Front, sim_url: str) -> dict[str, int]:
    """The provider's own count, by prompt."""
    async with front.session.get(f"{sim_url}/sim/calls") as response:
        counted: dict[str, int] = msgspec.json.decode(await response.read())["by_prompt"]
        return counted
