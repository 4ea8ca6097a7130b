"""Responses in the background: they go on without a reader, and can be read again from any event.

    POST background ─▶ Background ─▶ events, at their pace ─▶ any number of readers
                                           ▲
    GET …/{id}?stream&starting_after=N ────┘

Faults of the connection (``dropafter``, ``eofafter``) cut the reader that posted, and nothing
else; the others are the answer's own.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec
from aiohttp import web

from sim.behaviour import Behaviour, End
from sim.playback import cut
from sim.render import Script

_NUMBER = re.compile(rb'"sequence_number":(\d+)')
_BETWEEN = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)")
_CUTS = (End.DROP, End.EOF)  # ends of a connection, and not of an answer


def going_on(behaviour: Behaviour) -> Behaviour:
    """The behaviour without the faults of its connection."""
    return msgspec.structs.replace(behaviour, dropafter=None, eofafter=None)


class Background:
    """One response that runs by itself; ``whole`` is the JSON of what it comes to."""

    def __init__(self, script: Script, whole: bytes, behaviour: Behaviour, prompt: str) -> None:
        self.prompt = prompt
        self.cancelled = False
        self._whole = whole
        self._script = script
        self._behaviour = behaviour
        self._events: list[bytes] = []
        self._over = False
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._cut: int | None = None  # the event after which the reader that posted is cut off

    def start(self, ended: Callable[[], None]) -> None:
        """Begin to answer; ``ended`` is called when that is over, however."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda _: ended())

    def cancel(self) -> bool:
        """Stop; whether there was anything left to stop."""
        if self._over or self._task is None:
            return False
        self.cancelled = True
        self._task.cancel()
        return True

    @property
    def told(self) -> dict[str, object]:
        """The response as it stands."""
        told: dict[str, object] = json.loads(self._whole)
        if self._over and not self.cancelled:
            return told
        status = "cancelled" if self.cancelled else "in_progress"
        return {**told, "status": status, "output": [], "usage": None}

    async def answer(
        self, request: web.Request, *, after: int = -1, posted: bool = False
    ) -> web.StreamResponse:
        """Send the events with a number above ``after``, those to come as they come."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        async with aclosing(self._follow()) as events:
            async for place, event in events:
                number = _NUMBER.search(event)
                if number is None or int(number[1]) > after:
                    await response.write(event)
                if posted and place == self._cut:
                    if self._behaviour.end == (End.DROP, self._behaviour.dropafter):
                        await cut(request)
                    return response
        return response

    async def _run(self) -> None:
        behaviour, loop = self._behaviour, asyncio.get_running_loop()
        start = loop.time() + behaviour.ttft
        end, after = behaviour.end or (None, 0)
        try:
            await asyncio.sleep(behaviour.ttft)
            self._add(self._script.opening, last=end in _CUTS and after == 0)
            for place, delta in enumerate(self._script.deltas):
                due = start + place * behaviour.interval
                await asyncio.sleep(max(0.0, due - loop.time()))
                self._add(delta, last=end in _CUTS and after == place + 1)
            self._add(self._script.closing)
            if self._script.end is End.HANG:
                await loop.create_future()
        finally:
            self._over = True
            self._tell()

    def _add(self, text: bytes, *, last: bool = False) -> None:
        self._events += [event for event in _BETWEEN.split(text) if event]
        if last:
            self._cut = len(self._events)
        self._tell()

    def _tell(self) -> None:
        self._more.set()
        self._more = asyncio.Event()

    async def _follow(self) -> AsyncGenerator[tuple[int, bytes], None]:
        """The events, each with its place from 1 on."""
        place = 0
        while True:
            more = self._more
            while place < len(self._events):
                place += 1
                yield place, self._events[place - 1]
            if self._over:
                return
            await more.wait()
