"""Responses by the official SDK, and what is looked at in their answers."""

from typing import Any

from openai import AsyncOpenAI, AsyncStream
from openai.types.responses import Response, ResponseStreamEvent

QUICK = "voice/tokens=12,interval=1ms"


async def respond(sdk: AsyncOpenAI, model: str, prompt: str, **more: Any) -> Response:
    answer = await sdk.responses.create(model=model, input=prompt, **more)
    assert isinstance(answer, Response)
    return answer


async def begin(
    sdk: AsyncOpenAI, model: str, prompt: str, **more: Any
) -> AsyncStream[ResponseStreamEvent]:
    stream = await sdk.responses.create(model=model, input=prompt, stream=True, **more)
    assert isinstance(stream, AsyncStream)
    return stream


async def events(
    sdk: AsyncOpenAI, model: str, prompt: str, **more: Any
) -> list[ResponseStreamEvent]:
    return [event async for event in await begin(sdk, model, prompt, **more)]


def text_of(events: list[ResponseStreamEvent]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def keyed(request_id: str) -> dict[str, str]:
    return {"Idempotency-Key": request_id}


def bare(event: ResponseStreamEvent) -> Any:
    """What an event says, without its number and the response's own id."""
    told = event.to_dict()
    told.pop("sequence_number")
    response = told.get("response")
    if isinstance(response, dict):
        response.pop("id")
    return told
