"""Responses requests, read.

Harmless to leave out: ``model`` and how it is streamed; ``store`` and ``background``, which the
broker itself sees to; ``metadata`` and ``client_metadata``, hints for caches and abuse teams,
service tiers, ``truncation`` (who has less room says so), what a client notes for itself
(``internal_…``), limits and details of hosted tools, and the wish for sealed reasoning, which
always comes where there is some.

What the provider keeps (``conversation``, ``prompt``, files) is refused: another provider doesn't
have it. ``previous_response_id`` and references to items are resolved before a request comes here
(``responses.history``); what is left of them names nothing that is known.
"""

from collections.abc import Iterator
from typing import Any

from broker.dialects.neutral.fields import Fields, fields_of, malformed
from broker.dialects.neutral.given import LEFT_OUT, SEARCH, Given, Names, offered
from broker.dialects.neutral.reading.chat_request import EFFORTS, schema_of, told
from broker.dialects.neutral.reading.image import image_at
from broker.dialects.neutral.reading.responses_tools import (
    Tools,
    custom_arguments,
    search_arguments,
    tool_choice,
)
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
    *("model", "stream", "stream_options", "metadata", "safety_identifier", "client_metadata"),
    *("store", "background", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
    "max_tool_calls",  # of hosted tools
)
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
_INCLUDED = (  # all but the first are of hosted tools, or of what was sent
    *("reasoning.encrypted_content", "file_search_call.results", "web_search_call.results"),
    *("web_search_call.action.sources", "code_interpreter_call.outputs"),
    *("computer_call_output.output.image_url", "message.input_image.image_url"),
)


def read(request: dict[str, Any]) -> Request:
    """The neutral request.

    Raises:
        Unexpressible: something in it has no counterpart; ``param`` names it.
        BadRequest: it is no responses request.
    """
    fields = Fields(request).ignore(*HARMLESS)
    fields.ignore_starting("internal_").only("service_tier", *_TIERS)
    fields.only("truncation", "auto", "disabled").only("top_logprobs", 0)
    for name in fields.texts("include"):
        if name not in _INCLUDED:
            raise fields.unexpressible("include", f"{name!r} has no counterpart")
    for key in ("previous_response_id", "conversation", "prompt"):  # they may stand for the input
        if fields.has(key):
            raise fields.unexpressible(key, "it is kept by another provider")
    output, verbosity = _text(fields.inner("text"))
    instructions = fields.text("instructions")
    names = Names(offered(request))
    tools = Tools(names)
    tools.read(fields.any("tools"), "tools")
    messages = _messages(fields, names, tools)
    choice, choosable = tool_choice(fields, names, tools.found)
    found = Request(
        instructions=() if instructions is None else (instructions,),
        messages=messages,
        tools=choosable,
        tool_choice=choice,
        parallel=fields.flag("parallel_tool_calls"),
        max_tokens=fields.integer("max_output_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        frequency_penalty=fields.number("frequency_penalty"),
        presence_penalty=fields.number("presence_penalty"),
        output=output,
        reasoning=_reasoning(fields.inner("reasoning")),
        verbosity=verbosity,
        user=fields.text("user"),
    )
    fields.close()
    return found


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


def _messages(fields: Fields, names: Names, tools: Tools) -> tuple[Message, ...]:
    """The turns of ``input``: items of one role that follow one another are one turn."""
    given = fields.any("input")
    if isinstance(given, str):
        return (Message("user", (Text(given),)),)
    if given is None:
        raise malformed("input", "a string or a list")
    found: list[Message] = []
    for each in fields_of(given, "input"):
        role, parts = _item(each, names, tools)
        each.ignore_starting("internal_").close()
        if role is None:
            continue
        if found and found[-1].role == role and role in ("assistant", "tool"):
            found[-1] = Message(role, found[-1].parts + tuple(parts))
        else:
            found.append(Message(role, tuple(parts)))
    return tuple(found)


def _item(fields: Fields, names: Names, tools: Tools) -> tuple[Role | None, list[Part]]:
    """The part of a turn that an item is, and whose turn; nobody's, if it says nothing."""
    kind = fields.any("type")
    if kind in (None, "message") and fields.has("role"):
        fields.ignore("id", "status", "phase")
        role = fields.word("role", ("user", "assistant", "system", "developer"))
        return role, list(_content(fields, "content"))
    match kind:
        case "function_call":
            fields.ignore("id", "status")
            arguments = fields.text("arguments") or "{}"
            name = names.of(Given("function", fields.need("name"), fields.text("namespace")))
            return "assistant", [ToolCall(_called(fields), name, arguments)]
        case "custom_tool_call":
            fields.ignore("id", "status")
            name = names.of(Given("custom", fields.need("name"), fields.text("namespace")))
            arguments = custom_arguments(fields.need("input"))
            return "assistant", [ToolCall(_called(fields), name, arguments)]
        case "function_call_output" | "custom_tool_call_output":
            fields.ignore("id", "status", "name")
            call = _called(fields)
            parts = told(_content(fields, "output"), fields.where("output"))
            return "tool", [ToolResult(call, parts)]
        case "tool_search_call" | "tool_search_output" | "additional_tools":
            return _searched(str(kind), fields, names, tools)
        case str() if kind == LEFT_OUT:
            return None, []
        case "reasoning":
            return "assistant", [_thought(fields)]
        case _:
            raise fields.unexpressible("type")


def _called(fields: Fields) -> str:
    """The id of an item's call, which the model itself must have made."""
    caller = fields.inner("caller")
    if caller is not None:
        caller.word("type", ("direct",))
        caller.close()
    fields.only("async", False)
    return fields.need("call_id")


def _searched(
    kind: str, fields: Fields, names: Names, tools: Tools
) -> tuple[Role | None, list[Part]]:
    """A search for tools, or what one found, or tools that were added without one."""
    fields.ignore("id", "status", "role", "created_by")
    client = fields.word("execution", ("client", "server")) == "client"
    call = fields.text("call_id")
    if kind == "tool_search_call":
        arguments = search_arguments(fields)
        if not client or call is None:  # its provider's own doing
            return None, []
        return "assistant", [ToolCall(call, names.of(Given("search", SEARCH)), arguments)]
    more = tools.read_more(fields.any("tools"), fields.where("tools"))
    if not client or call is None:
        return None, []
    found = ", ".join(tool.name for tool in more)
    return "tool", [ToolResult(call, (Text(f"Tools that can be called now: {found or 'none'}."),))]


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
        each.ignore("prompt_cache_breakpoint").ignore_starting("internal_").close()
