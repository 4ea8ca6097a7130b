"""agent-framework: async_client of its OpenAI clients."""

import asyncio

import beneath
import common
from agent_framework.openai import OpenAIChatClient
from openai import AsyncOpenAI


async def main():
    client = AsyncOpenAI(
        base_url=common.BASE_URL,
        api_key=common.KEY,
        default_headers=common.HEADERS,
        http_client=beneath.async_http(),
    )
    model = OpenAIChatClient(model=common.MODEL, async_client=client)
    agent = model.as_agent(name="agent", tools=[common.run])
    text = ""
    async for update in agent.run(common.PROMPT, stream=True):
        text += update.text or ""
    print(text)


asyncio.run(main())
