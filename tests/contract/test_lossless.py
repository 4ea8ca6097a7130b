"""Recorded streams of every dialect go in and come out equal, event by event.

The provider is a socket that sends them, in pieces of random length or in one write; the
broker's processes are real ones, and so are the readers' sockets. Equal means: the same JSON,
key for key and digit for digit. The exceptions are PROTOCOL.md's: a response's number and
ids, and what it says of how it was asked.
"""

import asyncio
import itertools
import json
import random
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

import pytest

from tests.contract.raw import call, fetch, ids_of, without_pings
from tests.contract.raw import events_of as blocks_of
from tests.deployment import Deployment
from tests.recorded.corpus import CORPUS
from tests.recorded.provider import HEAD, Provider
from tests.recorded.reading import events_of
from tests.recorded.stream import Recorded
from tests.recorded.surfaces import PATHS, owed, request, terminals, told
from tests.unit.neutral_answers import fold, heard, settled

SEED = 20
CALLERS = tuple(PATHS)
CASES = [(dialect, each) for dialect, streams in CORPUS.items() for each in streams]
CONFIG = "\n".join(
    f'[providers.{dialect}]\nbase_url = "URL"\ndialect = "{dialect}"\n' for dialect in CORPUS
)
AT_ONCE = 8
How = Callable[[Deployment, str, int], Coroutine[Any, Any, None]]


async def send(number: int, _head: bytes, writer: asyncio.StreamWriter) -> None:
    """Case 2n in one write, case 2n + 1 in pieces."""
    writer.write(HEAD)
    body = CASES[number // 2][1].body
    if number % 2 == 0:
        writer.write(body)
        return
    drawn = random.Random(SEED + number)
    most = 1 if len(body) < 1500 else 4000 if len(body) > 20_000 else 40
    while body:
        size = drawn.randint(1, most)
        writer.write(body[:size])
        body = body[size:]
        await writer.drain()
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = Provider(send)
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Deployment]:
    config = CONFIG.replace("URL", provider.url)
    deployment = Deployment(tmp_path_factory.mktemp("recorded"), apis=2, config=config)
    yield deployment
    deployment.close()


class Reader:
    """One call of one surface, made as often as it takes; each time to another process."""

    def __init__(self, deployment: Deployment, dialect: str, provider: str, case: int) -> None:
        path = PATHS[dialect]
        choices = CASES[case // 2][1].choices
        more = {"n": choices} if choices > 1 else {}
        asked = request(dialect, f"{provider}/m", f"case-{case}", stream=True, **more)
        self._body = json.dumps(asked).encode()
        self._id = f"{dialect}-{case}"
        self._urls = itertools.cycle(url + path for url in deployment.urls)

    def _call(self, after: int | None) -> tuple[str, dict[str, str]]:
        headers = {"content-type": "application/json", "idempotency-key": self._id}
        if after is not None:
            headers["last-event-id"] = str(after)
        return next(self._urls), headers

    async def read(self, after: int | None = None) -> bytes:
        url, headers = self._call(after)
        response, body = await fetch("POST", url, headers=headers, body=self._body)
        if after is not None and response.status == 204:
            return b""  # it ended there
        assert (response.status, response.clean) == (200, True), (self._id, body)
        return without_pings(body)

    async def begin(self, count: int) -> bytes:
        """The first so many events, and away."""
        url, headers = self._call(None)
        async with call("POST", url, headers=headers, body=self._body) as response:
            assert response.status == 200, self._id
            return b"".join([await response.event() for _ in range(count)])


async def all_of(checks: Iterable[Coroutine[Any, Any, None]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def run(check: Coroutine[Any, Any, None]) -> None:
        async with gate:
            await check

    found = await asyncio.gather(*map(run, checks), return_exceptions=True)
    faults = [each for each in found if each is not None]
    assert not faults, "\n\n".join(map(str, faults))


def check(dialect: str, stream: Recorded, body: bytes) -> None:
    events = events_of(body)
    assert told(dialect, events) == owed(dialect, stream), stream.name
    assert terminals(dialect, events) == [stream.ends], stream.name


async def in_one_write(deployment: Deployment, dialect: str, case: int) -> None:
    reader = Reader(deployment, dialect, dialect, case)
    body = await reader.read()
    check(dialect, CASES[case // 2][1], body)
    assert await reader.read() == body


async def in_pieces(deployment: Deployment, dialect: str, case: int) -> None:
    """Cut while it runs and gone on with; then once more whole, and from every third event."""
    reader = Reader(deployment, dialect, dialect, case)
    begun = await reader.begin(1)
    body = begun + await reader.read(ids_of([begun])[0])
    check(dialect, CASES[case // 2][1], body)
    assert await reader.read() == body
    events = blocks_of(body)
    for cut in range(2, len(events), 3):
        rest = await reader.read(ids_of(events)[cut - 1])
        between = b"\nevent: error\n" in events[cut - 1] and b"response.failed" in events[cut]
        # Of the two events by which a response fails, both are told to who has seen the first.
        assert b"".join(events[: cut - between]) + rest == body


@pytest.mark.parametrize("how", [in_one_write, in_pieces])
async def test_what_goes_in_comes_out(recorded: Deployment, how: How) -> None:
    await all_of(
        how(recorded, dialect, 2 * number + (how is in_pieces))
        for number, (dialect, _) in enumerate(CASES)
        if dialect in CALLERS
    )


async def test_geminis_streams_reach_every_surface(recorded: Deployment) -> None:
    """It has no surface: what it says is compared with what each caller is told."""

    async def play(caller: str, number: int, stream: Recorded) -> None:
        body = await Reader(recorded, caller, "gemini", 2 * number + 1).read()
        events = events_of(body)
        assert terminals(caller, events) == [stream.ends], stream.name
        if stream.ends == "completed":
            ours = [json.loads(each.data) for each in events if each.data != b"[DONE]"]
            theirs = [json.loads(each.data) for each in events_of(stream.body)]
            fallback = f"{caller}-{2 * number + 1}"
            said = fold(settled(heard("gemini", theirs, fallback), caller))
            assert fold(heard(caller, ours)) == said, stream.name

    await all_of(
        play(caller, number, stream)
        for number, (dialect, stream) in enumerate(CASES)
        if dialect == "gemini"
        for caller in CALLERS
    )


def test_there_are_enough() -> None:
    counts = {dialect: len(streams) for dialect, streams in CORPUS.items()}
    assert counts == {"chat": 37, "messages": 53, "responses": 47, "gemini": 27}
    for streams in CORPUS.values():
        assert len({each.name for each in streams}) == len(streams)
        assert all(each.odd for each in streams)
