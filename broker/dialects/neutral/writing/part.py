"""What several writers of requests need of a message's parts."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from broker.dialects.neutral import refusing
from broker.dialects.neutral.fields import unexpressible
from broker.dialects.neutral.request import (
    Image,
    Message,
    Part,
    Refusal,
    Request,
    Text,
    ToolCall,
)
from broker.nesting import DEEPEST, levels


def only_text(parts: Iterable[Part], where: str) -> tuple[str, ...]:
    """The texts of parts that can be nothing but text here."""
    texts = []
    for part in parts:
        if not isinstance(part, Text | Refusal):
            raise unexpressible(where, "only text can be")
        texts.append(part.text)
    return tuple(texts)


def system_of(request: Request) -> tuple[list[str], tuple[Message, ...]]:
    """For dialects whose instructions stand beside the messages: those, and the rest.

    Raises:
        Unexpressible: a system message comes after the conversation began.
    """
    texts = list(request.instructions)
    messages = request.messages
    begun = 0
    while begun < len(messages) and messages[begun].role in ("system", "developer"):
        texts += only_text(messages[begun].parts, "messages")
        begun += 1
    if any(message.role in ("system", "developer") for message in messages[begun:]):
        raise unexpressible("messages", "instructions can stand only before the conversation")
    return [text for text in texts if text], messages[begun:]


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call, for dialects that take an object.

    Raises:
        Unexpressible: they are not the JSON of one.
    """
    try:
        found = msgspec.json.decode(call.arguments or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or levels(found) > DEEPEST:
        raise unexpressible("messages", f"the arguments of call {call.id!r} are no JSON object")
    return found


def plain(parts: Sequence[Part]) -> str | None:
    """The text of a content that may be written as a plain string: it is a single text."""
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return None


def url_of(image: Image) -> str:
    """The URL of an image, a data URL if need be."""
    return image.url or f"data:{image.media_type};base64,{image.data}"


def without_none(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that say something."""
    return {key: value for key, value in fields.items() if value is not None}


def refuse(request: Request, dialect: str, *names: str) -> None:
    """Refuse these settings where they are set to more than nothing.

    A penalty of 0 is nothing; a seed of 0 is a seed.

    Raises:
        Unexpressible: one is.
    """
    for name in names:
        value = getattr(request, name)
        if value or (name == "seed" and value is not None):
            refusing.refuse(unexpressible(name, f"the {dialect} dialect has nothing like it"))
