"""Blank texts, which some vendors refuse.

They are left out, and with them a turn of the model that says nothing else. A turn of the user is
not left out: it is what the model is to answer, and what keeps two of its own turns apart. If it
says nothing, a note says so, but behind results of tools, which are a turn of the user already.
"""

import msgspec

from broker.dialects.neutral.request import Message, Part, Request, Text, ToolResult
from broker.settings.takes import Takes

NOTHING_SAID = "[an empty message]"
NO_RESULT = "[no output]"  # of a tool that failed, where an error must say something


def with_fitting_texts(request: Request, takes: Takes) -> Request:
    """The request without texts that the vendor refuses."""
    if takes.texts in (None, "any"):
        return _without_end_space(request, takes)
    blank = takes.texts == "not blank"
    messages: list[Message] = []
    for message in request.messages:
        behind = bool(messages) and messages[-1].role == "tool"
        if (fitting := _message(message, blank, behind_results=behind)) is not None:
            messages.append(fitting)
    instructions = tuple(text for text in request.instructions if not _is_blank(text, blank))
    found = msgspec.structs.replace(request, messages=tuple(messages), instructions=instructions)
    return _without_end_space(found, takes)


def _is_blank(text: str, blank: bool) -> bool:
    return not (text.strip() if blank else text)


def _message(message: Message, blank: bool, *, behind_results: bool) -> Message | None:
    """The turn; None if nothing is left of it, and nothing need be."""
    parts = tuple(
        part
        for part in message.parts
        if not (isinstance(part, Text) and _is_blank(part.text, blank))
    )
    if message.role == "tool":
        parts = tuple(_result(part, blank) for part in parts)
    if not parts and message.role == "user" and not behind_results:
        parts = (Text(NOTHING_SAID),)
    if not parts:
        return None
    return message if parts == message.parts else msgspec.structs.replace(message, parts=parts)


def _result(part: Part, blank: bool) -> Part:
    if not isinstance(part, ToolResult):
        return part
    said = tuple(
        each for each in part.parts if not (isinstance(each, Text) and _is_blank(each.text, blank))
    )
    if not said:
        said = (Text(NO_RESULT if part.failed else ""),)
    return part if said == part.parts else msgspec.structs.replace(part, parts=said)


def _without_end_space(request: Request, takes: Takes) -> Request:
    """The request, its last turn without white space at its end if that is the model's."""
    last = request.messages[-1] if request.messages else None
    if takes.end_space is not False or last is None or last.role != "assistant" or not last.parts:
        return request
    end = last.parts[-1]
    if not isinstance(end, Text) or end.text == end.text.rstrip():
        return request
    turn = msgspec.structs.replace(last, parts=(*last.parts[:-1], Text(end.text.rstrip())))
    return msgspec.structs.replace(request, messages=(*request.messages[:-1], turn))
