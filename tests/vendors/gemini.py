"""Google's Gemini API."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.vendors.gemini_shape import DATA, GenerateContentRequest
from tests.vendors.pictures import is_base64
from tests.vendors.rule import Asked, Rules, listed, objects
from tests.vendors.schemas import is_object
from tests.vendors.shape import misfits

_API = "https://ai.google.dev/api/generate-content"
_CACHING = "https://ai.google.dev/api/caching#Part"
_CALLING = "https://ai.google.dev/gemini-api/docs/function-calling"
_SIGNATURES = "https://ai.google.dev/gemini-api/docs/thought-signatures"
_THINKING = "https://ai.google.dev/gemini-api/docs/thinking#set-budget"
_PAIRS = "https://github.com/google-gemini/gemini-cli/issues/3814"
_ORDER = "https://github.com/googleapis/python-genai/issues/1130"
_BOTH = "https://github.com/symfony/ai/issues/1777"
_URIS = "https://ai.google.dev/gemini-api/docs/files"
_MOST_STOPS = 5
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}\Z")
# What may stand in place of a signature: the FAQ of "Thought signatures".
_ANY = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_PICTURES = (
    *("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"),
    *("application/pdf", "text/plain", "image/gif"),
)


@dataclass(frozen=True)
class Traits:
    """One model. ``budget`` is the range of its thinking budget, None where it doesn't think."""

    signed: bool  # whether calls of the present turn must be signed
    budget: tuple[int, int] | None
    off: bool  # whether thinking can be switched off
    json_beside_tools: bool


MODELS = {
    "gemini-2.0-flash": Traits(False, None, True, False),
    "gemini-2.5-flash": Traits(False, (0, 24576), True, False),
    "gemini-2.5-pro": Traits(False, (128, 32768), False, False),
    "gemini-3-pro-preview": Traits(True, (128, 32768), False, True),
    "gemini-3-flash-preview": Traits(True, (0, 32768), True, True),
}

RULES = Rules()


def _contents(asked: Asked) -> list[tuple[str, dict[str, Any]]]:
    return list(objects(asked.body.get("contents"), "contents"))


def _parts(asked: Asked) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, content in _contents(asked):
        yield from objects(content.get("parts"), f"{place}.parts")


