"""A reader that does what PROTOCOL.md asks of one, and writes down what it got.

It keeps the last id and comes again through the next API process. Unlike the fault tests'
reader it may leave on its own account, and a broken protocol is noted, not raised: the checks
judge it with everything else.
"""

import asyncio
from typing import Any

import aiohttp

from rig.sse_reader import Event
from tests.soak.front import LOST, Front
from tests.soak.history import Mark, Read, digest

_AGAIN = 0.1  # seconds before the next connection
_SILENCE = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=20)  # pings come each 2 s


class Reading:
    """One reader of one job. ``call`` is the chat request of a chat view; None is native."""

    def __init__(
        self, front: Front, job: str, number: int, view: str, call: dict[str, Any] | None, api: int
    ) -> None:
        self.events: list[Event] = []
        self.begun = asyncio.Event()  # an answer came that tells that the job is there
        self.finished = False
        self.job = job
        self._front = front
        self._number = number
        self._view = view
        self._call = call
        self._api = api
        self._fresh: list[Mark] = []  # of this connection
        self._status = 0
        self._silence = 0.0
        self._last_at = 0.0

    @property
    def cursor(self) -> int:
        return self.events[-1].id if self.events else 0

    async def read(self, leaves: tuple[int, ...] = ()) -> "Reading":
        """Read to the terminal, leaving after each so many events first."""
        plan = list(leaves)
        while not self.finished:
            after, begun = self.cursor, self._front.clock()
            self._fresh, self._status, self._silence, self._last_at = [], 0, 0.0, begun
            api = self._api % len(self._front.urls)
            try:
                ending = await self._connect(self._front.urls[api], plan.pop(0) if plan else None)
            except LOST:
                ending = "cut"
            self._front.history.add(
                Read(
                    job=self.job,
                    reader=self._number,
                    view=self._view,
                    api=api,
                    after=after,
                    begun=begun,
                    ended=self._front.clock(),
                    status=self._status,
                    ending=ending,
                    final=self.finished,
                    events=self._fresh,
                    silence=round(self._silence, 3),
                )
            )
            self._api += 1
            if not self.finished:
                await asyncio.sleep(_AGAIN)
        self.begun.set()
        return self

    async def _connect(self, url: str, leave: int | None) -> str:
        async with self._request(url) as response:
            self._status = response.status
            if response.status == 200:
                self.begun.set()
                return await self._follow(response, leave)
            again = response.headers.get("x-should-retry") != "false" and response.status >= 500
            self.finished = not again
            return "status"

    def _request(self, url: str) -> Any:
        headers = {"Last-Event-ID": str(self.cursor)} if self.events else {}
        session = self._front.session
        if self._call is None:
            address = f"{url}/v1/jobs/{self.job}/events"
            return session.get(address, headers=headers, timeout=_SILENCE)
        headers["Idempotency-Key"] = self.job
        body = {**self._call, "stream": True}
        if self._view == "usage":
            body["stream_options"] = {"include_usage": True}
        address = f"{url}/v1/chat/completions"
        return session.post(address, headers=headers, json=body, timeout=_SILENCE)

    async def _follow(self, response: aiohttp.ClientResponse, leave: int | None) -> str:
        rest = b""
        async for data in response.content.iter_any():
            *whole, rest = (rest + data).split(b"\n\n")
            for text in whole:
                word = self._take(text)
                if word == "broken":
                    self.finished = True
                    return word
            if leave is not None and len(self._fresh) >= leave and not self.finished:
                return "dropped"
        return "terminal" if self.finished else "clean"

    def _take(self, text: bytes) -> str:
        lines = [line for line in text.split(b"\n") if not line.startswith(b":")]
        event = Event(0, b"\n".join(lines) + b"\n\n")
        number = event.field(b"id")
        if not number.isdigit():
            return "broken"
        event = Event(int(number), event.raw)
        if event.name == b"retry":
            return "handed_back" if event.id == self.cursor else "broken"
        if self.finished or event.id <= self.cursor:
            return "broken"
        now = self._front.clock()
        self._silence, self._last_at = max(self._silence, now - self._last_at), now
        self.events.append(event)
        self._fresh.append((event.id, digest(event.raw)))
        self.finished = event.ends
        return "event"
