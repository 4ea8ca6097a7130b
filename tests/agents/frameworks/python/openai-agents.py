"""openai-agents: an AsyncOpenAI of one's own, and its Responses or chat model."""

import asyncio

import beneath
import common
from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(True)


async def main():
    client = AsyncOpenAI(
        base_url=common.BASE_URL,
        api_key=common.KEY,
        default_headers=common.HEADERS,
        http_client=beneath.async_http(),
    )
    model = OpenAIResponsesModel(model=common.MODEL, openai_client=client)
    agent = Agent(name="agent", model=model, tools=[function_tool(common.run)])
    run = Runner.run_streamed(agent, common.PROMPT)
    async for _ in run.stream_events():
        pass
    print(run.final_output)


asyncio.run(main())
