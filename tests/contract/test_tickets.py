"""Tickets over two API processes: made at one, taken at the other, good for one thing only."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest
from redis import Redis

from broker.api.tickets import AFTER_END, LONGEST, Ring, Ticket
from broker.model import job_key
from tests.contract.conftest import ALICE, BOB
from tests.contract.jobs import act, get
from tests.contract.raw import call, events_of, fetch, ids_of, without_pings
from tests.contract.streams import END, OPEN, QUICK, SAID, cancel, read, submit
from tests.deployment import Deployment

BOBS = {"x-api-key": BOB}


async def ticket(api: aiohttp.ClientSession, prompt: str, scope: str = "events") -> str:
    """The address that a new ticket gives."""
    made = await act(api, f"/v1/jobs/{prompt}/tickets", 201, {"scope": scope})
    assert (made["object"], made["scope"], made["request_id"]) == ("ticket", scope, prompt)
    return str(made["url"])


async def code_of(url: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """How a call without a key is refused."""
    response, body = await fetch(method, url, headers=headers)
    return response.status, json.loads(body)["code"]


@contextmanager
def record(deployment: Deployment, prompt: str) -> Iterator[tuple[Any, str]]:
    """The store, and the name of a job's record of Alice's."""
    with Redis.from_url(deployment.store_url) as store:
        yield store, f"streamhold:{{p0}}:job:{job_key('alice', prompt)}"


async def test_made_at_one_and_taken_at_the_other(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    path = await submit(api, OPEN, prompt)
    address = await ticket(api, prompt)
    assert address.startswith(f"{path}?ticket=")
    one, two = deployment.urls
    async with call("GET", two + address) as response:
        assert response.status == 200
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        seen = b"".join([await response.event() for _ in range(5)])
    cursor = str(ids_of(events_of(seen))[-1])
    async with call("GET", one + address, headers={"last-event-id": cursor}) as response:
        seen += b"".join([await response.event() for _ in range(SAID - 5)])
        await cancel(api, prompt)
        seen += without_pings(await response.rest())
        assert response.clean
    assert seen == await read(one + path)
    rest = await fetch("GET", f"{two}{address}&after={cursor}")
    assert seen.endswith(without_pings(rest[1]))
    response, body = await fetch("GET", two + address, headers={"last-event-id": str(END)})
    assert (response.status, body) == (204, b"")
    response, _ = await fetch("HEAD", two + address)
    assert response.status == 200


async def test_a_result(deployment: Deployment, api: aiohttp.ClientSession, prompt: str) -> None:
    await submit(api, QUICK, prompt)
    address = await ticket(api, prompt, "result")
    response, body = await fetch("GET", f"{deployment.urls[1]}{address}&wait=20")
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    assert len(json.loads(body)["choices"][0]["message"]["content"].split()) == 12


async def test_it_opens_nothing_else(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    other = f"{prompt}-other"
    await read(deployment.urls[0] + await submit(api, QUICK, prompt))
    await read(deployment.urls[0] + await submit(api, QUICK, other))
    path, _, query = (await ticket(api, prompt)).partition("?")
    text = query.partition("=")[2]
    job = f"/v1/jobs/{prompt}"
    for url in deployment.urls:
        for place in (f"{job}/result", f"/v1/jobs/{other}/events", "/v1/jobs/nobody/events"):
            assert await code_of(f"{url}{place}?{query}") == (401, "invalid_ticket")
        for method, place in (
            ("GET", job),
            ("DELETE", job),
            ("POST", path),
            ("POST", f"{job}/cancel"),
            ("POST", f"{job}/tickets"),
            ("GET", "/v1/jobs"),
            ("GET", "/v1/models"),
        ):
            response, body = await fetch(method, f"{url}{place}?{query}")
            assert (response.status, text.encode() in body) == (401, False)
            assert response.headers["referrer-policy"] == "no-referrer"
        # The first thing that a forger hears is all there is to hear.
        forged = [text[:-1] + ("A" if text[-1] != "A" else "B"), text[1:] + text[0], "x", "A" * 64]
        answers = {(await fetch("GET", f"{url}{path}?ticket={each}"))[1] for each in forged}
        answers |= {(await fetch("GET", f"{url}/v1/jobs/nobody/events?ticket={text}"))[1]}
        assert len(answers) == 1
        # Another account's key is that account's, whatever the ticket says.
        assert await code_of(f"{url}{path}?{query}", **BOBS) == (404, "job_not_found")


async def test_the_accounts_names_are_their_own(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    """Two accounts have a job of the same name: each ticket opens its own."""
    path = await submit(api, QUICK, prompt)
    async with aiohttp.ClientSession(deployment.urls[0], headers=BOBS) as bobs:
        await submit(bobs, "sim/tokens=3,interval=0", prompt)
        address = await ticket(bobs, prompt)
    alices = await read(deployment.urls[1] + path)
    _, body = await fetch("GET", deployment.urls[1] + address)
    assert 0 < len(events_of(body)) < len(events_of(alices))


async def test_it_ends_a_while_after_the_stream(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    url = deployment.urls[1]
    path = await submit(api, QUICK, prompt)
    await read(url + path)
    made = await act(api, f"/v1/jobs/{prompt}/tickets", 201)
    assert made["after_end"] == AFTER_END
    assert made["expires_at"] - AFTER_END == pytest.approx(made["not_after"] - LONGEST, abs=0.01)
    with record(deployment, prompt) as (store, name):
        ring = Ring([store.get("streamhold:ticket-key")], ["alice"])
        created, ended = (int(store.hget(name, field)) for field in ("created", "ended"))
        early = ring.sign(Ticket("alice", prompt, "events", created, created))
        assert (await fetch("GET", f"{url}{path}?ticket={early}"))[0].status == 200
        # Its times are moved, as the clocks of processes can't be; half a minute is to spare.
        back = (AFTER_END + 30) * 1000
        store.hset(name, mapping={"created": created - back, "ended": ended - back})
        old = ring.sign(Ticket("alice", prompt, "events", created - back, created - back))
        assert await code_of(f"{url}{path}?ticket={old}") == (401, "invalid_ticket")
        # A cursor beyond the end is not told of, either.
        assert (await code_of(f"{url}{path}?ticket={old}&after=999"))[0] == 401
        # And one that is for another job of the name, as its creation shows.
        assert await code_of(f"{url}{path}?ticket={early}") == (401, "invalid_ticket")
        store.hset(name, mapping={"created": created, "ended": ended})


async def test_it_is_good_for_as_long_as_the_stream_runs(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    path = await submit(api, OPEN, prompt)
    made = await act(api, f"/v1/jobs/{prompt}/tickets", 201)
    assert made["expires_at"] is None
    with record(deployment, prompt) as (store, name):
        ring = Ring([store.get("streamhold:ticket-key")], ["alice"])
        created = int(store.hget(name, "created"))
        for days, status in ((6, 200), (8, 401)):
            issued = created - days * 24 * 3600 * 1000
            text = ring.sign(Ticket("alice", prompt, "events", issued, created))
            async with call("GET", f"{deployment.urls[1]}{path}?ticket={text}") as response:
                assert response.status == status
    await cancel(api, prompt)


async def test_a_deleted_job_is_gone_under_a_ticket_too(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    await submit(api, OPEN, prompt)
    address = await ticket(api, prompt)
    async with api.delete(f"/v1/jobs/{prompt}") as deleted:
        assert deleted.status == 204
    for url in deployment.urls:
        assert await code_of(url + address) == (410, "job_gone")
    await act(api, f"/v1/jobs/{prompt}/tickets", 410)


async def test_what_may_be_asked_for(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    path = f"/v1/jobs/{prompt}/tickets"
    await act(api, path, 404)
    await submit(api, QUICK, prompt)
    for body in (None, {}, {"scope": "events"}):
        made = await act(api, path, 201, body)
        assert made["scope"] == "events"
    refused: tuple[object, ...] = (
        {"scope": "all"},
        {"scope": None},
        {"scopes": "events"},
        [],
        "events",
    )
    for wrong in refused:
        await act(api, path, 400, wrong)
    url = deployment.urls[1] + path
    assert await code_of(url, "POST") == (401, "invalid_api_key")
    assert await code_of(url, "POST", **BOBS) == (404, "job_not_found")
    headers = {"x-api-key": ALICE, "content-type": "text/plain"}
    response, _ = await fetch("POST", url, headers=headers, body=b"{}")
    assert response.status == 415
    assert (await get(api, f"/v1/jobs/{prompt}"))["request_id"] == prompt


async def test_no_log_has_a_ticket(
    deployment: Deployment, api: aiohttp.ClientSession, prompt: str
) -> None:
    await submit(api, QUICK, prompt)
    address = await ticket(api, prompt)
    text = address.partition("=")[2]
    url = deployment.urls[0]
    for method in ("GET", "HEAD", "POST", "OPTIONS"):
        await fetch(method, url + address, headers={"origin": "null"})
        await fetch(method, url + address.replace("events", "result"))
    await fetch("GET", url + address, headers={"content-length": "-1", "referer": url + address})
    await fetch("GET", url + address, headers={"upgrade": "h2c", "connection": "upgrade"})
    log = deployment.up.log.read_text()
    assert text not in log
    assert "?ticket" not in log
