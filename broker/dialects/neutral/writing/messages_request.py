"""Messages requests, written.

Left out as harmless: reasoning signed by another provider, or not at all, which this dialect
would refuse; an image's detail; the name, description and strictness of a schema for the
output, which is always strict here; empty texts, which are refused. A refusal sent back is a
text like any other. JSON without a schema is asked for in words; stop sequences of nothing but
white space are cut at on the answer's way (``neutral.cut``). ``max_tokens`` is a must, so that a
call without one gets a default.
"""

from typing import Any

from broker.dialects.neutral.cut import native_stops
from broker.dialects.neutral.losing import lose_setting, terms, whole
from broker.dialects.neutral.request import (
    Document,
    Image,
    Message,
    Named,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
)
from broker.dialects.neutral.writing.attached import messages_document
from broker.dialects.neutral.writing.json_words import JSON_ONLY
from broker.dialects.neutral.writing.names import without_names
from broker.dialects.neutral.writing.part import arguments_of, plain, refuse, without_none
from broker.dialects.neutral.writing.system_turns import system_of, wants_native
from broker.dialects.neutral.writing.user import ANTHROPIC, user_of

DEFAULT_MAX_TOKENS = 8192  # what every current model can give; beside a thinking budget
_WARMEST = 1.0


@whole
def write(request: Request, model: str) -> dict[str, Any]:
    """The request, without a word on how it is to be streamed.

    Raises:
        Unexpressible: the messages dialect can't say something in it.
    """
    refuse(request, "messages", "seed", "frequency_penalty", "presence_penalty")
    if request.verbosity not in (None, "medium"):
        lose_setting("verbosity", request.verbosity, "the messages dialect has nothing like it")
    temperature = request.temperature
    if temperature is not None and temperature > _WARMEST:
        why = f"above {_WARMEST} the messages dialect has none"
        lose_setting("temperature", temperature, why, kind="value")
        temperature = _WARMEST
    system, messages = system_of(without_names(request), native=wants_native(model))
    if request.output == "json":
        system.append(JSON_ONLY)
    user = user_of(request.user, ANTHROPIC)
    found = without_none(
        {
            "model": model,
            "system": _system(system),
            "messages": _messages(messages),
            "max_tokens": _limit(request),
            "temperature": temperature,
            "top_p": request.top_p,
            "top_k": request.top_k,
            "stop_sequences": native_stops(request.stop, "messages", terms().quirks) or None,
            "thinking": _thinking(request.reasoning),
            "output_config": _output(request),
            "metadata": None if user is None else {"user_id": user},
        }
    )
    return found | _tools(request)


def _limit(request: Request) -> int:
    if request.max_tokens is not None:
        return request.max_tokens
    budget = request.reasoning.budget if request.reasoning else None
    return DEFAULT_MAX_TOKENS + (budget or 0)


def _system(texts: list[str]) -> Any:
    if len(texts) < 2:
        return texts[0] if texts else None
    return [{"type": "text", "text": text} for text in texts]


def _thinking(reasoning: Reasoning | None) -> dict[str, Any] | None:
    if reasoning is None or reasoning.on is None:
        return None
    if not reasoning.on:
        return {"type": "disabled"}
    summary = reasoning.summary
    display = summary and ("omitted" if summary == "omitted" else "summarized")
    kind = "adaptive" if reasoning.budget is None else "enabled"
    return without_none({"type": kind, "budget_tokens": reasoning.budget, "display": display})


def _output(request: Request) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    if request.reasoning is not None and request.reasoning.effort is not None:
        effort = request.reasoning.effort
        found["effort"] = "low" if effort == "minimal" else effort
    if request.output is not None and not isinstance(request.output, str):
        found["format"] = {"type": "json_schema", "schema": request.output.schema}
    return found or None


def _tools(request: Request) -> dict[str, Any]:
    if not request.tools:
        return {}
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
