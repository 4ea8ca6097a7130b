"""Responses requests, read.

Harmless to leave out: ``model`` and how it is streamed; ``store`` and ``background``, which the
broker itself sees to; ``metadata``, hints for caches and abuse teams, service tiers; truncation,
which changes nothing in a conversation that fits, and one that does not its provider refuses; the
limit of calls of hosted tools, and the wish for sealed reasoning, which always comes where there
is some.

What the provider keeps (``previous_response_id``, ``conversation``, ``prompt``, files, references
to items) is refused: another provider doesn't have it.
"""

from collections.abc import Iterator
from typing import Any

from broker.dialects.neutral.fields import Fields, fields_of, malformed
from broker.dialects.neutral.losing import attempt, lose, parts_of, whole
from broker.dialects.neutral.reading.chat_request import EFFORTS, schema_of, tool_of
from broker.dialects.neutral.reading.content import contents, told
from broker.dialects.neutral.reading.document import document_in
from broker.dialects.neutral.reading.image import image_at
from broker.dialects.neutral.request import (
    Document,
    Message,
    Named,
    Part,
    Reasoning,
    Refusal,
    Request,
    Role,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)
from broker.dialects.neutral.signature import unseal
from broker.loss import Loss, shown

HARMLESS = (
    *("model", "stream", "stream_options", "metadata", "safety_identifier"),
    *("store", "background", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
    *("service_tier", "truncation", "max_tool_calls"),
)


@whole
def read(request: dict[str, Any]) -> Request:
    """The neutral request.

    Raises:
        Unexpressible: something in it has no counterpart; ``param`` names it.
        BadRequest: it is no responses request.
    """
    fields = Fields(request).ignore(*HARMLESS)
    fields.only("top_logprobs", 0, setting="include")
    for place, name in enumerate(fields.texts("include")):
        if name != "reasoning.encrypted_content":
            lose(Loss(f"include[{place}]", "it has no counterpart", shown(name), setting="include"))
    for key in ("previous_response_id", "conversation", "prompt"):  # they may stand for the input
        if fields.has(key):
            raise fields.unexpressible(key, "it is kept by another provider")
    output, verbosity = _text(fields.inner("text"))
    instructions = fields.text("instructions")
    found = Request(
        instructions=() if instructions is None else (instructions,),
        messages=_messages(fields),
        tools=tuple(parts_of(fields.each("tools"), _tool)),
        tool_choice=attempt(_tool_choice, fields),
        parallel=fields.flag("parallel_tool_calls"),
        max_tokens=fields.integer("max_output_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        output=output,
        reasoning=_reasoning(fields.inner("reasoning")),
        verbosity=verbosity,
        user=fields.text("user"),
    )
    fields.close()
    return found


def _tool(fields: Fields) -> Tool:
    fields.word("type", ("function",), "hosted_tools")
    return tool_of(fields)


def _text(fields: Fields | None) -> tuple[Any, Any]:
    if fields is None:
        return None, None
    output = attempt(_format, fields.inner("format"))
    verbosity = fields.wish("verbosity", ("low", "medium", "high"), "verbosity")
    fields.close()
    return output, verbosity


def _format(fields: Fields | None) -> Any:
    if fields is None:
        return None
    output: Any = None
    match fields.word("type", ("text", "json_object", "json_schema")):
        case "json_object":
            output = "json"
        case "json_schema":
            output = schema_of(fields)
    fields.close()
    return output


def _reasoning(fields: Fields | None) -> Reasoning | None:
    if fields is None:
        return None
    effort = fields.wish("effort", EFFORTS, "reasoning")
    summary = fields.wish("summary", ("auto", "concise", "detailed"), "reasoning")
    older = fields.wish("generate_summary", ("auto", "concise", "detailed"), "reasoning")
    fields.close()
    if effort == "none":
        return Reasoning(on=False, summary=summary or older)
    return Reasoning(on=True if effort else None, effort=effort, summary=summary or older)


def _tool_choice(fields: Fields) -> Any:
    choice = fields.any("tool_choice")
    if not isinstance(choice, dict):
        return Fields({"tool_choice": choice}).wish("tool_choice", ("auto", "none", "required"))
    inner = Fields(choice, "tool_choice")
    inner.word("type", ("function",), "tool_choice")
    named = Named(inner.need("name"))
    inner.close()
    return named


def _messages(fields: Fields) -> tuple[Message, ...]:
    """The turns of ``input``: items of one role that follow one another are one turn."""
    given = fields.any("input")
    if isinstance(given, str):
        return (Message("user", (Text(given),), at="input"),)
    if given is None:
        raise malformed("input", "a string or a list")
    found: list[Message] = []
    for role, parts, at in parts_of(fields_of(given, "input"), _whole_item):
        if found and found[-1].role == role and role in ("assistant", "tool"):
            found[-1] = Message(role, found[-1].parts + tuple(parts), at=found[-1].at)
        else:
            found.append(Message(role, tuple(parts), at=at))
    return tuple(found)


def _whole_item(fields: Fields) -> tuple[Role, list[Part], str]:
    role, parts = _item(fields)
    fields.close()
    return role, parts, fields.path


def _item(fields: Fields) -> tuple[Role, list[Part]]:
    kind = fields.any("type")
    if kind in (None, "message") and fields.has("role"):
        fields.ignore("id", "status", "phase")
        role = fields.word("role", ("user", "assistant", "system", "developer"))
        return role, list(_content(fields, "content"))
    match kind:
        case "function_call":
            fields.ignore("id", "status")
            arguments = fields.text("arguments") or "{}"
            call, name = fields.need("call_id"), fields.need("name")
            return "assistant", [ToolCall(call, name, arguments, fields.path)]
        case "function_call_output":
            fields.ignore("id", "status")
            call = fields.need("call_id")
            parts = told(_content(fields, "output"), fields.where("output"))
            return "tool", [ToolResult(call, parts, at=fields.path)]
        case "reasoning":
            return "assistant", [_thought(fields)]
        case _:
            raise fields.unexpressible("type", value=kind, setting="items")


def _thought(fields: Fields) -> Thought:
    id, sealed = fields.text("id") or "", fields.text("encrypted_content")
    texts = []
    for key in ("summary", "content"):
        for each in fields.ignore("status").each(key):
            each.word("type", ("summary_text", "reasoning_text"))
            texts.append(each.need("text"))
            each.close()
    return Thought("\n\n".join(texts), unseal(sealed, "responses", id) if sealed else None)


def _content(fields: Fields, key: str) -> Iterator[Part]:
    content = fields.any(key)
    if isinstance(content, str):
        yield Text(content)
        return
    yield from contents(fields_of(content, fields.where(key)), _part)


def _part(fields: Fields) -> Part:
    found: Part
    match fields.any("type"):
        case "input_text" | "output_text":
            found = Text(fields.ignore("annotations", "logprobs").need("text"))
        case "input_image" | "input_file" if fields.has("file_id"):
            raise fields.unexpressible("file_id", "it is kept by another provider")
        case "input_image":
            found = image_at(fields.need("image_url"), fields.text("detail"), fields, "image_url")
        case "input_file":
            found = _file(fields)
        case "refusal":
            found = Refusal(fields.need("refusal"))
        case other:
            lost = "audio" if other == "input_audio" else "items"
            raise fields.unexpressible("type", value=other, setting=lost)
    fields.ignore("prompt_cache_breakpoint").close()
    return found


def _file(fields: Fields) -> Document:
    name, url = fields.text("filename"), fields.text("file_url")
    fields.ignore("detail")
    if url is not None:
        return Document(url=url, name=name, at=fields.path)
    return document_in(fields.need("file_data"), name, fields, "file_data")
