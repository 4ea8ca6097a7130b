"""The booth: one key for all processes, the operator's or the store's."""

import asyncio

import fakeredis
import msgspec
import pytest

from broker.api.booth import Booth
from broker.api.tickets import Presented
from broker.errors import BadTicket, StoreAway
from broker.model import Job, JobState
from broker.settings import Account, Secret, Settings
from broker.store.ticket_key import TicketKey
from tests.unit.stores import make_settings, open_fake

JOB = Job("k", "acme", "r1", "chat", "m", JobState.RUNNING, created_ms=1)
SETTINGS = make_settings(accounts={"acme": Account(key_sha256=())})


def signed(*keys: str) -> Settings:
    return msgspec.structs.replace(SETTINGS, ticket_keys=tuple(map(Secret, keys)))


class Away(TicketKey):
    """Of a store that does not answer."""

    def __init__(self) -> None: ...

    async def get(self) -> bytes:
        raise StoreAway()


class Turn:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def issue(booth: Booth) -> Presented:
    _, text = await booth.issue(JOB, "events")
    return Presented(text, "r1", "events")


async def test_processes_share_the_store_s_key() -> None:
    server = fakeredis.FakeServer()
    async with open_fake(SETTINGS, server) as one, open_fake(SETTINGS, server) as two:
        booths = [Booth(SETTINGS, store.ticket_key) for store in (one, two)]
        shown = await asyncio.gather(*map(issue, booths))
        for booth in (*booths, Booth(SETTINGS, two.ticket_key)):
            for each in shown:
                assert (await booth.take(each)).account == "acme"


async def test_the_operator_s_key_needs_no_store() -> None:
    old, new = "o" * 32, "n" * 32
    before = await issue(Booth(signed(old), Away()))
    after = await issue(Booth(signed(new, old), Away()))
    turning = Booth(signed(new, old), Away())
    assert await turning.take(before)
    assert await turning.take(after)
    with pytest.raises(BadTicket):
        await Booth(signed(new), Away()).take(before)


async def test_with_the_store_away_nothing_is_known() -> None:
    shown = Presented("A" * 64, "r1", "events")
    with pytest.raises(StoreAway):
        await Booth(SETTINGS, Away()).take(shown)


async def test_a_store_that_lost_its_data_gives_out_another_key() -> None:
    turn = Turn()
    server = fakeredis.FakeServer()
    async with open_fake(SETTINGS, server) as store:
        issuing, taking = (Booth(SETTINGS, store.ticket_key, turn=turn) for _ in range(2))
        before = await issue(issuing)
        await taking.take(before)
        await store.client.flushall()
        after = await issue(issuing)
        with pytest.raises(BadTicket):  # read a moment ago: strangers must not cost the store
            await taking.take(after)
        turn.now += 1
        assert await taking.take(after)
        with pytest.raises(BadTicket):
            await taking.take(before)


async def test_the_clock_is_unix_milliseconds() -> None:
    booth = Booth(signed("k" * 32), Away(), clock=lambda: 12.3456)
    assert booth.now_ms == 12346
    ticket, _ = await booth.issue(JOB, "result")
    assert (ticket.issued_ms, ticket.created_ms, ticket.scope) == (12346, 1, "result")
