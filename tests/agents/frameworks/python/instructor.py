"""instructor: from_openai over a client of one's own. It takes structures, not loops."""

import beneath
import common
import instructor
from openai import OpenAI
from pydantic import BaseModel


class Run(BaseModel):
    """Run a command by the shell."""

    command: str


client = instructor.from_openai(
    OpenAI(
        base_url=common.BASE_URL,
        api_key=common.KEY,
        default_headers=common.HEADERS,
        http_client=beneath.sync_http(),
    )
)
messages = [{"role": "user", "content": common.PROMPT}]
asked = client.chat.completions.create(model=common.MODEL, messages=messages, response_model=Run)
print(common.run(asked.command))
