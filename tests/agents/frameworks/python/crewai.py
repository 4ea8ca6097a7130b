"""crewai: its LM takes the base URL and headers."""

import common
from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool

model = LLM(
    model=f"openai/{common.MODEL}",
    base_url=common.BASE_URL,
    api_key=common.KEY,
    default_headers=common.HEADERS,
    stream=True,
)
agent = Agent(
    role="agent", goal="answer", backstory="none", llm=model, tools=[tool("run")(common.run)]
)
task = Task(description=common.PROMPT, expected_output="text", agent=agent)
print(Crew(agents=[agent], tasks=[task]).kickoff())
