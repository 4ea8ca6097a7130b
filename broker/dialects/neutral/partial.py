"""Going on from a partial answer, the request's last turn, with a provider of another dialect.

The messages dialect takes none that ends in white space, and none together with thinking.
"""

import msgspec

from broker.dialects.neutral.request import Message, Reasoning, Request, Text


def prepared(request: Request, provider: str) -> tuple[Request, str]:
    """The request as this provider takes it, and the white space that it was deprived of."""
    if provider != "messages":
        return request, ""
    if request.reasoning is not None:  # its thoughts are past; how hard to try is not
        reasoning = Reasoning(effort=request.reasoning.effort)
        request = msgspec.structs.replace(request, reasoning=reasoning)
    last = request.messages[-1]
    part = last.parts[-1] if last.role == "assistant" and last.parts else None
    if not isinstance(part, Text):
        return request, ""
    text = part.text.rstrip()
    turn = Message(last.role, (*last.parts[:-1], Text(text)))
    messages = (*request.messages[:-1], turn)
    return msgspec.structs.replace(request, messages=messages), part.text[len(text) :]
