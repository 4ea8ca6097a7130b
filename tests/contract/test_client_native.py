"""The client of the jobs over real processes, by blocking and awaiting."""

from collections.abc import AsyncIterator, Iterator

import pytest

from streamhold_client.native import (
    AsyncClient,
    AttemptBegun,
    Cancelled,
    Chunk,
    Client,
    Conflict,
    End,
    Failed,
    Gone,
    NotFound,
    Refused,
    TookTooLong,
    Unreachable,
)
from tests.contract.conftest import ALICE
from tests.contract.sdk import QUICK
from tests.deployment import Deployment, ask

NEVER = "sim/tokens=2,ttft=60s"


@pytest.fixture
async def client(deployment: Deployment) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(deployment.urls[0], ALICE) as client:
        yield client


@pytest.fixture
def blocking(deployment: Deployment) -> Iterator[Client]:
    with Client(f"{deployment.urls[1]}/v1", ALICE) as client:
        yield client


async def test_a_job_from_its_submission_to_its_result(client: AsyncClient, prompt: str) -> None:
    job = await client.submit(ask(QUICK, prompt), request_id=prompt, metadata={"a": "b"})
    assert (job.request_id, job.metadata) == (prompt, {"a": "b"})
    events = [event async for event in client.events(prompt)]
    assert isinstance(events[0], AttemptBegun)
    assert (events[0].provider, events[0].number) == ("sim", 1)
    assert isinstance(events[1], Chunk)
    assert events[1].data["object"] == "chat.completion.chunk"
    end = events[-1]
    assert isinstance(end, End)
    assert (end.state, end.error) == ("completed", None)
    assert [e async for e in client.events(prompt, after=events[4].id)] == events[5:]
    assert [e async for e in client.events(prompt, after=end.id)] == []
    answer = await client.result(prompt)
    assert len(answer["choices"][0]["message"]["content"].split()) == 12
    job = await client.get(prompt)
    assert job.ended
    assert job.cursor == end.id
    assert prompt in [each.request_id for each in (await client.list(state="completed")).jobs]


def test_the_same_by_blocking(deployment: Deployment, blocking: Client, prompt: str) -> None:
    job = blocking.submit(ask(QUICK, prompt))
    assert (
        blocking.submit(ask(QUICK, prompt), request_id=job.request_id).request_id
        in job.raw["links"]["self"]
    )
    *_, end = blocking.events(job.request_id)
    assert isinstance(end, End)
    assert blocking.result(job.request_id)["object"] == "chat.completion"
    page = blocking.list(limit=1)
    assert len(page.jobs) == 1
    assert page.next
    assert len(blocking.list(limit=1, after=page.next).jobs) == 1
    assert deployment.sim_calls(prompt) == 1


async def test_cancelling(client: AsyncClient, blocking: Client, prompt: str) -> None:
    await client.submit(ask(NEVER, prompt), request_id=prompt)
    with pytest.raises(TookTooLong):
        await client.result(prompt, timeout=0.05)
    events = client.events(prompt)
    assert isinstance(await anext(events), AttemptBegun)
    assert blocking.cancel(prompt).state == "cancelled"
    *_, end = [event async for event in events]
    assert isinstance(end, End)
    assert end.state == "cancelled"
    with pytest.raises(Cancelled):
        await client.result(prompt)
    with pytest.raises(Cancelled):
        blocking.result(prompt)


async def test_refusals(client: AsyncClient, prompt: str) -> None:
    with pytest.raises(NotFound) as missing:
        [event async for event in client.events(prompt)]
    assert missing.value.code == "job_not_found"
    with pytest.raises(NotFound):
        await client.get(prompt)
    await client.submit(ask(QUICK, prompt), request_id=prompt)
    with pytest.raises(Conflict) as reused:
        await client.submit(ask(QUICK, "other"), request_id=prompt)
    assert reused.value.code == "request_id_reused"
    with pytest.raises(Refused) as bad:
        [event async for event in client.events(prompt, after=10_000)]
    assert (bad.value.status, bad.value.code) == (400, "invalid_cursor")
    assert not isinstance(bad.value, Gone)


async def test_a_failed_job(client: AsyncClient, prompt: str) -> None:
    await client.submit(ask("sim/status=400", prompt), request_id=prompt)
    with pytest.raises(Failed) as failed:
        await client.result(prompt)
    assert failed.value.type == "invalid_request_error"
    assert not failed.value.retryable


def test_nobody_there() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unreachable):
        client.get("x")
