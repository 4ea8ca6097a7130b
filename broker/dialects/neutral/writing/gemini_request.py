"""Gemini requests (``generateContent``), written; the model's name stands in the URL.

That calls be made one at a time can't be asked: all but the first are left out of the answer on its
way, and stop sequences beyond what Gemini takes are cut at (``neutral.cut``).
Left out as harmless: the user's name, an image's detail, the names of schemas, and reasoning
but for Gemini's own signatures. Such a signature returns to the part it came with: the call
after it, or where there is none, the text. A call that another model made is marked as such where
the model asks for signatures. What it takes of all this: ``neutral.fitting``.
"""

from typing import Any

from broker.dialects.neutral.cut import native_stops
from broker.dialects.neutral.fields import unexpressible
from broker.dialects.neutral.fitting import fitted
from broker.dialects.neutral.fitting.effort import lose_effort
from broker.dialects.neutral.fitting.output import fitting_output
from broker.dialects.neutral.fitting.sampling import with_fitting_sampling
from broker.dialects.neutral.losing import parts_of, terms, whole
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
    Tool,
    ToolCall,
    ToolResult,
)
from broker.dialects.neutral.writing.attached import apart, as_text, gemini_part
from broker.dialects.neutral.writing.json_words import words_of
from broker.dialects.neutral.writing.names import without_names
from broker.dialects.neutral.writing.part import arguments_of, only_text, refuse, without_none
from broker.dialects.neutral.writing.system_turns import system_of
from broker.dialects.vendors import takes_of
from broker.settings.takes import Takes

UNSIGNED = "skip_thought_signature_validator"  # Google's word for a call of another model
_BUDGETS = {"minimal": 512, "low": 1024, "medium": 8192, "high": 24576}  # the rest is as high


@whole
def write(request: Request, model: str = "") -> dict[str, Any]:
    """The request; the same whether it is to be streamed or not. ``model`` is who is to read it.

    Raises:
        Unexpressible: Gemini can't be told something in it.
    """
    takes = takes_of("gemini", model, terms().takes)
    refuse(request, "gemini", *(("verbosity",) if request.verbosity != "medium" else ()))
    thinking = _thinking(request.reasoning, takes)
    output, told = fitting_output(request, takes)
    request = with_fitting_sampling(
        fitted(without_names(request), takes), takes, thinks=thinking is not None
    )
    system, messages = system_of(request, native=takes.system_turns is not False)
    system += words_of(told)
    names = {
        part.id: part.name
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCall)
    }
    written = (content for message in messages for content in _contents(message, names))
    contents = [content for content in written if content["parts"]]
    if takes.signed_calls:
        _sign_calls(contents)
    settings = without_none(
        {
            "maxOutputTokens": request.max_tokens,
            "temperature": request.temperature,
            "topP": request.top_p,
            "topK": request.top_k,
            "seed": request.seed,
            "frequencyPenalty": request.frequency_penalty,
            "presencePenalty": request.presence_penalty,
            "stopSequences": native_stops(request.stop, "gemini", terms().quirks, takes) or None,
            "thinkingConfig": thinking,
            **_output(output),
        }
    )
    return without_none(
        {
            "systemInstruction": {"parts": [{"text": text} for text in system]} if system else None,
            "contents": contents,
            "generationConfig": settings or None,
            **_tools(request),
        }
    )


def _output(output: JsonSchema | str | None) -> dict[str, Any]:
    if output is None:
        return {}
    schema = output.schema if isinstance(output, JsonSchema) else None
    return {"responseMimeType": "application/json", "responseJsonSchema": schema}


def _thinking(reasoning: Reasoning | None, takes: Takes) -> dict[str, Any] | None:
    if reasoning is None:
        return None
    if reasoning.on is False:
        return _off(takes)
    if takes.thinking == "none":
        if reasoning.on:
            lose_effort(reasoning.effort, "this model does not think")
        return None
    budget = reasoning.budget
    if budget is None and reasoning.effort is not None:
        budget = _BUDGETS.get(reasoning.effort, _BUDGETS["high"])
    if budget is not None:
        budget = max(budget, takes.budget_least or 0)
        budget = min(budget, takes.budget_most or budget)
    shown = reasoning.summary != "omitted"
    return without_none({"thinkingBudget": budget, "includeThoughts": shown})


