"""Google's Gemini API."""

from collections.abc import Iterator
from typing import Any

from tests.vendors import gemini_settings
from tests.vendors.gemini_models import MODELS
from tests.vendors.gemini_shape import DATA, GenerateContentRequest
from tests.vendors.pictures import is_base64
from tests.vendors.rule import Asked, Rules, listed, objects
from tests.vendors.shape import misfits

_API = "https://ai.google.dev/api/generate-content"
_CACHING = "https://ai.google.dev/api/caching#Part"
_CALLING = "https://ai.google.dev/gemini-api/docs/function-calling"
_SIGNATURES = "https://ai.google.dev/gemini-api/docs/thought-signatures"
_PAIRS = "https://github.com/google-gemini/gemini-cli/issues/3814"
_ORDER = "https://github.com/googleapis/python-genai/issues/1130"
_URIS = "https://ai.google.dev/gemini-api/docs/files"
# What may stand in place of a signature: the FAQ of "Thought signatures".
_ANY = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_PICTURES = (
    *("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"),
    *("application/pdf", "text/plain", "image/gif"),
)


RULES = Rules()
RULES.all += gemini_settings.RULES.all


def _contents(asked: Asked) -> list[tuple[str, dict[str, Any]]]:
    return list(objects(asked.body.get("contents"), "contents"))


def _parts(asked: Asked) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, content in _contents(asked):
        yield from objects(content.get("parts"), f"{place}.parts")


def _held(content: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [part[kind] for _, part in objects(content.get("parts"), "") if kind in part]


@RULES.add("shape", 'Invalid JSON payload received. Unknown name "x"', _API)
def _shape(asked: Asked) -> Iterator[str]:
    yield from misfits(asked.body, GenerateContentRequest, "body")


@RULES.add("some turns", "contents is not specified", _API)
def _some(asked: Asked) -> Iterator[str]:
    if not asked.body.get("contents"):
        yield "contents"


@RULES.add(
    "nothing empty",
    "GenerateContentRequest.contents[0].parts: contents.parts must not be empty.",
    _API,
)
def _empty(asked: Asked) -> Iterator[str]:
    system = asked.body.get("systemInstruction")
    for at, content in (*_contents(asked), *((("system", system),) if system else ())):
        if not listed(content.get("parts")):
            yield at


@RULES.add(
    "one datum a part",
    "GenerateContentRequest.contents[0].parts[0].data: required oneof "
    "field 'data' must have one initialized field",
    _CACHING,
)
def _datum(asked: Asked) -> Iterator[str]:
    for at, part in _parts(asked):
        if sum(key in part for key in DATA) != 1 or (
            part.get("text") == "" and "thoughtSignature" not in part
        ):
            yield at


@RULES.add("roles", "Please use a valid role: user, model.", _API)
def _roles(asked: Asked) -> Iterator[str]:
    for at, content in _contents(asked):
        if content.get("role") not in ("user", "model"):
            yield f"{at}.role"


@RULES.add(
    "whose parts",
    "Please ensure that function call parts are the model's, and function "
    "response parts the user's",
    _CALLING,
)
def _whose(asked: Asked) -> Iterator[str]:
    for at, content in _contents(asked):
        if _held(content, "functionCall") and content.get("role") != "model":
            yield at
        if _held(content, "functionResponse") and content.get("role") != "user":
            yield at


@RULES.add(
    "calls and responses",
    "Please ensure that the number of function response parts is "
    "equal to the number of function call parts of the function call turn.",
    _PAIRS,
)
def _pairs(asked: Asked) -> Iterator[str]:
    contents = _contents(asked)
    for place, (at, content) in enumerate(contents):
        calls = _held(content, "functionCall")
        after = contents[place + 1][1] if place + 1 < len(contents) else {}
        responses = _held(after, "functionResponse")
        names = sorted(call.get("name", "") for call in calls)
        if calls and names != sorted(each.get("name", "") for each in responses):
            yield at


@RULES.add(
    "responses and calls",
    "Please ensure that function response turn comes immediately after a function call turn.",
    _ORDER,
)
def _called(asked: Asked) -> Iterator[str]:
    before: dict[str, Any] = {}
    for at, content in _contents(asked):
        if _held(content, "functionResponse") and not _held(before, "functionCall"):
            yield at
        before = content


@RULES.add(
    "where calls stand",
    "Please ensure that function call turn comes immediately after a "
    "user turn or after a function response turn.",
    _ORDER,
)
def _order(asked: Asked) -> Iterator[str]:
    before: dict[str, Any] = {}
    for at, content in _contents(asked):
        if _held(content, "functionCall") and before.get("role") != "user":
            yield at
        before = content


@RULES.add(
    "signatures of calls",
    "Function call is missing a thought_signature in functionCall "
    "parts. This is required for tools to work correctly",
    _SIGNATURES,
    lambda model: MODELS[model].signed,
)
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


@RULES.add("files", "Unsupported MIME type: x; Invalid or unsupported file uri", _URIS)
def _files(asked: Asked) -> Iterator[str]:
    for at, part in _parts(asked):
        blob = part.get("inlineData")
        if blob and (blob.get("mimeType") not in _PICTURES or not is_base64(blob.get("data"))):
            yield f"{at}.inlineData"
        uri = (part.get("fileData") or {}).get("fileUri", "gs://")
        if not uri.startswith(("gs://", "https://generativelanguage.googleapis.com/")):
            yield f"{at}.fileData"
