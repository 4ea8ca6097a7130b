"""Odd items of responses, put as OpenAI would have written them: arguments that are an object are
its JSON text, wherever they stand."""

from typing import Any

from broker.dialects.wire import encode

Object = dict[str, Any]
# By the type of an item, its field that is a text.
TEXTS = {"function_call": "arguments", "mcp_call": "arguments", "custom_tool_call": "input"}
# By the type of an event, the field of it that is.
EVENTS = {
    "response.function_call_arguments.delta": "delta",
    "response.function_call_arguments.done": "arguments",
    "response.mcp_call_arguments.delta": "delta",
    "response.mcp_call_arguments.done": "arguments",
}


def mended(event: Object) -> Object:
    """An event put so; the event itself if it is plain."""
    field = EVENTS.get(str(event.get("type")))
    if field is not None:
        return _text(event, field)
    item = event.get("item")
    if isinstance(item, dict):
        found = _item(item)
        return event if found is item else {**event, "item": found}
    response = event.get("response")
    if isinstance(response, dict):
        told = mended_response(response)
        return event if told is response else {**event, "response": told}
    return event


def mended_response(response: Object) -> Object:
    """A whole response put so; the response itself if it is plain."""
    output = response.get("output")
    if not isinstance(output, list):
        return response
    found = [_item(item) if isinstance(item, dict) else item for item in output]
    if all(new is old for new, old in zip(found, output, strict=True)):
        return response
    return {**response, "output": found}


def _item(item: Object) -> Object:
    field = TEXTS.get(str(item.get("type")))
    return item if field is None else _text(item, field)


def _text(holder: Object, field: str) -> Object:
    value = holder.get(field)
    if value is None or isinstance(value, str):
        return holder
    return {**holder, field: encode(value).decode()}
