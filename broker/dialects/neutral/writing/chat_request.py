"""Chat requests, written.

Left out as harmless: that a tool failed (its text says so), and reasoning signed by a provider
of another dialect, which no other could read. A thinking budget becomes the nearest effort. What
the model takes of all this: ``neutral.fitting``.
"""

from typing import Any

from broker.dialects.neutral.cut import native_parallel, native_stops
from broker.dialects.neutral.fitting import fitted
from broker.dialects.neutral.fitting.effort import fitting_effort
from broker.dialects.neutral.fitting.json_word import with_json_word
from broker.dialects.neutral.fitting.sampling import with_fitting_sampling
from broker.dialects.neutral.fitting.settings import fitting_length, fitting_verbosity
from broker.dialects.neutral.losing import terms, whole
from broker.dialects.neutral.request import (
    Document,
    Image,
    JsonSchema,
    Message,
    Named,
    Part,
    Refusal,
    Request,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)
from broker.dialects.neutral.signature import seal
from broker.dialects.neutral.writing.attached import apart, as_text, chat_file
from broker.dialects.neutral.writing.part import plain, refuse, url_of, without_none
from broker.dialects.neutral.writing.system_turns import wants_native, with_fitting_system
from broker.dialects.neutral.writing.user import user_of
from broker.dialects.vendors import takes_of
from broker.settings import Quirks
from broker.settings.takes import Takes

_UNDERSTOOD = "Understood."  # the model's turn where a user's can't stand behind results


@whole
def write(request: Request, model: str) -> dict[str, Any]:
    """The request, without a word on how it is to be streamed.

    Raises:
        Unexpressible: chat can't say something in it, or the model takes no such thing.
    """
    quirks, takes = terms().quirks, takes_of("chat", model, terms().takes)
    takes_top_k = "top_k" in quirks.takes
    if not takes_top_k:
        refuse(request, "chat", "top_k")
    effort = fitting_effort(request.reasoning, takes)
    request = with_fitting_sampling(
        with_json_word(fitted(request, takes), takes, instructions=True),
        takes,
        thinks=effort not in (None, "none"),
    )
    found = without_none(
        {
            "model": model,
            "messages": _messages(request, quirks, takes),
            "max_completion_tokens": fitting_length(request, takes),
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": request.top_k if takes_top_k else None,
            "seed": request.seed,
            "frequency_penalty": request.frequency_penalty,
            "presence_penalty": request.presence_penalty,
            "stop": native_stops(request.stop, "chat", quirks, takes) or None,
            "response_format": _format(request.output),
            "reasoning_effort": effort,
            "verbosity": fitting_verbosity(request, takes),
            "user": user_of(request.user, takes),
        }
    )
    return found | _tools(request)


def _messages(request: Request, quirks: Quirks, takes: Takes) -> list[dict[str, Any]]:
    turns = with_fitting_system(
        request, native=wants_native(takes), developer=quirks.developer_role
    )
    asked = max((place for place, turn in enumerate(turns) if turn.role == "user"), default=-1)
    found: list[dict[str, Any]] = []
    for place, turn in enumerate(turns):
        written = _message(turn, takes, reasoned=bool(takes.reasoned_calls) and place > asked)
        for message in written:
            behind = bool(found) and found[-1]["role"] == "tool"
            spoken = message["role"] not in ("tool", "assistant")
            if behind and spoken and takes.user_after_tool is False:
                found.append({"role": "assistant", "content": _UNDERSTOOD})
            found.append(message)
    return found


def _tools(request: Request) -> dict[str, Any]:
    if not request.tools:
        return {}
    choice: Any = request.tool_choice
    if isinstance(choice, Named):
        choice = {"type": "function", "function": {"name": choice.name}}
    told = native_parallel("chat", terms().quirks)
    return without_none(
        {
            "tools": [{"type": "function", "function": function(each)} for each in request.tools],
            "tool_choice": choice,
            "parallel_tool_calls": request.parallel if told else None,
        }
    )


def function(tool: Tool) -> dict[str, Any]:
    """A function that may be called, as chat and responses describe it."""
    return without_none(
        {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.schema,
            "strict": tool.strict,
        }
    )


def _format(output: JsonSchema | str | None) -> dict[str, Any] | None:
    if output is None:
        return None
    if isinstance(output, str):
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": schema(output)}


def schema(output: JsonSchema) -> dict[str, Any]:
    """A schema for the output, as chat and responses want it; they insist on a name."""
    return without_none(
        {
            "name": output.name or "answer",
            "description": output.description,
            "schema": output.schema,
            "strict": output.strict,
        }
    )


def _message(message: Message, takes: Takes, *, reasoned: bool) -> list[dict[str, Any]]:
    """``reasoned``: a turn that calls tools must have reasoning, whoever it is of."""
    if message.role == "tool":
        results, behind = apart(part for part in message.parts if isinstance(part, ToolResult))
        turn = [{"role": "user", "content": [_part(part) for part in behind]}] if behind else []
        return [*map(_result, results), *turn]
    named = without_none({"name": message.name})
    if message.role != "assistant":
        return [{"role": message.role, "content": _content(message.parts), **named}]
    said = tuple(part for part in message.parts if isinstance(part, Text | Image | Document))
    refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    content = _content(said) if said else None
    found: dict[str, Any] = {"role": "assistant", "content": content, **named}
    if refusals:
        found["refusal"] = "".join(refusals)
    if calls:
        found["tool_calls"] = calls
    untold = takes.thoughts is False or "reasoning_content" in terms().quirks.without
    thoughts = {} if untold else _thoughts(message.parts)
    if reasoned and calls and "reasoning_content" not in thoughts:
        texts = [part.text for part in message.parts if isinstance(part, Thought)]
        thoughts["reasoning_content"] = "".join(texts)
    if content is None and thoughts and not calls and not refusals:
        found["content"] = ""  # null is for turns that call tools
    # Of a turn that was nothing but another provider's reasoning nothing is left.
    return [found | thoughts] if said or refusals or calls or thoughts else []


def _thoughts(parts: tuple[Part, ...]) -> dict[str, Any]:
    """Reasoning without a signature goes back as plain text: nobody else signs in chat."""
    thoughts = [part for part in parts if isinstance(part, Thought)]
    plain_texts = [each.text for each in thoughts if each.signature is None]
    details = [
        {"type": "reasoning.text", "text": each.text, "signature": seal(each.signature, "chat")}
        if each.text
        else {"type": "reasoning.encrypted", "data": seal(each.signature, "chat")}
        for each in thoughts
        if each.signature is not None and each.signature.dialect == "chat"
    ]
    found: dict[str, Any] = {"reasoning_content": "".join(plain_texts)} if plain_texts else {}
    if details:
        found["reasoning_details"] = details
    return found


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _result(result: ToolResult) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": result.id, "content": _content(result.parts)}


def _content(parts: tuple[Part, ...]) -> Any:
    parts = tuple(map(as_text, parts))
    text = plain(parts)
    return [_part(part) for part in parts] if text is None else text


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text() | Refusal():
            return {"type": "text", "text": part.text}
        case Image():
            url = without_none({"url": url_of(part), "detail": part.detail})
            return {"type": "image_url", "image_url": url}
        case Document():
            return chat_file(part)
        case _:
            raise TypeError(part)
