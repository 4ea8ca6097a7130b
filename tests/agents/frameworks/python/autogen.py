"""autogen: http_client of OpenAIChatCompletionClient."""

import asyncio

import beneath
import common
from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient


async def main():
    model = OpenAIChatCompletionClient(
        model=common.MODEL,
        base_url=common.BASE_URL,
        api_key=common.KEY,
        default_headers=common.HEADERS,
        http_client=beneath.async_http(),
        model_info={
            "vision": False,
            "function_calling": True,
            "json_output": False,
            "structured_output": False,
            "family": "unknown",
        },
    )
    agent = AssistantAgent(
        "agent",
        model_client=model,
        tools=[common.run],
        reflect_on_tool_use=True,
        model_client_stream=True,
    )
    print((await agent.run(task=common.PROMPT)).messages[-1].content)


asyncio.run(main())
