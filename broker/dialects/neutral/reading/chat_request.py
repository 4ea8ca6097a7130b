"""Chat requests, read.

Harmless to leave out, for they change nothing in the answer: ``model`` and how it is streamed
(both are the broker's), ``metadata``, ``store`` if false, hints for caches and abuse teams,
ordinary service tiers, and what only repeats a default.
"""

from collections.abc import Iterable
from typing import Any

from broker.dialects.neutral.fields import Fields, fields_of, malformed, unexpressible
from broker.dialects.neutral.reading.image import image_at
from broker.dialects.neutral.reading.thoughts import thoughts_of
from broker.dialects.neutral.refusing import all_at_once
from broker.dialects.neutral.request import (
    Image,
    JsonSchema,
    Message,
    Named,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

HARMLESS = (
    *("model", "stream", "stream_options", "metadata", "safety_identifier"),
    *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
)


@all_at_once("chat")
def read(request: dict[str, Any]) -> Request:
    """The neutral request.

    Raises:
        Unexpressible: something in it has no counterpart; ``param`` names it.
        BadRequest: it is no chat request.
    """
    fields = Fields(request).ignore(*HARMLESS).only("n", 1).only("store", False)
    fields.only("service_tier", "auto", "default").only("logprobs", False).only("top_logprobs", 0)
    fields.only("modalities", ["text"])
    if fields.has("web_search_options"):  # even an empty object asks for a search
        raise fields.unexpressible("web_search_options")
    output = _output(fields.inner("response_format"))
    limit = fields.integer("max_tokens")
    newer = fields.integer("max_completion_tokens")
    effort = fields.word("reasoning_effort", EFFORTS)
    found = Request(
        messages=_messages(fields.any("messages")),
        tools=tuple(_tool(each) for each in fields.each("tools")),
        tool_choice=_tool_choice(fields),
        parallel=fields.flag("parallel_tool_calls"),
        max_tokens=limit if newer is None else newer,
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        seed=fields.integer("seed"),
        frequency_penalty=fields.number("frequency_penalty"),
        presence_penalty=fields.number("presence_penalty"),
        stop=_stop(fields),
        output=output,
        reasoning=effort and reasoning_of(effort),
        verbosity=fields.word("verbosity", ("low", "medium", "high")),
        user=fields.text("user"),
    )
    fields.close()
    return found


EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def reasoning_of(effort: Any) -> Reasoning:
    """What an effort asks for; ``none`` is not to think."""
    return Reasoning(on=False) if effort == "none" else Reasoning(on=True, effort=effort)


def _stop(fields: Fields) -> tuple[str, ...]:
    if isinstance(one := fields.any("stop"), str):
        return (one,)
    return Fields({"stop": one}, fields.path).texts("stop")


def _output(fields: Fields | None) -> Any:
    if fields is None:
        return None
    match fields.word("type", ("text", "json_object", "json_schema")):
        case "json_object":
            found: Any = "json"
        case "json_schema":
            inner = fields.inner("json_schema")
            found = None if inner is None else schema_of(inner)
            if inner is not None:
                inner.close()
        case _:
            found = None
    fields.close()
    return found


def schema_of(fields: Fields) -> JsonSchema:
    """A schema for the output, as chat and responses give it."""
    schema = fields.mapping("schema")
    if schema is None:
        raise malformed(fields.where("schema"), "an object")
    name, about = fields.text("name"), fields.text("description")
    return JsonSchema(schema, name, about, fields.flag("strict"))


def _tool(fields: Fields) -> Tool:
    fields.word("type", ("function",))
    inner = fields.inner("function")
    fields.close()
    if inner is None:
        raise malformed(fields.where("function"), "an object")
    return tool_of(inner)


def tool_of(fields: Fields) -> Tool:
    """A function that may be called, as chat and responses describe it."""
    found = Tool(
        name=fields.need("name"),
        description=fields.text("description"),
        schema=fields.mapping("parameters"),
        strict=fields.flag("strict"),
    )
    fields.close()
    return found


def _tool_choice(fields: Fields) -> Any:
    choice = fields.any("tool_choice")
    if not isinstance(choice, dict):
        return Fields({"tool_choice": choice}).word("tool_choice", ("auto", "none", "required"))
    inner = Fields(choice, "tool_choice")
    inner.word("type", ("function",))
    function = inner.inner("function")
    inner.close()
    if function is None:
        raise malformed("tool_choice.function", "an object")
    named = Named(function.need("name"))
    function.close()
    return named


def _messages(value: Any) -> tuple[Message, ...]:
    found: list[Message] = []
    for fields in fields_of(value, "messages"):
        message = _message(fields)
        before = found[-1] if found else None
        if before is not None and before.role == message.role == "tool":
            found[-1] = Message("tool", before.parts + message.parts)
        else:
            found.append(message)
    return tuple(found)


def _message(fields: Fields) -> Message:
    role = fields.word("role", ("system", "developer", "user", "assistant", "tool"))
    if role is None:
        raise malformed(fields.where("role"), "a string")
    if role == "assistant":
        return _assistant(fields)
    parts = tuple(_content(fields))
    if role == "tool":
        parts = (ToolResult(fields.need("tool_call_id"), told(parts, fields.where("content"))),)
    fields.close()
    return Message(role, parts)


def told(parts: Iterable[Part], where: str) -> tuple[Text | Image, ...]:
    """The parts of a tool's result; it can be no others."""
    found = []
    for part in parts:
        if not isinstance(part, Text | Image):
            raise unexpressible(where)
        found.append(part)
    return tuple(found)


def _assistant(fields: Fields) -> Message:
    # What clients send back as it came: notes beside the text, and its null companions.
    fields.ignore("annotations")
    parts: list[Part] = list(thoughts_of(fields))
    parts += [part for part in _content(fields) if part != Text("")]
    if refusal := fields.text("refusal"):
        parts.append(Refusal(refusal))
    for call in fields.each("tool_calls"):
        call.ignore("index").word("type", ("function",))
        inner = call.inner("function")
        if inner is None:
            raise malformed(call.where("function"), "an object")
        parts.append(ToolCall(call.need("id"), inner.need("name"), inner.text("arguments") or "{}"))
        inner.close()
        call.close()
    fields.close()
    return Message("assistant", tuple(parts))


def _content(fields: Fields) -> list[Part]:
    content = fields.any("content")
    if isinstance(content, str):
        return [Text(content)]
    return [_part(each) for each in fields_of(content, fields.where("content"))]


def _part(fields: Fields) -> Part:
    kind = fields.word("type", ("text", "image_url", "refusal"))
    found: Part
    if kind == "image_url":
        inner = fields.inner("image_url")
        if inner is None:
            raise malformed(fields.where("image_url"), "an object")
        found = image_at(inner.need("url"), inner.text("detail"), inner, "url")
        inner.close()
    elif kind == "refusal":
        found = Refusal(fields.need("refusal"))
    else:
        found = Text(fields.need("text"))
    fields.ignore("prompt_cache_breakpoint").close()
    return found
