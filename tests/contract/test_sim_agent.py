"""The simulated agent's model over a real socket, with the official SDK."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from sim.server import start


@pytest.fixture
async def sdk() -> AsyncIterator[AsyncOpenAI]:
    server = await start()
    async with AsyncOpenAI(base_url=server.base_url, api_key="sk-test", max_retries=0) as client:
        yield client
    await server.close()


async def test_an_agents_loop_goes_on_from_a_response_that_is_kept(sdk: AsyncOpenAI) -> None:
    """The second request has the result alone; what was asked comes from the first response."""
    tool: Any = {"type": "function", "name": "look", "parameters": {"type": "object"}}
    first = await sdk.responses.create(
        model="agent,tokens=2,interval=0", input='CALL look {"at": "note"}', tools=[tool]
    )
    _, call = first.output
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"at": "note"}
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "a note"}
    second = await sdk.responses.create(
        model="agent,tokens=2,interval=0",
        input=[result],
        tools=[tool],
        previous_response_id=first.id,
    )
    assert second.output_text.endswith("\n\na note")