def _held(content: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [part[kind] for _, part in objects(content.get("parts"), "") if kind in part]


def _declared(asked: Asked) -> list[tuple[str, dict[str, Any]]]:
    return [
        each
        for at, tool in objects(asked.body.get("tools"), "tools")
        for each in objects(tool.get("functionDeclarations"), f"{at}.functionDeclarations")
    ]


@RULES.add("shape", 'Invalid JSON payload received. Unknown name "x"', _API)
def _shape(asked: Asked) -> Iterator[str]:
    yield from misfits(asked.body, GenerateContentRequest, "body")


@RULES.add("some turns", "contents is not specified", _API)
def _some(asked: Asked) -> Iterator[str]:
    if not asked.body.get("contents"):
        yield "contents"


@RULES.add("nothing empty", "GenerateContentRequest.contents[0].parts: contents.parts must not be "
           "empty.", _API)  # fmt: skip
def _empty(asked: Asked) -> Iterator[str]:
    system = asked.body.get("systemInstruction")
    for at, content in (*_contents(asked), *((("system", system),) if system else ())):
        if not listed(content.get("parts")):
            yield at


@RULES.add("one datum a part", "GenerateContentRequest.contents[0].parts[0].data: required oneof "
           "field 'data' must have one initialized field", _CACHING)  # fmt: skip
def _datum(asked: Asked) -> Iterator[str]:
    for at, part in _parts(asked):
        if sum(key in part for key in DATA) != 1:
            yield at
        elif part.get("text") == "" and "thoughtSignature" not in part:
            yield at


@RULES.add("roles", "Please use a valid role: user, model.", _API)
def _roles(asked: Asked) -> Iterator[str]:
    for at, content in _contents(asked):
        if content.get("role") not in ("user", "model"):
            yield f"{at}.role"


@RULES.add("whose parts", "Please ensure that function call parts are the model's, and function "
           "response parts the user's", _CALLING)  # fmt: skip
def _whose(asked: Asked) -> Iterator[str]:
    for at, content in _contents(asked):
        if _held(content, "functionCall") and content.get("role") != "model":
            yield at
        if _held(content, "functionResponse") and content.get("role") != "user":
            yield at


@RULES.add("calls and responses", "Please ensure that the number of function response parts is "
           "equal to the number of function call parts of the function call turn.", _PAIRS)  # fmt: skip
def _pairs(asked: Asked) -> Iterator[str]:
    contents = _contents(asked)
    for place, (at, content) in enumerate(contents):
        calls = _held(content, "functionCall")
        after = contents[place + 1][1] if place + 1 < len(contents) else {}
        responses = _held(after, "functionResponse")
        names = sorted(call.get("name", "") for call in calls)
        if calls and names != sorted(each.get("name", "") for each in responses):
            yield at


@RULES.add("responses and calls", "Please ensure that function response turn comes immediately "
           "after a function call turn.", _ORDER)  # fmt: skip
def _called(asked: Asked) -> Iterator[str]:
    before: dict[str, Any] = {}
    for at, content in _contents(asked):
        if _held(content, "functionResponse") and not _held(before, "functionCall"):
            yield at
        before = content


@RULES.add("where calls stand", "Please ensure that function call turn comes immediately after a "
           "user turn or after a function response turn.", _ORDER)  # fmt: skip
def _order(asked: Asked) -> Iterator[str]:
    before: dict[str, Any] = {}
    for at, content in _contents(asked):
        if _held(content, "functionCall") and before.get("role") != "user":
            yield at
        before = content


@RULES.add("signatures of calls", "Function call is missing a thought_signature in functionCall "
           "parts. This is required for tools to work correctly", _SIGNATURES,
           lambda model: MODELS[model].signed)  # fmt: skip
def _signed(asked: Asked) -> Iterator[str]:
    """Of the first call of each turn of the model since the user last said something."""
    contents = _contents(asked)
    said = [
        place
        for place, (_, content) in enumerate(contents)
        if content.get("role") == "user" and not _held(content, "functionResponse")
    ]
    for at, content in contents[said[-1] + 1 if said else 0 :]:
        calls = [part for _, part in objects(content.get("parts"), "") if "functionCall" in part]
        if calls and not calls[0].get("thoughtSignature"):
            yield at


@RULES.add("whose signatures", "Corrupted thought signature.", _SIGNATURES)
def _issued(asked: Asked) -> Iterator[str]:
    for at, part in _parts(asked):
        signature = part.get("thoughtSignature")
        if signature is not None and signature not in (*_ANY, *asked.issued):
            yield f"{at}.thoughtSignature"


@RULES.add("names of functions", "Invalid function name. Must start with a letter or an "
           "underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:) "
           "or dashes (-), with a maximum length of 64.", _CALLING)  # fmt: skip
def _names(asked: Asked) -> Iterator[str]:
    for at, each in _declared(asked):
        if not _NAME.match(each.get("name", "")):
            yield f"{at}.name"


@RULES.add("functions apart", "Duplicate function declaration found: x", _CALLING)
def _apart(asked: Asked) -> Iterator[str]:
    names = [each.get("name") for _, each in _declared(asked)]
    if len(set(names)) != len(names):
        yield "tools"


@RULES.add("a function's schema", "functionDeclaration parameters schema should be of type OBJECT",
           _CALLING)  # fmt: skip
def _schema(asked: Asked) -> Iterator[str]:
    for at, each in _declared(asked):
        schema = each.get("parametersJsonSchema")
        if schema is not None and not is_object(schema):
            yield f"{at}.parametersJsonSchema"


@RULES.add("allowed functions", "allowed_function_names should only contain functions that are "
           "declared, and be set only with mode ANY", _CALLING)  # fmt: skip
def _allowed(asked: Asked) -> Iterator[str]:
    config = (asked.body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    names = [each.get("name") for _, each in _declared(asked)]
    if config and not names:
        yield "toolConfig"
    allowed = listed(config.get("allowedFunctionNames"))
    if allowed and (config.get("mode") != "ANY" or not set(allowed) <= set(names)):
        yield "toolConfig.functionCallingConfig.allowedFunctionNames"


@RULES.add("JSON beside tools", "Function calling with a response mime type: 'application/json' is "
           "unsupported", _BOTH, lambda model: not MODELS[model].json_beside_tools)  # fmt: skip
def _json(asked: Asked) -> Iterator[str]:
    config = asked.body.get("generationConfig") or {}
    if config.get("responseMimeType") == "application/json" and _declared(asked):
        yield "generationConfig.responseMimeType"


@RULES.add("thinking budget", "Budget 0 is invalid. This model only works in thinking mode.; "
           "The thinking budget is invalid. Please choose a value between 128 and 32768.; "
           "Thinking is not enabled for this model", _THINKING)  # fmt: skip
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


@RULES.add("budget or level", "You can only set only one of thinking budget and thinking level.",
           "https://ai.google.dev/gemini-api/docs/gemini-3")  # fmt: skip
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


@RULES.add("files", "Unsupported MIME type: x; Invalid or unsupported file uri", _URIS)
def _files(asked: Asked) -> Iterator[str]:
    for at, part in _parts(asked):
        blob = part.get("inlineData")
        if blob and (blob.get("mimeType") not in _PICTURES or not is_base64(blob.get("data"))):
            yield f"{at}.inlineData"
        uri = (part.get("fileData") or {}).get("fileUri", "gs://")
        if not uri.startswith(("gs://", "https://generativelanguage.googleapis.com/")):
            yield f"{at}.fileData"
