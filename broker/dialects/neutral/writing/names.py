"""Names of participants, for dialects whose messages have none."""

import msgspec

from broker.dialects.neutral.losing import lose, terms
from broker.dialects.neutral.request import Message, Request, Text
from broker.loss import Loss, shown

_NAMED = ("user", "assistant")


def without_names(request: Request) -> Request:
    """The request with its names left out, or written before what each says, as the operator
    has it. A system message's name says nothing to a model."""
    if not any(message.name for message in request.messages):
        return request
    messages = tuple(_nameless(message) for message in request.messages)
    return msgspec.structs.replace(request, messages=messages)


def _nameless(message: Message) -> Message:
    name = message.name
    if name is None:
        return message
    parts = message.parts
    if message.role in _NAMED and terms().names == "text":
        first = parts[0] if parts else None
        if isinstance(first, Text):
            parts = (Text(f"{name}: {first.text}"), *parts[1:])
        elif message.role == "user":
            parts = (Text(f"{name}:"), *parts)
    elif message.role in _NAMED:
        path = f"{message.at or 'messages'}.name"
        lose(Loss(path, "the dialect has nothing like it", shown(name)), told=True)
    return msgspec.structs.replace(message, parts=parts, name=None)