def _off(takes: Takes) -> dict[str, Any] | None:
    if takes.thinking == "none":
        return None
    if takes.thinking_off != "never":
        return {"thinkingBudget": 0}
    lose_effort("none", "this model always thinks")
    return {"thinkingBudget": takes.budget_least or _BUDGETS["minimal"]}


def _sign_calls(contents: list[dict[str, Any]]) -> None:
    """Mark the calls that the model can't know again as such: the first of each turn since the
    last text of the user, where it has no signature."""
    for content in reversed(contents):
        if content["role"] == "user" and any("text" in part for part in content["parts"]):
            return
        calls = (part for part in content["parts"] if "functionCall" in part)
        first = next(calls, None)
        if first is not None and "thoughtSignature" not in first:
            first["thoughtSignature"] = UNSIGNED


def _tools(request: Request) -> dict[str, Any]:
    if not request.tools:
        return {}
    strict = any(tool.strict for tool in request.tools)
    config: dict[str, Any] = {}
    match request.tool_choice:
        case Named(name):
            config = {"mode": "ANY", "allowedFunctionNames": [name]}
        case "required":
            config = {"mode": "ANY"}
        case "none":
            config = {"mode": "NONE"}
        case _ if strict:  # free to call or not, but calls keep to the schemas
            config = {"mode": "VALIDATED"}
        case "auto":
            config = {"mode": "AUTO"}
    found: dict[str, Any] = {
        "tools": [{"functionDeclarations": [_tool(each) for each in request.tools]}]
    }
    if config:
        found["toolConfig"] = {"functionCallingConfig": config}
    return found


def _tool(tool: Tool) -> dict[str, Any]:
    found = {"name": tool.name, "description": tool.description or tool.name}
    return without_none({**found, "parametersJsonSchema": tool.schema})


def _contents(message: Message, names: dict[str, str]) -> list[dict[str, Any]]:
    """The turn, and behind one of results another with their pictures and files."""
    if message.role != "tool":
        return [_content(message, names)]
    results, behind = apart(part for part in message.parts if isinstance(part, ToolResult))
    told = tuple(parts_of(results, lambda result: _result(result, names)))
    found = [{"role": "user", "parts": list(told)}]
    return [*found, _content(Message("user", tuple(behind)), names)] if behind else found


def _content(message: Message, names: dict[str, str]) -> dict[str, Any]:
    calling = any(isinstance(part, ToolCall) for part in message.parts)
    parts: list[dict[str, Any]] = []
    signature: str | None = None
    for part in message.parts:
        if isinstance(part, Thought):
            if part.signature is not None and part.signature.dialect == "gemini":
                signature = part.signature.data
            continue
        written = _part(as_text(part))
        if written is None:
            continue
        if signature is not None and (isinstance(part, ToolCall) or not calling):
            written["thoughtSignature"], signature = signature, None
        parts.append(written)
    if signature is not None:
        parts.append({"text": "", "thoughtSignature": signature})
    return {"role": "model" if message.role == "assistant" else "user", "parts": parts}


def _part(part: Part) -> dict[str, Any] | None:
    match part:
        case Text(text) | Refusal(text):
            return {"text": text} if text else None
        case Image() | Document():
            return gemini_part(part)
        case ToolCall():
            fields = {"id": part.id, "name": part.name, "args": arguments_of(part)}
            return {"functionCall": fields}
        case _:
            return None


def _result(result: ToolResult, names: dict[str, str]) -> dict[str, Any]:
    if result.id not in names:
        why = f"there is no call {result.id[:64]!r} before its result"
        raise unexpressible(result.at or "messages", why)
    text = "".join(only_text(map(as_text, result.parts), result.at))
    response = {"error" if result.failed else "output": text}
    fields = {"id": result.id, "name": names[result.id], "response": response}
    return {"functionResponse": fields}
