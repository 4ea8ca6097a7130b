"""An innocent reader: keeps the last id, comes again, and notes how long it had to wait."""

import time
from collections.abc import Sequence

import aiohttp

from rig.sse_reader import Event
from tests.neighbours.history import Span
from tests.neighbours.surfaces import end_of

WORTH_NOTING = 0.25  # seconds of waiting; shorter gaps are left out of the history
LOST = (aiohttp.ClientError, ConnectionError)
_MOST_LOST = 20  # connections


class Broken(Exception):
    """The call is not what was promised; the text says why."""


class Reading:
    """One stream, read through one API process after another.

    ``urls`` are the API processes, ``api`` the first one. ``leaves``: how many events to take
    on each connection before the reader cuts it, as long as there are any.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        urls: Sequence[str],
        api: int,
        view: str,
        leaves: Sequence[int] = (),
    ) -> None:
        self.events: list[Event] = []
        self.gaps: list[Span] = []
        self.connections = 0
        self.lost = 0
        self.location = ""  # where it goes on
        self._session = session
        self._urls = urls
        self._api = api
        self._view = view
        self._leaves = list(leaves)
        self._end: str | None = None
        self._last_at = time.monotonic()

    @property
    def next_url(self) -> str:
        """The API process for the next connection: another one each time."""
        self._api += 1
        return self._urls[self._api % len(self._urls)]

    @property
    def _cursor(self) -> int:
        return self.events[-1].id if self.events else 0

    async def take(self, response: aiohttp.ClientResponse) -> None:
        """Read a connection that was answered, as far as it goes.

        Raises:
            Broken: it was refused, or not what PROTOCOL.md says.
        """
        if response.status != 200:
            text = (await response.text())[:300]
            raise Broken(f"answered with {response.status}: {text}")
        self.location = response.headers.get("location", self.location)
        self.connections += 1
        leave = self._leaves.pop(0) if self._leaves else None
        try:
            await self._follow(response, leave)
        except LOST:
            self.lost += 1

    async def go_on(self) -> None:
        """Come again until the terminal has come."""
        while self._end is None:
            if self.lost > _MOST_LOST:
                raise Broken(f"lost {self.lost} connections")
            headers = {"Last-Event-ID": str(self._cursor)} if self.events else {}
            try:
                async with self._session.get(
                    self.next_url + self.location, headers=headers
                ) as response:
                    await self.take(response)
            except LOST:
                self.lost += 1
        if self._end != "completed":
            raise Broken(f"ended: {self._end[:300]}")

    async def check_replay(self) -> None:
        """A reader from the start, through another API process, gets the same bytes."""
        late = Reading(self._session, self._urls, self._api, self._view)
        late.location = self.location
        await late.go_on()
        if [event.raw for event in late.events] != [event.raw for event in self.events]:
            counts = f"{len(self.events)} events, replayed {len(late.events)}"
            raise Broken(f"its replay has other bytes: {counts}")

    async def _follow(self, response: aiohttp.ClientResponse, leave: int | None) -> None:
        rest, first = b"", len(self.events)
        async for data in response.content.iter_any():
            *whole, rest = (rest + data).split(b"\n\n")
            for text in whole:
                self._note(text)
            if self._end is None and leave is not None and len(self.events) - first >= leave:
                return
        if self._end is None:
            raise Broken(f"a clean end after {self._cursor}, without a terminal")

    def _note(self, text: bytes) -> None:
        lines = [line for line in text.split(b"\n") if line and not line.startswith(b":")]
        if not lines:
            return
        event = Event(0, b"\n".join(lines) + b"\n\n")
        number = event.field(b"id")
        if not number.isdigit():
            raise Broken(f"an event without an id: {text[:100]!r}")
        event = Event(int(number), event.raw)
        if event.name == b"retry":
            return  # not a frame; the connection is cut, which counts as lost
        if self._end is not None or event.id <= self._cursor:
            raise Broken(f"{event.id} came after {self._cursor}")
        now = time.monotonic()
        if now - self._last_at > WORTH_NOTING:
            self.gaps.append((self._last_at, now))
        self._last_at = now
        self.events.append(event)
        self._end = end_of(self._view, event)
