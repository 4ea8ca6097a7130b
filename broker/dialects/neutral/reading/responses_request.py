"""Responses requests, read.

Harmless to leave out: ``model`` and how it is streamed; ``store`` and ``background``, which the
broker itself sees to; ``metadata``, hints for caches and abuse teams, ordinary service tiers,
truncation if disabled, and the wish for sealed reasoning, which always comes where there is some.

What the provider keeps (``previous_response_id``, ``conversation``, ``prompt``, files, references
to items) is refused: another provider doesn't have it.
"""

from collections.abc import Iterator
from typing import Any

from broker.dialects.neutral.fields import Fields, fields_of, malformed
from broker.dialects.neutral.reading.chat_request import EFFORTS, schema_of, told, tool_of
from broker.dialects.neutral.reading.image import image_at
from broker.dialects.neutral.refusing import all_at_once
from broker.dialects.neutral.request import (
    Message,
    Named,
    Part,
    Reasoning,
    Refusal,
    Request,
    Role,
    Text,
    Thought,
    ToolCall,
    ToolResult,
)
from broker.dialects.neutral.signature import unseal

HARMLESS = (
    *("model", "stream", "stream_options", "metadata", "safety_identifier"),
    *("store", "background", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
)


@all_at_once("responses")
def read(request: dict[str, Any]) -> Request:
    """The neutral request.

    Raises:
        Unexpressible: something in it has no counterpart; ``param`` names it.
        BadRequest: it is no responses request.
    """
    fields = Fields(request).ignore(*HARMLESS)
    fields.only("service_tier", "auto", "default").only("truncation", "disabled")
    fields.only("top_logprobs", 0)
    for name in fields.texts("include"):
        if name != "reasoning.encrypted_content":
            raise fields.unexpressible("include", f"{name!r} has no counterpart")
    for key in ("previous_response_id", "conversation", "prompt"):  # they may stand for the input
        if fields.has(key):
            raise fields.unexpressible(key, "it is kept by another provider")
    output, verbosity = _text(fields.inner("text"))
    instructions = fields.text("instructions")
    found = Request(
        instructions=() if instructions is None else (instructions,),
        messages=_messages(fields),
        tools=tuple(tool_of(_function(each)) for each in fields.each("tools")),
        tool_choice=_tool_choice(fields),
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


def _function(fields: Fields) -> Fields:
    fields.word("type", ("function",))
    return fields


def _text(fields: Fields | None) -> tuple[Any, Any]:
    if fields is None:
        return None, None
    output: Any = None
    if (inner := fields.inner("format")) is not None:
        match inner.word("type", ("text", "json_object", "json_schema")):
            case "json_object":
                output = "json"
            case "json_schema":
                output = schema_of(inner)
        inner.close()
    verbosity = fields.word("verbosity", ("low", "medium", "high"))
    fields.close()
    return output, verbosity


def _reasoning(fields: Fields | None) -> Reasoning | None:
    if fields is None:
        return None
    effort = fields.word("effort", EFFORTS)
    summary = fields.word("summary", ("auto", "concise", "detailed"))
    older = fields.word("generate_summary", ("auto", "concise", "detailed"))
    fields.close()
    if effort == "none":
        return Reasoning(on=False, summary=summary or older)
    return Reasoning(on=True if effort else None, effort=effort, summary=summary or older)


def _tool_choice(fields: Fields) -> Any:
    choice = fields.any("tool_choice")
    if not isinstance(choice, dict):
        return Fields({"tool_choice": choice}).word("tool_choice", ("auto", "none", "required"))
    inner = Fields(choice, "tool_choice")
    inner.word("type", ("function",))
    named = Named(inner.need("name"))
    inner.close()
    return named


def _messages(fields: Fields) -> tuple[Message, ...]:
    """The turns of ``input``: items of one role that follow one another are one turn."""
    given = fields.any("input")
    if isinstance(given, str):
        return (Message("user", (Text(given),)),)
    if given is None:
        raise malformed("input", "a string or a list")
    found: list[Message] = []
    for each in fields_of(given, "input"):
        role, parts = _item(each)
        each.close()
        if found and found[-1].role == role and role in ("assistant", "tool"):
            found[-1] = Message(role, found[-1].parts + tuple(parts))
        else:
            found.append(Message(role, tuple(parts)))
    return tuple(found)


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
            return "assistant", [ToolCall(fields.need("call_id"), fields.need("name"), arguments)]
        case "function_call_output":
            fields.ignore("id", "status")
            call = fields.need("call_id")
            parts = told(_content(fields, "output"), fields.where("output"))
            return "tool", [ToolResult(call, parts)]
        case "reasoning":
            return "assistant", [_thought(fields)]
        case _:
            raise fields.unexpressible("type")


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
    for each in fields_of(content, fields.where(key)):
        match each.any("type"):
            case "input_text" | "output_text":
                yield Text(each.ignore("annotations", "logprobs").need("text"))
            case "input_image" if each.has("file_id"):
                raise each.unexpressible("file_id", "it is kept by another provider")
            case "input_image":
                yield image_at(each.need("image_url"), each.text("detail"), each, "image_url")
            case "refusal":
                yield Refusal(each.need("refusal"))
            case _:
                raise each.unexpressible("type")
        each.ignore("prompt_cache_breakpoint").close()
