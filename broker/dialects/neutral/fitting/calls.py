"""Ids of tool calls, in the calls and in their results: see ``broker.dialects.vendors.ids``."""

from operator import is_

import msgspec

from broker.dialects.neutral.request import Message, Part, Request, ToolCall, ToolResult
from broker.dialects.vendors.ids import CallIds
from broker.settings.takes import Takes


def with_fitting_ids(request: Request, takes: Takes) -> Request:
    """The request with ids that the vendor takes."""
    ids = CallIds(takes)
    if ids.free:
        return request
    messages = tuple(_message(message, ids) for message in request.messages)
    return msgspec.structs.replace(request, messages=messages)


def _message(message: Message, ids: CallIds) -> Message:
    if message.role == "assistant":
        ids.begin_turn()
    elif message.role != "tool":
        return message
    parts = tuple([_part(part, ids) for part in message.parts])
    if all(map(is_, parts, message.parts)):
        return message
    return msgspec.structs.replace(message, parts=parts)


def _part(part: Part, ids: CallIds) -> Part:
    match part:
        case ToolCall():
            found = ids.of_call(part.id)
        case ToolResult():
            found = ids.of_result(part.id)
        case _:
            return part
    return part if found == part.id else msgspec.structs.replace(part, id=found)
