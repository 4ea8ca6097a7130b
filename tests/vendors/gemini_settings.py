"""What Google's Gemini API refuses of tools and settings."""

import re
from collections.abc import Iterator
from typing import Any

from tests.vendors.gemini_models import MODELS
from tests.vendors.rule import Asked, Rules, listed, objects
from tests.vendors.schemas import is_object

_API = "https://ai.google.dev/api/generate-content"
_CALLING = "https://ai.google.dev/gemini-api/docs/function-calling"
_THINKING = "https://ai.google.dev/gemini-api/docs/thinking#set-budget"
_BOTH = "https://github.com/symfony/ai/issues/1777"
_MOST_STOPS = 5
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}\Z")


RULES = Rules()


def _declared(asked: Asked) -> list[tuple[str, dict[str, Any]]]:
    return [
        each
        for at, tool in objects(asked.body.get("tools"), "tools")
        for each in objects(tool.get("functionDeclarations"), f"{at}.functionDeclarations")
    ]


@RULES.add(
    "names of functions",
    "Invalid function name. Must start with a letter or an "
    "underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:) "
    "or dashes (-), with a maximum length of 64.",
    _CALLING,
)
def _names(asked: Asked) -> Iterator[str]:
    for at, each in _declared(asked):
        if not _NAME.match(each.get("name", "")):
            yield f"{at}.name"


@RULES.add("functions apart", "Duplicate function declaration found: x", _CALLING)
def _apart(asked: Asked) -> Iterator[str]:
    names = [each.get("name") for _, each in _declared(asked)]
    if len(set(names)) != len(names):
        yield "tools"


@RULES.add(
    "a function's schema",
    "functionDeclaration parameters schema should be of type OBJECT",
    _CALLING,
)
def _schema(asked: Asked) -> Iterator[str]:
    for at, each in _declared(asked):
        schema = each.get("parametersJsonSchema")
        if schema is not None and not is_object(schema):
            yield f"{at}.parametersJsonSchema"


@RULES.add(
    "allowed functions",
    "allowed_function_names should only contain functions that are "
    "declared, and be set only with mode ANY",
    _CALLING,
)
def _allowed(asked: Asked) -> Iterator[str]:
    config = (asked.body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    names = [each.get("name") for _, each in _declared(asked)]
    if config and not names:
        yield "toolConfig"
    allowed = listed(config.get("allowedFunctionNames"))
    if allowed and (config.get("mode") != "ANY" or not set(allowed) <= set(names)):
        yield "toolConfig.functionCallingConfig.allowedFunctionNames"


@RULES.add(
    "JSON beside tools",
    "Function calling with a response mime type: 'application/json' is unsupported",
    _BOTH,
    lambda model: not MODELS[model].json_beside_tools,
)
def _json(asked: Asked) -> Iterator[str]:
    config = asked.body.get("generationConfig") or {}
    if config.get("responseMimeType") == "application/json" and _declared(asked):
        yield "generationConfig.responseMimeType"


@RULES.add(
    "thinking budget",
    "Budget 0 is invalid. This model only works in thinking mode.; "
    "The thinking budget is invalid. Please choose a value between 128 and 32768.; "
    "Thinking is not enabled for this model",
    _THINKING,
)
def _budget(asked: Asked) -> Iterator[str]:
    traits = MODELS[asked.model]
    config = (asked.body.get("generationConfig") or {}).get("thinkingConfig") or {}
    if config and traits.budget is None:
        if config.get("thinkingBudget") or config.get("includeThoughts"):
            yield "generationConfig.thinkingConfig"
        return
    budget = config.get("thinkingBudget")
    if budget is None or budget == -1 or traits.budget is None:
        return
    least, most = traits.budget
    if (budget == 0 and not traits.off) or (budget and not least <= budget <= most):
        yield "generationConfig.thinkingConfig.thinkingBudget"


@RULES.add(
    "budget or level",
    "You can only set only one of thinking budget and thinking level.",
    "https://ai.google.dev/gemini-api/docs/gemini-3",
)
def _level(asked: Asked) -> Iterator[str]:
    config = (asked.body.get("generationConfig") or {}).get("thinkingConfig") or {}
    level = config.get("thinkingLevel")
    if level is not None and ("thinkingBudget" in config or not MODELS[asked.model].signed):
        yield "generationConfig.thinkingConfig.thinkingLevel"


@RULES.add("stop sequences", "stop_sequences must have at most 5 items", _API)
def _stops(asked: Asked) -> Iterator[str]:
    stops = listed((asked.body.get("generationConfig") or {}).get("stopSequences"))
    if len(stops) > _MOST_STOPS or "" in stops:
        yield "generationConfig.stopSequences"


@RULES.add("temperature", "The temperature must be between 0 and 2", _API)
def _temperature(asked: Asked) -> Iterator[str]:
    if not 0 <= (asked.body.get("generationConfig") or {}).get("temperature", 1) <= 2:
        yield "generationConfig.temperature"
