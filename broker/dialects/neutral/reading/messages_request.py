"""Messages requests, read.

Harmless to leave out: ``model``, ``stream``, ``anthropic_beta`` (what a beta adds to a request is
a field, and read or refused as one), cache hints (``cache_control``), service tiers,
``citations`` on texts sent back, a ``caller`` that is the model itself, and what
``broker.dialects.hints.messages`` lists. System turns in mid-conversation: see ``system_turns``.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from broker.dialects.neutral.fields import Fields, fields_of, malformed
from broker.dialects.neutral.losing import attempt, parts_of, whole
from broker.dialects.neutral.reading.content import contents, told
from broker.dialects.neutral.reading.document import decoded
from broker.dialects.neutral.reading.system_turns import SystemTurns
from broker.dialects.neutral.request import (
    Document,
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

HARMLESS = ("model", "stream", "cache_control", "anthropic_beta", "service_tier")
THOUGHTS = "clear_thinking_20251015"  # an edit of the context that concerns thoughts alone
FOUND = "The tool {!r} was found, and can be called."
_CHANGES = "another provider's model would be shown what this leaves out"
_MARKS = ("fallback",)  # blocks that say something of the answer, and nothing in it


@whole
def read(request: dict[str, Any]) -> Request:
    """The neutral request.

    Raises:
        Unexpressible: something in it has no counterpart; ``param`` names it.
        BadRequest: it is no messages request.
    """
    fields = Fields(request).ignore(*HARMLESS)
    choice, parallel = attempt(_tool_choice, fields.inner("tool_choice")) or (None, None)
    effort, output = _output(fields.inner("output_config"))
    metadata = fields.inner("metadata")
    attempt(_context, fields)
    turns = SystemTurns(_tool)
    instructions, messages = tuple(_texts(fields)), tuple(_messages(fields, turns))
    found = Request(
        instructions=instructions,
        messages=messages,
        tools=turns.applied(tuple(parts_of(fields.each("tools"), _tool))),
        tool_choice=choice,
        parallel=parallel,
        max_tokens=fields.integer("max_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
        stop=fields.texts("stop_sequences"),
        output=output,
        reasoning=attempt(_reasoning, fields.inner("thinking"), turns.effort or effort),
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
            raise fields.unexpressible("context_management", _CHANGES, kind, "fields")
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
    kind = fields.word("type", ("auto", "any", "none", "tool"), "tool_choice")
    name = fields.need("name") if kind == "tool" else None
    fields.close()
    choice = Named(name) if name is not None else {"any": "required"}.get(kind, kind)
    return choice, None if alone is None else not alone


def _output(fields: Fields | None) -> tuple[Any, JsonSchema | None]:
    if fields is None:
        return None, None
    effort = fields.wish("effort", ("low", "medium", "high", "xhigh", "max"), "reasoning")
    output = attempt(_format, fields.inner("format"))
    fields.close()
    return effort, output


def _format(fields: Fields | None) -> JsonSchema | None:
    if fields is None:
        return None
    fields.word("type", ("json_schema",))
    schema = fields.mapping("schema")
    fields.close()
    if schema is None:
        raise malformed(fields.where("schema"), "an object")
    return JsonSchema(schema)


def _reasoning(fields: Fields | None, effort: Any) -> Reasoning | None:
    if fields is None:
        return Reasoning(effort=effort) if effort else None
    kind = fields.word("type", ("enabled", "disabled", "adaptive"))
    display = fields.wish("display", ("summarized", "omitted"), "reasoning")
    budget = fields.integer("budget_tokens") if kind == "enabled" else None
    fields.close()
    summary: Any = {"summarized": "auto"}.get(display, display)
    return Reasoning(kind != "disabled", effort, budget, summary)


def _tool(fields: Fields) -> Tool:
    fields.ignore("cache_control", "eager_input_streaming")
    fields.word("type", ("custom",), "hosted_tools")
    fields.only("allowed_callers", ["direct"], setting="fields")
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


def _messages(fields: Fields, system: SystemTurns) -> Iterator[Message]:
    given = list(fields.each("messages"))
    users = [place for place, each in enumerate(given) if each.peek("role") == "user"]
    asked = users[-1] if users else -1

    def read(at: tuple[int, Fields]) -> list[Message]:
        place, each = at
        if each.peek("role") == "system":
            return system.read(each, last=place > asked)
        return _turns(each)

    for turns in parts_of(enumerate(given), read):
        yield from turns


def _turns(fields: Fields) -> list[Message]:
    """The turn; results of tools are one of their own, before the rest of theirs."""
    role = fields.word("role", ("user", "assistant", "system"))
    if role is None:
        raise malformed(fields.where("role"), "a string")
    parts = _content(fields)
    fields.close()
    results = tuple(part for part in parts if isinstance(part, ToolResult))
    rest = tuple(part for part in parts if not isinstance(part, ToolResult))
    found = [Message("tool", results, at=fields.path)] if results else []
    return [*found, Message(role, rest, at=fields.path)] if rest or not results else found


def _content(fields: Fields) -> list[Part]:
    content = fields.any("content")
    if isinstance(content, str):
        return [Text(content)]
    blocks = fields_of(content, fields.where("content"))
    return list(contents((each for each in blocks if each.peek("type") not in _MARKS), _block))


def _block(fields: Fields) -> Part:
    fields.ignore("cache_control")
    found: Part
    match fields.any("type"):
        case "text":
            found = Text(fields.ignore("citations").need("text"))
        case "image":
            found = _image(fields)
        case "document":
            found = _document(fields)
        case "search_result":
            found = _search_result(fields)
        case "tool_reference":
            found = Text(FOUND.format(fields.need("tool_name")))
        case "tool_use":
            arguments = msgspec.json.encode(fields.mapping("input") or {}).decode()
            if (caller := fields.inner("caller")) is not None:
                caller.only("type", "direct").close()
            found = ToolCall(fields.need("id"), fields.need("name"), arguments, fields.path)
        case "tool_result":
            found = _result(fields)
        case "thinking":
            signature = fields.text("signature")
            text = fields.need("thinking")
            found = Thought(text, unseal(signature, "messages") if signature else None)
        case "redacted_thinking":
            found = Thought("", unseal(fields.need("data"), "messages.redacted"))
        case other:
            raise fields.unexpressible("type", value=other, setting="items")
    fields.close()
    return found


def _image(fields: Fields) -> Image:
    source = fields.inner("source")
    if source is None:
        raise malformed(fields.where("source"), "an object")
    at = fields.path
    if source.word("type", ("base64", "url"), "images") == "url":
        found = Image(url=source.need("url"), at=at)
    else:
        found = Image(data=source.need("data"), media_type=source.need("media_type"), at=at)
    source.close()
    return found


def _document(fields: Fields) -> Document:
    source = fields.inner("source")
    if source is None:
        raise malformed(fields.where("source"), "an object")
    match source.word("type", ("base64", "text", "content", "url"), "documents"):
        case "url":
            found = Document(url=source.need("url"))
        case "text":
            found = Document(text=source.need("data"), media_type=source.text("media_type") or "")
        case "content":
            found = Document(text=_only_text(source, "content"))
        case _:
            found = Document(data=source.need("data"), media_type=source.need("media_type"))
    source.close()
    _citations(fields)
    name, about = fields.text("title"), fields.text("context")
    found = msgspec.structs.replace(found, name=name, about=about, at=fields.path)
    return decoded(found)


def _search_result(fields: Fields) -> Document:
    _citations(fields)
    name, about = fields.text("title"), fields.text("source")
    return Document(text=_only_text(fields, "content"), name=name, about=about, at=fields.path)


def _only_text(fields: Fields, key: str) -> str:
    """The text of a document's content, blocks of text or text by itself."""
    content = fields.any(key)
    if isinstance(content, str):
        return content
    texts = []
    for block in fields_of(content, fields.where(key)):
        block.ignore("cache_control", "citations").word("type", ("text",), "documents")
        texts.append(block.need("text"))
        block.close()
    return "\n\n".join(texts)


def _citations(fields: Fields) -> None:
    wanted = fields.inner("citations")
    if wanted is not None:
        wanted.only("enabled", False, setting="citations").close()


def _result(fields: Fields) -> ToolResult:
    id, failed = fields.need("tool_use_id"), fields.flag("is_error")
    parts = told(_content(fields), fields.where("content"))
    return ToolResult(id, parts, bool(failed), fields.path)
