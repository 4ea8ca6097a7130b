"""litellm's SDK: base_url, extra_headers, and a client of openai's as `client`."""

import json

import beneath
import common
import litellm
from openai import OpenAI

client = OpenAI(
    base_url=common.BASE_URL,
    api_key=common.KEY,
    default_headers=common.HEADERS,
    http_client=beneath.sync_http(),
)
tool = {"type": "function", "function": {"name": "run", "parameters": common.SCHEMA}}
messages = [{"role": "user", "content": common.PROMPT}]
while True:
    chunks = list(
        litellm.completion(
            f"openai/{common.MODEL}", messages=messages, tools=[tool], client=client, stream=True
        )
    )
    message = litellm.stream_chunk_builder(chunks, messages=messages).choices[0].message
    if not message.tool_calls:
        break
    messages.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls:
        result = common.run(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
print(message.content)
