"""What several writers of requests need of a message's parts."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from broker.dialects.neutral.losing import lose, lose_setting
from broker.dialects.neutral.request import (
    Image,
    Part,
    Refusal,
    Request,
    Text,
    ToolCall,
)
from broker.loss import Loss
from broker.nesting import DEEPEST, levels

INVALID = "invalid_arguments"  # what a call holds that has no JSON object


def only_text(parts: Iterable[Part], where: str) -> tuple[str, ...]:
    """The texts of parts that can be nothing but text here; what else there is, is lost."""
    texts = []
    for part in parts:
        if isinstance(part, Text | Refusal):
            texts.append(part.text)
        else:
            setting = "images" if isinstance(part, Image) else "documents"
            lose(Loss(getattr(part, "at", "") or where, "only text can be", setting=setting))
    return tuple(texts)


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call, for dialects that take an object.

    A model may have written something else (a call that was cut off): it is told as it is, under a
    name that says so, for else the conversation could not be gone on with there.
    """
    try:
        found = msgspec.json.decode(call.arguments or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or levels(found) > DEEPEST:
        return {INVALID: call.arguments}
    return found


def plain(parts: Sequence[Part]) -> str | None:
    """The text of a content that may be written as a plain string: a single text, or nothing."""
    if not parts:
        return ""
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
    """Lose these settings where they are set to more than nothing.

    A penalty of 0 is nothing; a seed of 0 is a seed.
    """
    for name in names:
        value = getattr(request, name)
        if value or (name == "seed" and value is not None):
            setting = "penalties" if name.endswith("_penalty") else name
            lose_setting(name, value, f"the {dialect} dialect has nothing like it", setting)
