"""The simulated provider's responses in the background, by the official SDK."""

from collections.abc import AsyncIterator

import openai
import pytest
from openai import AsyncOpenAI

from sim.server import SimServer, start

SLOW = "tokens=40,interval=10ms"


@pytest.fixture
async def server() -> AsyncIterator[SimServer]:
    server = await start()
    yield server
    await server.close()


@pytest.fixture
async def sdk(server: SimServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.base_url, api_key="sk-test", max_retries=0) as client:
        yield client


async def test_it_goes_on_without_its_reader(server: SimServer, sdk: AsyncOpenAI) -> None:
    stream = await sdk.responses.create(model=SLOW, input="left", background=True, stream=True)
    first = await anext(aiter(stream))
    assert first.type == "response.created"
    await stream.close()
    rest = await sdk.responses.retrieve(first.response.id, stream=True, starting_after=7)
    events = [event async for event in rest]
    assert [event.sequence_number for event in events] == list(range(8, 8 + len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert len(last.response.output_text.split()) == 40
    assert await sdk.responses.retrieve(first.response.id) == last.response
    assert (server.calls.total, server.calls.aborted, server.calls.active) == (1, 0, 0)


async def test_a_fault_of_the_connection_is_its_reader_s_alone(sdk: AsyncOpenAI) -> None:
    model = f"{SLOW},eofafter=5"
    stream = await sdk.responses.create(model=model, input="cut", background=True, stream=True)
    seen = [event async for event in stream]
    assert [each.type for each in seen].count("response.output_text.delta") == 5
    assert seen[0].type == "response.created"
    rest = await sdk.responses.retrieve(
        seen[0].response.id, stream=True, starting_after=seen[-1].sequence_number
    )
    deltas = [event async for event in rest if event.type == "response.output_text.delta"]
    assert len(deltas) == 35


async def test_it_can_be_cancelled(server: SimServer, sdk: AsyncOpenAI) -> None:
    response = await sdk.responses.create(model=SLOW, input="stop", background=True)
    assert response.status == "in_progress"
    cancelled = await sdk.responses.cancel(response.id)
    assert (cancelled.status, cancelled.output) == ("cancelled", [])
    assert (await sdk.responses.retrieve(response.id)).status == "cancelled"
    assert (server.calls.aborted, list(server.calls.closed)) == (1, ["stop"])
    await sdk.responses.cancel(response.id)
    assert server.calls.aborted == 1


async def test_what_is_unknown_is_a_404(sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.retrieve("resp_none")
    with pytest.raises(openai.NotFoundError):
        await sdk.responses.cancel("resp_none")
