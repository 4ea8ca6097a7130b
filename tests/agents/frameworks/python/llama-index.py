"""llama-index: http_client and async_http_client of OpenAILike."""

import asyncio

import beneath
import common
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike


async def main():
    model = OpenAILike(
        model=common.MODEL,
        api_base=common.BASE_URL,
        api_key=common.KEY,
        default_headers=common.HEADERS,
        http_client=beneath.sync_http(),
        async_http_client=beneath.async_http(),
        is_chat_model=True,
        is_function_calling_model=True,
    )
    agent = FunctionAgent(tools=[common.run], llm=model)
    print(await agent.run(common.PROMPT))


asyncio.run(main())
