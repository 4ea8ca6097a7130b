"""One innocent call, drawn by the seed, made and checked to its end."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from tests.neighbours.course import DIALECTS, PACES, Pace, provider, route
from tests.neighbours.history import Call, Span
from tests.neighbours.reading import LOST, WORTH_NOTING, Broken, Reading
from tests.neighbours.surfaces import PATHS, request, text_of, text_of_whole, uncut

_PATIENCE = 30.0  # seconds beyond its own length that a call may take; then it never ended
_POLL = 0.5  # seconds between two looks at a job
_LEAVES = ((), (), (20,), (5, 40), (1, 1, 30))

STREAMS = ("stream", "stream", "stream", "native", "native", "cut", "cut", "watched")
OTHERS = ("whole", "polled", "waited")


class Drawn(msgspec.Struct, frozen=True):
    """A call that is to be made. ``way`` says how: see ``Making``."""

    job: str
    way: str
    dialect: str  # that it is asked in
    model: str
    pace: Pace
    api: int
    leaves: tuple[int, ...] = ()
    grace: int = 1  # seconds, of a watched one


def draw(seed: int, place: int, turn: int, ways: Sequence[str], longest: float) -> Drawn:
    """The call that a caller's turn makes."""
    drawn = random.Random(f"innocent {seed} {place} {turn}")
    pace = drawn.choice([pace for pace in PACES if pace.seconds <= longest] or [PACES[0]])
    spoken = drawn.choice(DIALECTS)
    direct = f"{provider('steady', spoken)}/{pace.model}"
    way = drawn.choice(ways)
    return Drawn(
        job=f"innocent-{seed}-{place}-{turn}",
        way=way,
        dialect=drawn.choice(tuple(PATHS)),
        model=drawn.choice((direct, route(spoken, pace))),
        pace=pace,
        api=drawn.randrange(2),
        leaves=drawn.choice(_LEAVES[2:]) if way == "cut" else (),
        grace=drawn.choice((1, 2)),
    )


class Making:
    """Makes a call in its way.

    *stream*: posted, and read as it comes. *cut*: the same, cut by its reader and gone on with
    through another API process, then read again from the start. *native*: a job, whose events
    are read. *watched*: a stream that is cancelled if nobody reads it, and is read all the time.
    *whole*: not streamed. *polled*, *waited*: a job that is looked at until it has ended, or
    whose result is waited for.
    """

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str], drawn: Drawn) -> None:
        self._session = session
        self._urls = urls
        self._drawn = drawn
        self._begun = time.monotonic()
        view = "native" if drawn.way == "native" else drawn.dialect
        self._reading = Reading(session, urls, drawn.api, view, drawn.leaves)
        self._gaps: list[Span] = []
        self._key = {"Idempotency-Key": drawn.job}

    async def make(self) -> Call:
        """Make it; whatever comes of it is in the line."""
        drawn, reading = self._drawn, self._reading
        ways = {"native": self._native, "whole": self._whole, "polled": self._polled}
        way = ways.get(drawn.way, self._waited if drawn.way == "waited" else self._stream)
        problem = ""
        try:
            async with asyncio.timeout(drawn.pace.seconds + _PATIENCE):
                await way()
        except TimeoutError:
            problem = f"had not ended {_PATIENCE:g} s after its time; {len(reading.events)} events"
        except LOST as error:
            problem = f"no answer: {type(error).__name__} {error}"
        except Broken as error:
            problem = str(error)
        return Call(
            job=drawn.job,
            way=drawn.way,
            model=drawn.model,
            api=drawn.api,
            begun=self._begun,
            ended=time.monotonic(),
            gaps=self._gaps + reading.gaps,
            events=len(reading.events),
            connections=reading.connections,
            lost=reading.lost,
            problem=problem,
        )

    async def _stream(self) -> None:
        drawn, reading = self._drawn, self._reading
        headers = dict(self._key)
        if drawn.way == "watched":
            headers["x-streamhold-on-disconnect"] = "cancel"
            headers["x-streamhold-grace"] = str(drawn.grace)
        body = request(drawn.dialect, drawn.model, drawn.job, stream=True)
        async with self._post(PATHS[drawn.dialect], body, headers) as response:
            await reading.take(response)
        await reading.go_on()
        self._check_text(text_of(reading.events))
        if drawn.way == "cut":
            await reading.check_replay()

    async def _native(self) -> None:
        await self._submit()
        self._reading.location = f"/v1/jobs/{self._drawn.job}/events"
        await self._reading.go_on()
        self._check_text(text_of(self._reading.events))

    async def _whole(self) -> None:
        drawn = self._drawn
        body = request(drawn.dialect, drawn.model, drawn.job)
        async with self._post(PATHS[drawn.dialect], body, self._key) as response:
            self._take_whole(response.status, await response.read())

    async def _polled(self) -> None:
        await self._submit()
        state = "queued"
        while state in ("queued", "running"):
            await asyncio.sleep(_POLL)
            begun = time.monotonic()
            async with self._session.get(self._address("")) as response:
                body = await response.read()
            self._waited_for(begun)
            if response.status != 200:
                raise Broken(f"a look was answered with {response.status}: {body[:300]!r}")
            state = msgspec.json.decode(body)["state"]
        if state != "completed":
            raise Broken(f"became {state}: {body[:500]!r}")
        begun = time.monotonic()
        async with self._session.get(self._address("/result")) as response:
            self._take_whole(response.status, await response.read(), begun)

    async def _waited(self) -> None:
        await self._submit()
        while True:
            async with self._session.get(self._address("/result?wait=30")) as response:
                body = await response.read()
            if response.status != 202:
                self._take_whole(response.status, body)
                return

    async def _submit(self) -> None:
        drawn = self._drawn
        asked = request(drawn.dialect, drawn.model, drawn.job)
        body = {"request_id": drawn.job, "dialect": drawn.dialect, "request": asked}
        async with self._post("/v1/jobs", body, {}) as response:
            text = await response.text()
        if response.status != 202:
            raise Broken(f"answered with {response.status}: {text[:300]}")
        if self._drawn.way != "native":  # whose wait for its first event has it
            self._waited_for(self._begun)

    def _take_whole(self, status: int, body: bytes, begun: float | None = None) -> None:
        """A whole answer has come; it was due when its last token was, or when it was asked for."""
        self._waited_for(self._begun + self._drawn.pace.seconds if begun is None else begun)
        if status != 200:
            raise Broken(f"answered with {status}: {body[:300]!r}")
        self._check_text(text_of_whole(self._drawn.dialect, body))

    def _waited_for(self, since: float) -> None:
        now = time.monotonic()
        if now - since > WORTH_NOTING:
            self._gaps.append((since, now))

    def _check_text(self, text: str) -> None:
        whole = uncut(self._drawn.pace.model, self._drawn.job)
        if text != whole:
            at = next((n for n, (a, b) in enumerate(zip(text, whole, strict=False)) if a != b), -1)
            raise Broken(f"another text: {len(text)} characters of {len(whole)}, differs at {at}")

    def _post(self, path: str, body: Any, headers: dict[str, str]) -> Any:
        url = self._urls[self._drawn.api] + path
        return self._session.post(url, json=body, headers=headers)

    def _address(self, rest: str) -> str:
        return f"{self._reading.next_url}/v1/jobs/{self._drawn.job}{rest}"
