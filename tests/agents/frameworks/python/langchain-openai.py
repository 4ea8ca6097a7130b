"""langchain-openai: http_client and http_async_client of ChatOpenAI."""

import beneath
import common
from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model=common.MODEL,
    base_url=common.BASE_URL,
    api_key=common.KEY,
    default_headers=common.HEADERS,
    http_client=beneath.sync_http(),
    http_async_client=beneath.async_http(),
    streaming=True,
)
agent = create_agent(model, tools=[common.run])
done = agent.invoke({"messages": [{"role": "user", "content": common.PROMPT}]})
print(done["messages"][-1].content)
