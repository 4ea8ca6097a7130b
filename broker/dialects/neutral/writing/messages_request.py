"""Messages requests, written.

Left out as harmless: reasoning signed by another provider, or not at all, which this dialect
would refuse; an image's detail; the name, description and strictness of a schema for the
output, which is always strict here; blank texts, which are refused. A refusal sent back is a
text like any other. JSON without a schema is asked for in words; stop sequences of nothing but
white space are cut at on the answer's way (``neutral.cut``). ``max_tokens`` is a must, so that a
call without one gets a default. What the model takes of all this: ``neutral.fitting``.
"""

from typing import Any

from broker.dialects.neutral.cut import native_stops
from broker.dialects.neutral.fitting import fitted
from broker.dialects.neutral.fitting.output import fitting_output
from broker.dialects.neutral.fitting.sampling import with_fitting_sampling
from broker.dialects.neutral.fitting.thinking import thinking_of
from broker.dialects.neutral.fitting.tools import with_fitting_choice
from broker.dialects.neutral.losing import caller, lose_setting, terms, whole
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
from broker.dialects.neutral.writing.attached import messages_document
from broker.dialects.neutral.writing.json_words import words_of
from broker.dialects.neutral.writing.names import without_names
from broker.dialects.neutral.writing.part import arguments_of, plain, refuse, without_none
from broker.dialects.neutral.writing.system_turns import system_of, wants_native
from broker.dialects.neutral.writing.user import user_of
from broker.dialects.vendors import takes_of
from broker.settings.takes import Takes


@whole
def write(request: Request, model: str) -> dict[str, Any]:
    """The request, without a word on how it is to be streamed.

    Raises:
        Unexpressible: the messages dialect can't say something in it, or the model takes no such.
    """
    takes = takes_of("messages", model, terms().takes)
    request = fitted(request, takes)
    refuse(request, "messages", "seed", "frequency_penalty", "presence_penalty")
    if request.verbosity not in (None, "medium"):
        lose_setting("verbosity", request.verbosity, "the messages dialect has nothing like it")
    thinking = thinking_of(request, takes, caller())
    request = with_fitting_sampling(request, takes, thinks=thinking.on)
    native = wants_native(takes)
    system, messages = system_of(without_names(request), native=native)
    output, told = fitting_output(request, takes)
    if isinstance(output, str):  # the dialect knows JSON by a schema only
        output, told = None, output
    user = user_of(request.user, takes)
    found = without_none(
        {
            "model": model,
            "system": _system([*system, *words_of(told)]),
            "messages": _messages(messages),
            "max_tokens": thinking.length,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": request.top_k,
            "stop_sequences": native_stops(request.stop, "messages", terms().quirks, takes) or None,
            "thinking": thinking.fields,
            "output_config": _output(thinking.effort, output),
            "metadata": None if user is None else {"user_id": user},
        }
    )
    return found | _tools(request, takes)


def _system(texts: list[str]) -> Any:
    if len(texts) < 2:
        return texts[0] if texts else None
    return [{"type": "text", "text": text} for text in texts]


def _output(effort: str | None, output: JsonSchema | None) -> dict[str, Any] | None:
    found: dict[str, Any] = {} if effort is None else {"effort": effort}
    if output is not None:
        found["format"] = {"type": "json_schema", "schema": output.schema}
    return found or None


def _tools(request: Request, takes: Takes) -> dict[str, Any]:
    if not request.tools:
        return {}
    request = with_fitting_choice(request, takes)
    found: dict[str, Any] = {"tools": [_tool(each) for each in request.tools]}
    choice: dict[str, Any] = {}
    match request.tool_choice:
        case Named(name):
            choice = {"type": "tool", "name": name}
        case "required":
            choice = {"type": "any"}
        case str(kind):
            choice = {"type": kind}
        case None if request.parallel is False:
            choice = {"type": "auto"}
    if choice and request.parallel is not None and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = not request.parallel
    if choice:
        found["tool_choice"] = choice
    return found


def _tool(tool: Tool) -> dict[str, Any]:
    schema = {"type": "object"} if tool.schema is None else tool.schema
    found = {"name": tool.name, "description": tool.description, "input_schema": schema}
    return without_none({**found, "strict": tool.strict})


def _messages(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """The turns; results of tools open the user's turn that follows them."""
    found: list[dict[str, Any]] = []
    results: list[dict[str, Any]] | None = None
    for message in messages:
        role = message.role if message.role in ("assistant", "system") else "user"
        blocks = [block for part in message.parts for block in _blocks(part)]
        if results is not None and role == "user":
            results += blocks
        elif blocks:
            text = plain(message.parts)
            found.append({"role": role, "content": blocks if text is None else text})
        results = found[-1]["content"] if message.role == "tool" and blocks else None
    return found


def _blocks(part: Part) -> list[dict[str, Any]]:
    match part:
        case Text(text) | Refusal(text):
            return [{"type": "text", "text": text}] if text else []
        case Image():
            return [{"type": "image", "source": _source(part)}]
        case Document():
            return [messages_document(part)]
        case ToolCall():
            fields = {"id": part.id, "name": part.name, "input": arguments_of(part)}
            return [{"type": "tool_use", **fields}]
        case ToolResult():
            return [_result(part)]
        case Thought():
            return _thought(part)


def _source(image: Image) -> dict[str, Any]:
    if image.url:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": image.media_type, "data": image.data}


def _result(result: ToolResult) -> dict[str, Any]:
    text = plain(result.parts)
    blocks = [block for part in result.parts for block in _blocks(part)]
    found = {"type": "tool_result", "tool_use_id": result.id}
    return {
        **found,
        "content": blocks if text is None else text,
        **({"is_error": True} if result.failed else {}),
    }


def _thought(thought: Thought) -> list[dict[str, Any]]:
    signature = thought.signature
    if signature is None or signature.dialect != "messages":
        return []
    if signature.origin == "messages.redacted":
        return [{"type": "redacted_thinking", "data": signature.data}]
    return [{"type": "thinking", "thinking": thought.text, "signature": signature.data}]
