"""Chat calls by the official SDK, and what is looked at in their answers."""

from collections.abc import Iterable
from typing import Any

from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam

QUICK = "sim/tokens=12,interval=1ms"


def user(prompt: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": prompt}]


async def whole(sdk: AsyncOpenAI, model: str, prompt: str, **more: Any) -> ChatCompletion:
    answer = await sdk.chat.completions.create(model=model, messages=user(prompt), **more)
    assert isinstance(answer, ChatCompletion)
    return answer


async def begin(
    sdk: AsyncOpenAI, model: str, prompt: str, **more: Any
) -> AsyncStream[ChatCompletionChunk]:
    stream = await sdk.chat.completions.create(
        model=model, messages=user(prompt), stream=True, **more
    )
    assert isinstance(stream, AsyncStream)
    return stream


async def chunks(
    sdk: AsyncOpenAI, model: str, prompt: str, **more: Any
) -> list[ChatCompletionChunk]:
    return [chunk async for chunk in await begin(sdk, model, prompt, **more)]


def text_of(chunks: Iterable[ChatCompletionChunk], index: int = 0) -> str:
    choices = (choice for chunk in chunks for choice in chunk.choices)
    return "".join(choice.delta.content or "" for choice in choices if choice.index == index)


def keyed(request_id: str) -> dict[str, str]:
    return {"Idempotency-Key": request_id}
