"""Sends an answer at its pace, and breaks off as its behaviour says.

Every deadline counts from the start of the body, so a lagging loop catches up and does not
drift. Where nothing is to be waited for, the loop still gets a turn after each write: one
stream as fast as possible must not starve the others, and each chunk leaves as its own write.
"""

import asyncio
import time
from asyncio import get_running_loop
from itertools import islice

from aiohttp import web

from sim.answer import Answer
from sim.behaviour import Behaviour, End
from sim.errors import answer_error
from sim.render import Script
from sim.text import UNSET_CLOCK

_HTML = "<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>\n"


async def refuse(request: web.Request, behaviour: Behaviour) -> web.StreamResponse | None:
    """Meet the faults that come before an answer; None if there is none of them."""
    if behaviour.drop:
        await cut(request)
        return web.Response()  # never leaves: the connection is gone
    if behaviour.hang:
        await _forever()
    if behaviour.status is None and behaviour.contenttype is None:
        return None
    await asyncio.sleep(behaviour.ttft)
    if behaviour.status is None:
        return web.Response(text=_HTML, content_type="text/html")
    message = "The simulated provider refused on purpose."
    return answer_error(request, behaviour.status, message, retry_after=behaviour.retryafter)


async def play(request: web.Request, script: Script, behaviour: Behaviour) -> web.StreamResponse:
    """Send a streamed answer."""
    body = _Body(request, behaviour, "text/event-stream; charset=utf-8")
    await body.begin()
    await body.write(script.opening)
    sent = 0
    while group := list(islice(script.deltas, behaviour.batch)):
        sent += len(group)
        await body.until((sent - 1) // script.width)
        data = b"".join(group)
        if behaviour.clock:
            data = data.replace(UNSET_CLOCK, b"%016d" % (time.monotonic_ns() // 1000))
        await body.write(data)
    if script.closing:
        await body.write(script.closing)
    await body.finish(script.end)
    return body.response


async def play_whole(
    request: web.Request, content: bytes, answer: Answer, behaviour: Behaviour
) -> web.StreamResponse:
    """Send an answer, rendered whole, when its last token is due; half of it, if it ends early."""
    count = sum(choice.count for choice in answer.choices)
    end, after = behaviour.end or (None, count)
    if after > count:
        end, after = None, count
    await asyncio.sleep(behaviour.ttft + after // len(answer.choices) * behaviour.interval)
    if end is End.ERROR:
        return answer_error(request, 500, "The simulated provider failed on purpose.")
    garbled = behaviour.garbleafter is not None and behaviour.garbleafter <= count
    if end is None and not garbled:
        return web.Response(body=content, content_type="application/json")
    body = _Body(request, Behaviour(), "application/json")
    await body.begin()
    await body.write(content[: len(content) // 2])
    await body.finish(end)
    return body.response


class _Body:
    """One response's body: paced writes, and an end that may be none."""

    def __init__(self, request: web.Request, behaviour: Behaviour, content_type: str) -> None:
        self.response = web.StreamResponse(headers={"Content-Type": content_type})
        self._request = request
        self._behaviour = behaviour
        self._loop = get_running_loop()
        self._start = self._loop.time() + behaviour.ttft

    async def begin(self) -> None:
        """Send the headers at once, and wait for the first byte's time."""
        self.response.headers["Cache-Control"] = "no-cache"
        await self.response.prepare(self._request)
        await self.response.write(b"")  # aiohttp keeps the headers back until the first write
        await self.until(0)

    async def until(self, step: int) -> None:
        """Wait for the time of a step, counted from 0 at the first byte; yield in any case."""
        due = self._start + step * self._behaviour.interval
        await asyncio.sleep(max(0.0, due - self._loop.time()))

    async def write(self, data: bytes) -> None:
        """Write at once, or in pieces of the size that the behaviour wants."""
        size = self._behaviour.split
        if not size:
            await self.response.write(data)
            return
        for start in range(0, len(data), size):
            await self.response.write(data[start : start + size])
            await asyncio.sleep(0)  # else the loop joins the pieces again

    async def finish(self, end: End | None) -> None:
        """Leave the body to its clean end, or break it off."""
        if end is End.DROP:
            await cut(self._request)
        elif end is End.HANG:
            await _forever()


async def cut(request: web.Request) -> None:
    """Cut the connection once what was written is out: the fault counts chunks, to the byte."""
    transport = request.transport
    while transport is not None and not transport.is_closing():
        if not transport.get_write_buffer_size():
            transport.abort()
            return
        await asyncio.sleep(0.001)


async def _forever() -> None:
    await get_running_loop().create_future()
