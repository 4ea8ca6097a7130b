"""Responses requests, written. Nothing is left with the provider: ``store`` is false.

Stop sequences are left out: the answer is cut at them on its way (``neutral.cut``).
Left out as harmless: that a tool failed (its text says so), and reasoning that no provider of
this dialect has sealed. A thinking budget becomes the nearest effort.
"""

from typing import Any

import msgspec

from broker.dialects.mending import without_unfollowed
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
    Reasoning,
    Refusal,
    Request,
    Text,
    Thought,
    ToolCall,
    ToolResult,
)
from broker.dialects.neutral.writing.attached import as_text, responses_file
from broker.dialects.neutral.writing.chat_request import function, schema
from broker.dialects.neutral.writing.names import without_names
from broker.dialects.neutral.writing.part import plain, refuse, url_of, without_none
from broker.dialects.neutral.writing.system_turns import wants_native, with_fitting_system
from broker.dialects.neutral.writing.user import user_of
from broker.dialects.vendors import takes_of
from broker.settings.takes import Takes


@whole
def write(request: Request, model: str) -> dict[str, Any]:
    """The request, without a word on how it is to be streamed.

    Raises:
        Unexpressible: the responses dialect can't say something in it, or the model takes no such.
    """
    takes = takes_of("responses", model, terms().takes)
    refuse(request, "responses", "top_k", "seed", "frequency_penalty", "presence_penalty")
    reasoning = _reasoning(request.reasoning, takes)
    thinks = reasoning.get("reasoning", {}).get("effort", "none") != "none"
    request = with_json_word(fitted(without_names(request), takes), takes, instructions=False)
    request = with_fitting_sampling(request, takes, thinks=thinks)
    bare = msgspec.structs.replace(request, instructions=())  # they stand beside the turns
    turns = with_fitting_system(bare, native=wants_native(takes))
    items = [item for message in turns for item in _items(message)]
    if takes.efforts == ():  # such a model takes no reasoning back either
        items = [item for item in items if item.get("type") != "reasoning"]
    items = without_unfollowed(items)
    verbosity = fitting_verbosity(request, takes)
    text = without_none({"format": _format(request.output), "verbosity": verbosity})
    found = without_none(
        {
            "model": model,
            "instructions": "\n\n".join(request.instructions) if request.instructions else None,
            "input": items,
            "max_output_tokens": fitting_length(request, takes),
            "temperature": request.temperature,
            "top_p": request.top_p,
            "text": text or None,
            "user": user_of(request.user, takes),
            "store": False,
        }
    )
    return found | reasoning | _tools(request)


def _reasoning(reasoning: Reasoning | None, takes: Takes) -> dict[str, Any]:
    if reasoning is None:
        return {}
    effort = fitting_effort(reasoning, takes)
    if takes.efforts == ():  # what does not think has nothing to show
        return {}
    summary = None if reasoning.summary == "omitted" else reasoning.summary
    fields = without_none({"effort": effort, "summary": summary})
    if not fields:
        return {}
    sealed = {} if reasoning.on is False else {"include": ["reasoning.encrypted_content"]}
    return {"reasoning": fields, **sealed}


def _tools(request: Request) -> dict[str, Any]:
    if not request.tools:
        return {}
    choice: Any = request.tool_choice
    if isinstance(choice, Named):
        choice = {"type": "function", "name": choice.name}
    return without_none(
        {
            # Strictness is the default of this dialect and of no other, so it is always said.
            "tools": [
                {"type": "function", **function(each), "strict": bool(each.strict)}
                for each in request.tools
            ],
            "tool_choice": choice,
            "parallel_tool_calls": request.parallel,
        }
    )


def _format(output: JsonSchema | str | None) -> dict[str, Any] | None:
    if output is None:
        return None
    if isinstance(output, str):
        return {"type": "json_object"}
    return {"type": "json_schema", **schema(output)}


def _items(message: Message) -> list[dict[str, Any]]:
    """A turn is one item, but that an assistant's calls and reasoning stand alone."""
    if message.role == "tool":
        return [_result(part) for part in message.parts if isinstance(part, ToolResult)]
    items: list[dict[str, Any]] = []
    said: list[dict[str, Any]] | None = None
    for part in message.parts:
        if isinstance(part, ToolCall | Thought):
            items += _call(part) if isinstance(part, ToolCall) else _thought(part)
            said = None
        elif said is None:
            said = [_content(part, message.role)]
            items.append({"role": message.role, "content": said})
        else:
            said.append(_content(part, message.role))
    text = plain(message.parts)
    if text is None or (not message.parts and message.role == "assistant"):
        return items
    return [{"role": message.role, "content": text}]


def _call(call: ToolCall) -> list[dict[str, Any]]:
    fields = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
    return [{"type": "function_call", **fields}]


def _thought(thought: Thought) -> list[dict[str, Any]]:
    signature = thought.signature
    if signature is None or signature.dialect != "responses":
        return []
    summary = [{"type": "summary_text", "text": thought.text}] if thought.text else []
    fields = {"id": signature.id, "summary": summary, "encrypted_content": signature.data}
    return [{"type": "reasoning", **fields}]


def _result(result: ToolResult) -> dict[str, Any]:
    text = plain(result.parts)
    output = [_content(part, "user") for part in result.parts] if text is None else text
    return {"type": "function_call_output", "call_id": result.id, "output": output}


def _content(part: Part, role: str) -> dict[str, Any]:
    part = as_text(part)
    match part:
        case Document():
            return responses_file(part)
        case Image():
            url = {"image_url": url_of(part), "detail": part.detail or "auto"}
            return {"type": "input_image", **url}
        case Refusal(text):
            return {"type": "refusal", "refusal": text}
        case Text(text):
            return {"type": "output_text" if role == "assistant" else "input_text", "text": text}
        case _:
            raise TypeError(part)
