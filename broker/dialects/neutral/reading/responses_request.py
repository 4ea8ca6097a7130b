"""Responses requests, read.

Harmless to leave out: ``model`` and how it is streamed; ``store`` and ``background``, which the
broker itself sees to; ``metadata``, hints for caches and abuse teams, service tiers; truncation,
which changes nothing in a conversation that fits, and one that does not its provider refuses; the
limit of calls of hosted tools, and the wish for sealed reasoning, which always comes where there
is some.

What the provider keeps (``conversation``, ``prompt``, files) is refused: another provider doesn't
have it. ``previous_response_id`` and references to items are resolved before a request comes here
(``responses.history``); what is left of them names nothing that is known.
"""

from collections.abc import Iterator
from typing import Any, Literal

from broker.dialects.neutral.dropping import is_dropped
from broker.dialects.neutral.fields import Fields, fields_of, malformed
from broker.dialects.neutral.given import SEARCH, Given, Names, offered
from broker.dialects.neutral.losing import attempt, lose, parts_of, terms, whole
from broker.dialects.neutral.reading.chat_request import EFFORTS, schema_of
from broker.dialects.neutral.reading.content import contents, told
from broker.dialects.neutral.reading.document import document_in
from broker.dialects.neutral.reading.image import image_at
from broker.dialects.neutral.reading.responses_tools import (
    Tools,
    custom_arguments,
    search_arguments,
    tool_choice,
)
from broker.dialects.neutral.request import (
    Document,
    Message,
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
from broker.loss import Loss, shown

HARMLESS = (
    *("model", "stream", "stream_options", "metadata", "safety_identifier"),
    *("store", "background", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
    *("service_tier", "truncation", "max_tool_calls"),
)
_INCLUDED = (  # all but the first are of hosted tools, or of what was sent
    *("reasoning.encrypted_content", "file_search_call.results", "web_search_call.results"),
    *("web_search_call.action.sources", "code_interpreter_call.outputs"),
    *("computer_call_output.output.image_url", "message.input_image.image_url"),
)
_Item = tuple[Role, list[Part]]


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
        if name not in _INCLUDED:
            lose(Loss(f"include[{place}]", "it has no counterpart", shown(name), setting="include"))
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


def _messages(fields: Fields, names: Names, tools: Tools) -> tuple[Message, ...]:
    """The turns of ``input``: items of one role that follow one another are one turn."""
    given = fields.any("input")
    if isinstance(given, str):
        return (Message("user", (Text(given),), at="input"),)
    if given is None:
        raise malformed("input", "a string or a list")
    found: list[Message] = []

    def whole_item(fields: Fields) -> tuple[_Item | None, str]:
        item = _item(fields, names, tools)
        fields.close()
        return item, fields.path

    for item, at in parts_of(fields_of(given, "input"), whole_item):
        if item is None:
            continue
        role, parts = item
        if found and found[-1].role == role and role in ("assistant", "tool"):
            found[-1] = Message(role, found[-1].parts + tuple(parts), at=found[-1].at)
        else:
            found.append(Message(role, tuple(parts), at=at))
    return tuple(found)


def _item(fields: Fields, names: Names, tools: Tools) -> _Item | None:
    """The part of a turn that an item is, and whose turn; None if it says nothing to others."""
    kind = fields.any("type")
    if kind in (None, "message") and fields.has("role"):
        fields.ignore("id", "status", "phase")
        role = fields.word("role", ("user", "assistant", "system", "developer"))
        return role, list(_content(fields, "content"))
    match kind:
        case "function_call":
            fields.ignore("id", "status")
            arguments = fields.text("arguments") or "{}"
            call, given = _called(fields), _given("function", fields)
            return "assistant", [ToolCall(call, names.of(given), arguments, fields.path)]
        case "custom_tool_call":
            fields.ignore("id", "status")
            call, given = _called(fields), _given("custom", fields)
            arguments = custom_arguments(fields.need("input"))
            return "assistant", [ToolCall(call, names.of(given), arguments, fields.path)]
        case "function_call_output" | "custom_tool_call_output":
            fields.ignore("id", "status", "name")
            call = _called(fields)
            parts = told(_content(fields, "output"), fields.where("output"))
            return "tool", [ToolResult(call, parts, at=fields.path)]
        case "reasoning":
            return "assistant", [_thought(fields)]
        case "tool_search_call" | "tool_search_output" | "additional_tools":
            return _searched(kind, fields, names, tools)
        case _:
            _of_others(fields, kind)
            return None


def _called(fields: Fields) -> str:
    """The id of an item's call, which the model itself must have made."""
    caller = fields.inner("caller")
    if caller is not None:
        caller.word("type", ("direct",), "items")
        caller.close()
    fields.only("async", False)
    return fields.need("call_id")


def _given(kind: Literal["function", "custom"], fields: Fields) -> Given:
    return Given(kind, fields.need("name"), fields.text("namespace"))


def _searched(kind: str, fields: Fields, names: Names, tools: Tools) -> _Item | None:
    """A search for tools, or what one found, or tools that were added without one."""
    fields.ignore("id", "status", "role", "created_by")
    client = fields.word("execution", ("client", "server"), "items") == "client"
    call = fields.text("call_id")
    if kind == "tool_search_call":
        arguments = search_arguments(fields)
        if not client or call is None:  # its provider's own doing
            return None
        name = names.of(Given("search", SEARCH))
        return "assistant", [ToolCall(call, name, arguments, fields.path)]
    more = tools.read_more(fields.any("tools"), fields.where("tools"))
    if not client or call is None:
        return None
    found = ", ".join(tool.name for tool in more)
    text = Text(f"Tools that can be called now: {found or 'none'}.")
    return "tool", [ToolResult(call, (text,), at=fields.path)]


def _of_others(fields: Fields, kind: Any) -> None:
    """Leave out an item that only one provider knows: of a tool that it has run, or of its own.

    Raises:
        Unexpressible: it may not be left out.
    """
    if is_dropped(kind, terms()):
        lose(Loss(fields.where("type"), "", shown(kind)), told=True)
        fields.forget()
        return
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
