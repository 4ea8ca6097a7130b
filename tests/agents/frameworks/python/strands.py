"""strands: client_args of OpenAIModel."""

import beneath
import common
from strands import Agent, tool
from strands.models.openai import OpenAIModel

model = OpenAIModel(
    client_args={
        "base_url": common.BASE_URL,
        "api_key": common.KEY,
        "default_headers": common.HEADERS,
        "http_client": beneath.async_http(),
    },
    model_id=common.MODEL,
)
agent = Agent(model=model, tools=[tool(common.run)], callback_handler=None)
print(agent(common.PROMPT))
