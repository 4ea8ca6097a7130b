"""Calls as agents make them: no key, no cursor; lost ones are made again as they were."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from rig.cluster import WAIT

JOIN = {"x-streamhold-join": "60"}


class Call:
    """One call to ``/v1/chat/completions``: what came of it so far.

    ``error`` is why it was lost; ``text`` what was said; ``ended`` whether the end was seen.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = 0
        self.request_id = ""
        self.text = ""
        self.events = 0
        self.ended = False
        self.error: Exception | None = None
        self.answered_after = 0.0  # seconds until the answer's head was there
        self._more = asyncio.Event()
        self._begun = time.monotonic()
        self._response: aiohttp.ClientResponse | None = None
        self.task = asyncio.create_task(self._run(session, url, body, headers or JOIN))
        self.task.add_done_callback(lambda _: self._more.set())

    async def _run(
        self,
        session: aiohttp.ClientSession,
        url: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
    ) -> None:
        try:
            async with session.post(
                f"{url}/v1/chat/completions", json=body, headers=headers
            ) as response:
                self._response = response
                self.answered_after = time.monotonic() - self._begun
                self.status = response.status
                self.request_id = response.headers.get("x-request-id", "")
                if body.get("stream"):
                    await self._read(response)
                else:
                    answer = await response.json()
                    self.ended = response.status == 200
                    if self.ended:
                        self.text = answer["choices"][0]["message"]["content"]
        except (aiohttp.ClientError, ConnectionError) as error:
            self.error = error

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        async for line in response.content:
            if line.startswith(b"data: [DONE]"):
                self.ended = True
            elif line.startswith(b"data: {"):
                self.events += 1
                self._more.set()
                for choice in json.loads(line[6:]).get("choices", ()):
                    self.text += choice["delta"].get("content") or ""

    async def under_way(self, events: int = 5) -> None:
        """Return once it has so many events."""
        async with asyncio.timeout(WAIT):
            while self.events < events and not self.task.done():
                self._more.clear()
                await self._more.wait()
        assert self.events >= events, (self.status, self.error)

    async def finish(self, seconds: float = WAIT) -> "Call":
        """Itself, once it is over."""
        await asyncio.wait_for(asyncio.shield(self.task), seconds)
        return self

    async def leave(self) -> None:
        """Go away as a client does that is killed."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        if self._response is not None:
            self._response.close()
