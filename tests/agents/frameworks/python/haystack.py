"""haystack: http_client_kwargs of OpenAIChatGenerator takes the transport, which is httpx's."""

import common
from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import create_tool_from_function
from haystack.utils import Secret

from streamhold_client.httpx import ResumingTransport

model = OpenAIChatGenerator(
    model=common.MODEL,
    api_base_url=common.BASE_URL,
    api_key=Secret.from_token(common.KEY),
    generation_kwargs={"extra_headers": common.HEADERS},
    http_client_kwargs={"transport": ResumingTransport()} if common.TRANSPORT else None,
    streaming_callback=lambda chunk: None,
)
agent = Agent(chat_generator=model, tools=[create_tool_from_function(common.run)])
print(agent.run([ChatMessage.from_user(common.PROMPT)])["messages"][-1].text)
