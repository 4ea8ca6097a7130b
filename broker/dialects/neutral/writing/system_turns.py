"""System messages within a conversation.

Chat and responses have them anywhere, though not all models that are asked in chat take them. The
messages dialect has turns of that role since Claude Opus 4.8 (platform.claude.com,
"Mid-conversation system messages"): behind a turn of the user, and last or before one of the
assistant. Everywhere else such a message becomes a turn of the user, marked as what it is.
"""

from broker.dialects.neutral.losing import terms
from broker.dialects.neutral.request import Message, Request, Text
from broker.dialects.neutral.writing.part import only_text
from broker.settings.takes import Takes

_SYSTEM = ("system", "developer")


def with_fitting_system(
    request: Request, *, native: bool, developer: bool = True
) -> tuple[Message, ...]:
    """All turns, for dialects that have system messages among them: those that follow one another
    are one, for there are models whose template takes one. Without ``native`` they stand at the
    beginning only. ``developer``: the provider tells that role from ``system``.
    """
    turns = list(request.messages)
    if request.instructions:
        turns.insert(0, Message("system", tuple(Text(text) for text in request.instructions)))
    found: list[Message] = []
    for turn in turns:
        if turn.role not in _SYSTEM:
            found.append(turn)
            continue
        before = found[-1] if found else None
        same = before is not None and (
            before.role == turn.role if developer else before.role in _SYSTEM
        )
        if before is not None and same:
            found[-1] = Message(before.role, before.parts + turn.parts, at=before.at)
        else:
            found.append(turn)
    begun = 0
    while begun < len(found) and found[begun].role in _SYSTEM:
        begun += 1
    return tuple(
        turn
        if turn.role not in _SYSTEM
        else _as_text(turn)
        if native or place < begun
        else _marked(turn)
        for place, turn in enumerate(found)
    )


def _as_text(message: Message) -> Message:
    """A system message, as a single text if it is of texts alone."""
    texts = [part.text for part in message.parts if isinstance(part, Text)]
    if len(texts) < 2 or len(texts) < len(message.parts):
        return message
    whole = "\n\n".join(text for text in texts if text)
    return Message(message.role, (Text(whole),), message.name, message.at)


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


def wants_native(takes: Takes) -> bool:
    """Whether a provider is given such turns as they are, by the operator's word or the model."""
    said = terms().system_turns
    return takes.system_turns is not False if said == "auto" else said == "native"


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
    return _marked(message)


def _marked(message: Message) -> Message:
    """A system message as a turn of the user, marked as what it is."""
    text = "\n\n".join(part.text for part in message.parts if isinstance(part, Text))
    return Message("user", (Text(f"<system>\n{text}\n</system>"),), at=message.at)
