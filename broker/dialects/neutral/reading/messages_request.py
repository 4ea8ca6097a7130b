"""Messages requests, read.

Harmless to leave out: ``model``, ``stream``, ``anthropic_beta`` (what a beta adds to a request is
a field, and read or refused as one), cache hints (``cache_control``), ordinary service
tiers, ``citations`` on texts sent back, a ``caller`` that is the model itself, and what
``broker.dialects.hints.messages`` lists. System turns in mid-conversation: see ``system_turns``.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from broker.dialects.neutral.fields import Fields, fields_of, malformed
from broker.dialects.neutral.reading.chat_request import told
from broker.dialects.neutral.reading.system_turns import SystemTurns
from broker.dialects.neutral.refusing import all_at_once, refuse
from broker.dialects.neutral.request import (
    Image,
    JsonSchema,
    Message,
    Named,
    Part,
    Reasoning,
    Request,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)
from broker.dialects.neutral.signature import unseal

HARMLESS = ("model", "stream", "cache_control", "anthropic_beta")
THOUGHTS = "clear_thinking_20251015"  # an edit of the context that concerns thoughts alone
FOUND = "The tool {!r} was found, and can be called."
_CHANGES = "another provider's model would be shown what this leaves out"


@all_at_once("messages")
def read(request: dict[str, Any]) -> Request:
    """The neutral request.

    Raises:
        Unexpressible: something in it has no counterpart; ``param`` names it.
        BadRequest: it is no messages request.
    """
    fields = Fields(request).ignore(*HARMLESS).only("service_tier", "auto", "standard_only")
    choice, parallel = _tool_choice(fields.inner("tool_choice"))
    effort, output = _output(fields.inner("output_config"))
    metadata = fields.inner("metadata")
    _context(fields)
    turns = SystemTurns(_tool)
    instructions = tuple(_texts(fields))
    tools = tuple(_tool(each) for each in fields.each("tools"))
    messages = tuple(_messages(fields, turns))
    found = Request(
        instructions=instructions,
        messages=messages,
        tools=turns.applied(tools),
        tool_choice=choice,
        parallel=parallel,
        max_tokens=fields.integer("max_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        stop=fields.texts("stop_sequences"),
        output=output,
        reasoning=_reasoning(fields.inner("thinking"), turns.effort or effort),
        user=None if metadata is None else metadata.text("user_id"),
    )
    if metadata is not None:
        metadata.close()
    fields.close()
    return found


def _context(fields: Fields) -> None:
    """Of context management only what other models are never shown may be left out: thoughts."""
    if (inner := fields.inner("context_management")) is None:
        return
    for each in inner.each("edits"):
        if (kind := each.any("type")) != THOUGHTS:
            refuse(fields.unexpressible("context_management", _CHANGES, kind))
    inner.close()


def _texts(fields: Fields) -> Iterator[str]:
    system = fields.any("system")
    if isinstance(system, str):
        yield system
        return
    for block in fields_of(system, "system"):
        block.ignore("cache_control").word("type", ("text",))
        yield block.need("text")
        block.close()


def _tool_choice(fields: Fields | None) -> tuple[Any, bool | None]:
    if fields is None:
        return None, None
    alone = fields.flag("disable_parallel_tool_use")
    kind = fields.word("type", ("auto", "any", "none", "tool"))
    name = fields.need("name") if kind == "tool" else None
    fields.close()
    choice = Named(name) if name is not None else {"any": "required"}.get(kind, kind)
    return choice, None if alone is None else not alone


def _output(fields: Fields | None) -> tuple[Any, JsonSchema | None]:
    if fields is None:
        return None, None
    effort = fields.word("effort", ("low", "medium", "high", "xhigh", "max"))
    output = None
    if (inner := fields.inner("format")) is not None:
        inner.word("type", ("json_schema",))
        schema = inner.mapping("schema")
        inner.close()
        if schema is None:
            raise malformed(inner.where("schema"), "an object")
        output = JsonSchema(schema)
    fields.close()
    return effort, output


def _reasoning(fields: Fields | None, effort: Any) -> Reasoning | None:
    if fields is None:
        return Reasoning(effort=effort) if effort else None
    kind = fields.word("type", ("enabled", "disabled", "adaptive"))
    display = fields.word("display", ("summarized", "omitted"))
    budget = fields.integer("budget_tokens") if kind == "enabled" else None
    fields.close()
    summary: Any = {"summarized": "auto"}.get(display, display)
    return Reasoning(kind != "disabled", effort, budget, summary)


def _tool(fields: Fields) -> Tool:
    fields.ignore("cache_control", "eager_input_streaming").word("type", ("custom",))
    fields.only("allowed_callers", ["direct"])
    found = Tool(
        name=fields.need("name"),
        description=_description(fields),
        schema=fields.mapping("input_schema"),
        strict=fields.flag("strict"),
    )
    fields.close()
    return found


def _description(fields: Fields) -> str | None:
    """A tool's description; examples of its input, which other dialects lack, are part of it."""
    about = fields.text("description")
    examples = fields.any("input_examples")
    if not examples:
        return about
    if not isinstance(examples, list):
        raise malformed(fields.where("input_examples"), "a list")
    lines = [msgspec.json.encode(each).decode() for each in examples]
    return "\n".join((*([about] if about else ()), "Examples of its input:", *lines))


