"""Two hundred streams at once, every reader cut three times: nothing lost, nothing doubled.

Each stream is read in four legs, from one API process and the other in turn. Half of the
readers follow ``/v1/jobs/ID/events``, half post the same call again with ``Last-Event-ID``.
After which event a reader is cut is random, from a seed. What it had received beyond that is
thrown away, as by a client that crashes, and must come again with the next leg.
"""

import asyncio
import random
import secrets
from dataclasses import dataclass

import aiohttp
import pytest

from tests.contract.conftest import ALICE
from tests.contract.raw import events_of, ids_of
from tests.deployment import Deployment, ask

STREAMS = 200
TOKENS = 100
CUTS = 3
MODEL = f"sim/tokens={TOKENS},interval=60ms"
SEED = 20_261


@dataclass(frozen=True)
class Caller:
    """One of the two hundred: its job, how it reads, and after how many events it is cut."""

    session: aiohttp.ClientSession
    urls: list[str]
    request_id: str
    posts: bool
    cuts: list[int]

    async def leg(self, number: int, after: int, most: int | None) -> list[bytes]:
        """The events of one connection: all to its end, or the first ones to its cut."""
        headers = {"last-event-id": str(after)} if after else {}
        url = self.urls[number % 2]
        if self.posts:
            headers["idempotency-key"] = self.request_id
            body = ask(MODEL, self.request_id, stream=True)
            call = self.session.post(f"{url}/v1/chat/completions", json=body, headers=headers)
        else:
            path = f"{url}/v1/jobs/{self.request_id}/events"
            call = self.session.get(path, headers=headers)
        text = b""
        async with call as response:
            assert response.status == 200, response.status
            async for piece in response.content.iter_any():
                text += piece
                if most is not None and text.count(b"\n\n") >= most:
                    response.close()  # cut: the socket goes, with all that is under way
                    break
        return events_of(text)[:most]

    async def read(self) -> bytes:
        """The transcript over all legs."""
        if not self.posts:
            body = {"request_id": self.request_id, "request": ask(MODEL, self.request_id)}
            async with self.session.post(f"{self.urls[0]}/v1/jobs", json=body) as response:
                assert response.status == 202
        seen: list[bytes] = []
        for number, cut in enumerate([*self.cuts, None]):
            after = ids_of(seen[-1:])[0] if seen else 0
            seen += await self.leg(number, after, None if cut is None else cut - len(seen))
        return b"".join(seen)

    async def reread(self) -> bytes:
        """The uncut stream."""
        return b"".join(await self.leg(0, 0, None))


def callers(session: aiohttp.ClientSession, urls: list[str]) -> list[Caller]:
    """All of them; half begin at either process, and half of each half posts."""
    chance = random.Random(SEED)
    storm = secrets.token_hex(4)
    return [
        Caller(
            session=session,
            urls=urls if number % 4 < 2 else urls[::-1],
            request_id=f"storm-{storm}-{number}",
            posts=number % 2 == 0,
            cuts=sorted(chance.sample(range(1, TOKENS + 2), CUTS)),
        )
        for number in range(STREAMS)
    ]


@pytest.mark.timeout(100)
async def test_a_storm_of_resuming_readers(deployment: Deployment) -> None:
    total = deployment.sim_total
    async with aiohttp.ClientSession(
        headers={"authorization": f"Bearer {ALICE}"},
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=60),
    ) as session:
        storm = callers(session, deployment.urls)
        transcripts = await asyncio.gather(*(caller.read() for caller in storm))
        calls = {caller.request_id: deployment.sim_calls(caller.request_id) for caller in storm}
        uncut = [await caller.reread() for caller in storm]
    for caller, transcript, whole in zip(storm, transcripts, uncut, strict=True):
        assert transcript == whole
        # The role, the tokens, the finish, the end; the native view has two events more.
        numbers = list(range(1, TOKENS + 6))
        if caller.posts:
            numbers = [n for n in numbers if n not in (1, TOKENS + 4)]
        assert ids_of(events_of(transcript)) == numbers
    assert set(calls.values()) == {1}
    assert deployment.sim_total == total + STREAMS
