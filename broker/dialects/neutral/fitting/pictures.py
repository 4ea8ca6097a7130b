"""Pictures, which not every model takes: a note stands in for each that is lost."""

import msgspec

from broker.dialects.neutral.losing import lose
from broker.dialects.neutral.request import Image, Part, Request, Text, ToolResult
from broker.loss import Loss
from broker.settings.takes import Takes

NOTE = "[A picture was left out]"


def with_fitting_pictures(request: Request, takes: Takes) -> Request:
    """The request without pictures, if the model takes none.

    Raises:
        Unexpressible: there is one, and nobody collects losses.
    """
    if takes.pictures is not False:
        return request
    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(map(_part, message.parts)))
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)


def _part(part: Part) -> Part:
    match part:
        case Image():
            return _note(part)
        case ToolResult():
            parts = tuple(_note(each) if isinstance(each, Image) else each for each in part.parts)
            return msgspec.structs.replace(part, parts=parts)
        case _:
            return part


def _note(picture: Image) -> Text:
    why = "this model takes no pictures"
    lose(Loss(picture.at or "messages", why, setting="images"))
    return Text(NOTE)
