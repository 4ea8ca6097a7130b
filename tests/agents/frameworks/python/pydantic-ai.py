"""pydantic-ai: OpenAIChatModel with a provider over one's own client."""

import asyncio

import beneath
import common
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


async def main():
    client = AsyncOpenAI(
        base_url=common.BASE_URL,
        api_key=common.KEY,
        default_headers=common.HEADERS,
        http_client=beneath.async_http(),
    )
    model = OpenAIChatModel(common.MODEL, provider=OpenAIProvider(openai_client=client))
    agent = Agent(model, tools=[common.run])
    async with agent.run_stream(common.PROMPT) as run:
        print(await run.get_output())


asyncio.run(main())
