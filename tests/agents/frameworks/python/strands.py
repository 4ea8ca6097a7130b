"""strands: a client of one's own as `client`; one from `client_args` is closed after each call."""

import beneath
import common
from openai import AsyncOpenAI
from strands import Agent, tool
from strands.models.openai import OpenAIModel

client = AsyncOpenAI(
    base_url=common.BASE_URL,
    api_key=common.KEY,
    default_headers=common.HEADERS,
    http_client=beneath.async_http(),
)
model = OpenAIModel(client=client, model_id=common.MODEL)
agent = Agent(model=model, tools=[tool(common.run)], callback_handler=None)
print(agent(common.PROMPT))
