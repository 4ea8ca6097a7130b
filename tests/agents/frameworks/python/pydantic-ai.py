"""pydantic-ai: OpenAIChatModel with a provider over one's own client."""

import asyncio

import beneath
import common
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


async def read(_context, events):
    async for _ in events:
        pass


async def main():
    client = AsyncOpenAI(
        base_url=common.BASE_URL,
        api_key=common.KEY,
        default_headers=common.HEADERS,
        http_client=beneath.async_http(),
    )
    model = OpenAIChatModel(common.MODEL, provider=OpenAIProvider(openai_client=client))
    agent = Agent(model, tools=[common.run])
    run = await agent.run(common.PROMPT, event_stream_handler=read)  # which makes it stream
    print(run.output)


asyncio.run(main())
