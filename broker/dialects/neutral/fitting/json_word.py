"""The word JSON, which OpenAI wants to be said where an answer is to be JSON without a schema."""

import msgspec

from broker.dialects.neutral.request import Message, Request, Text, ToolResult
from broker.settings.takes import Takes

_WORD = "json"
JSON_ONLY = (
    "Answer with a single JSON object and nothing else: no other text before or after it, and no "
    "code fence."
)


def with_json_word(request: Request, takes: Takes, *, instructions: bool) -> Request:
    """The request, in which the model is asked for JSON in words too if nothing else speaks of it.

    ``instructions``: whether those beside the turns count.
    """
    if not takes.json_word or request.output != "json":
        return request
    if instructions and any(_WORD in text.lower() for text in request.instructions):
        return request
    if any(_speaks(part) for message in request.messages for part in message.parts):
        return request
    told = Message("system", (Text(JSON_ONLY),))
    return msgspec.structs.replace(request, messages=(told, *request.messages))


def _speaks(part: object) -> bool:
    if isinstance(part, ToolResult):
        return any(map(_speaks, part.parts))
    return isinstance(part, Text) and _WORD in part.text.lower()