def _messages(fields: Fields, turns: SystemTurns) -> Iterator[Message]:
    given = list(fields.each("messages"))
    asked = max((n for n, each in enumerate(given) if each.peek("role") == "user"), default=-1)
    for place, each in enumerate(given):
        if not each.has("role"):
            raise malformed(each.where("role"), "a string")
        role = each.word("role", ("user", "assistant", "system"))
        if role == "system":
            if (turn := turns.read(each, last=place > asked)) is not None:
                yield turn
            continue
        parts = _content(each)
        each.close()
        results = tuple(part for part in parts if isinstance(part, ToolResult))
        rest = tuple(part for part in parts if not isinstance(part, ToolResult))
        if results:
            yield Message("tool", results)
        if rest or not results:
            yield Message(role or "user", rest)


def _content(fields: Fields) -> list[Part]:
    content = fields.any("content")
    if isinstance(content, str):
        return [Text(content)]
    blocks = (_block(each) for each in fields_of(content, fields.where("content")))
    return [block for block in blocks if block is not None]


def _block(fields: Fields) -> Part | None:
    """A content block; None where it is left out, or refused."""
    fields.ignore("cache_control")
    found: Part
    match kind := fields.any("type"):
        case "text":
            found = Text(fields.ignore("citations").need("text"))
        case "image":
            found = _image(fields)
        case "tool_use":
            arguments = msgspec.json.encode(fields.mapping("input") or {}).decode()
            if (caller := fields.inner("caller")) is not None:
                caller.only("type", "direct").close()
            found = ToolCall(fields.need("id"), fields.need("name"), arguments)
        case "tool_result":
            found = _result(fields)
        case "thinking":
            signature = fields.text("signature")
            text = fields.need("thinking")
            found = Thought(text, unseal(signature, "messages") if signature else None)
        case "redacted_thinking":
            found = Thought("", unseal(fields.need("data"), "messages.redacted"))
        case "tool_reference":
            found = Text(FOUND.format(fields.need("tool_name")))
        case "fallback":  # says that another model took over there
            return None
        case _:
            refuse(fields.unexpressible("type", value=kind))
            return None
    fields.close()
    return found


def _image(fields: Fields) -> Image:
    source = fields.inner("source")
    if source is None:
        raise malformed(fields.where("source"), "an object")
    if source.word("type", ("base64", "url")) == "url":
        found = Image(url=source.need("url"))
    else:
        found = Image(data=source.need("data"), media_type=source.need("media_type"))
    source.close()
    return found


def _result(fields: Fields) -> ToolResult:
    id, failed = fields.need("tool_use_id"), fields.flag("is_error")
    parts = told(_content(fields), fields.where("content"))
    return ToolResult(id, parts, bool(failed))
