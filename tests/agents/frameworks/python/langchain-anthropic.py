"""langchain-anthropic: it has no place for an HTTP client; its headers are default_headers."""

import common
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic

model = ChatAnthropic(
    model=common.MODEL,
    base_url=common.URL,
    api_key=common.KEY,
    default_headers=common.HEADERS,
    max_tokens=1000,
    streaming=True,
)
agent = create_agent(model, tools=[common.run])
done = agent.invoke({"messages": [{"role": "user", "content": common.PROMPT}]})
print(done["messages"][-1].content)
