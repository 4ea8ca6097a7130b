"""Chat requests, read.

Harmless to leave out, for they change nothing in the answer: ``model`` and how it is streamed
(both are the broker's), ``metadata``, ``store``, hints for caches and abuse teams, service tiers,
``prediction``, the ``name`` of a tool's result, and what only repeats a default.
"""

from typing import Any

from broker.dialects.neutral.fields import Fields, fields_of, malformed
from broker.dialects.neutral.losing import attempt, parts_of, whole
from broker.dialects.neutral.reading.content import contents, told
from broker.dialects.neutral.reading.document import document_in
from broker.dialects.neutral.reading.image import image_at
from broker.dialects.neutral.reading.thoughts import thoughts_of
from broker.dialects.neutral.request import (
    Document,
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
    *("store", "service_tier", "prediction"),
)


@whole
def read(request: dict[str, Any]) -> Request:
    """The neutral request.

    Raises:
        Unexpressible: something in it has no counterpart; ``param`` names it.
        BadRequest: it is no chat request.
    """
    fields = Fields(request).ignore(*HARMLESS).only("n", 1)
    fields.only("logprobs", False, setting="include").only("top_logprobs", 0, setting="include")
    fields.only("modalities", ["text"], setting="audio").lose("audio", setting="audio")
    fields.lose("web_search_options", setting="hosted_tools")  # even {} asks for a search
    if fields.peek("logit_bias"):
        fields.lose("logit_bias", setting="logit_bias")
    output = attempt(_output, fields.inner("response_format"))
    limit = fields.integer("max_tokens")
    newer = fields.integer("max_completion_tokens")
    effort = fields.wish("reasoning_effort", EFFORTS, "reasoning")
    found = Request(
        messages=_messages(fields.any("messages")),
        tools=tuple(parts_of(fields.each("tools"), _tool)),
        tool_choice=attempt(_tool_choice, fields),
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
        verbosity=fields.wish("verbosity", ("low", "medium", "high"), "verbosity"),
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
    fields.word("type", ("function",), "hosted_tools")
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
        return Fields({"tool_choice": choice}).wish("tool_choice", ("auto", "none", "required"))
    inner = Fields(choice, "tool_choice")
    inner.word("type", ("function",), "tool_choice")
    function = inner.inner("function")
    inner.close()
    if function is None:
        raise malformed("tool_choice.function", "an object")
    named = Named(function.need("name"))
    function.close()
    return named


def _messages(value: Any) -> tuple[Message, ...]:
    found: list[Message] = []
    for message in parts_of(fields_of(value, "messages"), _message):
        before = found[-1] if found else None
        if before is not None and before.role == message.role == "tool":
            found[-1] = Message("tool", before.parts + message.parts, at=before.at)
        else:
            found.append(message)
    return tuple(found)


def _message(fields: Fields) -> Message:
    role = fields.word("role", ("system", "developer", "user", "assistant", "tool"))
    if role is None:
        raise malformed(fields.where("role"), "a string")
    if role == "assistant":
        return _assistant(fields)
    parts: tuple[Part, ...] = tuple(_content(fields))
    name = fields.text("name")
    if role == "tool":  # its name repeats the call's
        said, name = told(parts, fields.where("content")), None
        parts = (ToolResult(fields.need("tool_call_id"), said, at=fields.path),)
    fields.close()
    return Message(role, parts, name or None, fields.path)


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
        arguments = inner.text("arguments") or "{}"
        parts.append(ToolCall(call.need("id"), inner.need("name"), arguments, call.path))
        inner.close()
        call.close()
    name = fields.text("name") or None
    fields.close()
    return Message("assistant", tuple(parts), name, fields.path)


def _content(fields: Fields) -> list[Part]:
    content = fields.any("content")
    if isinstance(content, str):
        return [Text(content)]
    return list(contents(fields_of(content, fields.where("content")), _part))


def _part(fields: Fields) -> Part:
    lost = "audio" if fields.peek("type") == "input_audio" else "items"
    kind = fields.word("type", ("text", "image_url", "file", "refusal"), lost)
    found: Part
    if kind == "image_url":
        inner = fields.inner("image_url")
        if inner is None:
            raise malformed(fields.where("image_url"), "an object")
        found = image_at(inner.need("url"), inner.text("detail"), inner, "url")
        inner.close()
    elif kind == "file":
        found = _file(fields)
    elif kind == "refusal":
        found = Refusal(fields.need("refusal"))
    else:
        found = Text(fields.need("text"))
    fields.ignore("prompt_cache_breakpoint").close()
    return found


def _file(fields: Fields) -> Document:
    inner = fields.inner("file")
    if inner is None:
        raise malformed(fields.where("file"), "an object")
    if inner.has("file_id"):
        raise inner.unexpressible("file_id", "it is kept by another provider")
    document = document_in(inner.need("file_data"), inner.text("filename"), inner, "file_data")
    inner.close()
    return document
