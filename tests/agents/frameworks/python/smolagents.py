"""smolagents: client_kwargs of OpenAIServerModel."""

import beneath
import common
from smolagents import OpenAIServerModel, ToolCallingAgent, tool

model = OpenAIServerModel(
    common.MODEL,
    api_base=common.BASE_URL,
    api_key=common.KEY,
    client_kwargs={"default_headers": common.HEADERS, "http_client": beneath.sync_http()},
)
agent = ToolCallingAgent(tools=[tool(common.run)], model=model, stream_outputs=True)
print(agent.run(common.PROMPT))
