"""System messages within a conversation, for dialects whose instructions stand beside it.

The messages dialect has turns of that role since Claude Opus 4.8 (platform.claude.com,
"Mid-conversation system messages"): behind a turn of the user, and last or before one of the
assistant. Everywhere else such a message becomes a turn of the user, marked as what it is.
"""

import re

from broker.dialects.neutral.losing import terms
from broker.dialects.neutral.request import Message, Request, Text
from broker.dialects.neutral.writing.part import only_text

_SYSTEM = ("system", "developer")
_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2})(?!\d))?(?!\d)", re.ASCII)
_SINCE = (4, 8)


def takes_system_turns(model: str) -> bool:
    """Whether a model of the messages dialect is known to take them, by its name."""
    found = _VERSION.search(model)
    return found is not None and (int(found[1]), int(found[2] or 0)) >= _SINCE


def system_of(request: Request, *, native: bool) -> tuple[list[str], tuple[Message, ...]]:
    """The instructions, and the rest of the conversation: turns of role ``system`` are in it only
    if it is ``native`` to the model, and where the dialect lets them stand."""
    texts = list(request.instructions)
    messages = request.messages
    begun = 0
    while begun < len(messages) and messages[begun].role in _SYSTEM:
        texts += only_text(messages[begun].parts, messages[begun].at or "messages")
        begun += 1
    rest = _merged(messages[begun:])
    found = [_turn(rest, place, native) for place in range(len(rest))]
    return [text for text in texts if text], tuple(found)


def wants_native(model: str) -> bool:
    """Whether a messages provider is given such turns as they are, by the operator's word."""
    said = terms().system_turns
    return takes_system_turns(model) if said == "auto" else said == "native"


def _merged(messages: tuple[Message, ...]) -> list[Message]:
    """The turns, system messages that follow one another as one."""
    found: list[Message] = []
    for message in messages:
        if message.role not in _SYSTEM:
            found.append(message)
            continue
        texts = tuple(Text(text) for text in only_text(message.parts, message.at or "messages"))
        before = found[-1] if found else None
        if before is not None and before.role == "system":
            found[-1] = Message("system", before.parts + texts, at=before.at)
        else:
            found.append(Message("system", texts, at=message.at))
    return [message for message in found if message.role != "system" or _says(message)]


def _says(message: Message) -> bool:
    return any(isinstance(part, Text) and part.text.strip() for part in message.parts)


def _turn(rest: list[Message], place: int, native: bool) -> Message:
    message = rest[place]
    if message.role != "system":
        return message
    follows = place > 0 and rest[place - 1].role in ("user", "tool")
    if native and follows and (place + 1 == len(rest) or rest[place + 1].role == "assistant"):
        return message
    text = "\n\n".join(part.text for part in message.parts if isinstance(part, Text))
    return Message("user", (Text(f"<system>\n{text}\n</system>"),), at=message.at)
