"""What OpenAI's Chat Completions API refuses of settings."""

import json
from collections.abc import Iterator

from tests.vendors.openai_models import (
    EFFORTS,
    MODELS,
    SAMPLING,
    STRUCTURED,
)
from tests.vendors.rule import Asked, Rules, listed
from tests.vendors.schemas import (
    NAME,
    not_strict_for_openai,
)

_API = "https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create"

RULES = Rules()
COMMON = Rules()  # what OpenAI's kin have in common with it


@COMMON.add(
    "JSON in words",
    "'messages' must contain the word 'json' in some form, to use "
    "'response_format' of type 'json_object'.",
    "https://github.com/mem0ai/mem0/issues/3008",
)
def _json(asked: Asked) -> Iterator[str]:
    output = asked.body.get("response_format") or {}
    said = json.dumps(asked.body.get("messages"), ensure_ascii=False).lower()
    if output.get("type") == "json_object" and "json" not in said:
        yield "messages"


@RULES.add(
    "output's schema",
    "Invalid schema for response_format 'x': In context=(), "
    "'additionalProperties' is required to be supplied and to be false.",
    STRUCTURED,
)
def _output(asked: Asked) -> Iterator[str]:
    output = (asked.body.get("response_format") or {}).get("json_schema")
    if output:
        if not NAME.match(output.get("name", "")):
            yield "response_format.json_schema.name"
        if output.get("strict"):
            yield from not_strict_for_openai(output.get("schema"), "response_format")


@COMMON.add("stop", "Invalid 'stop': array too long. Expected an array with maximum length 4", _API)
def _stop(asked: Asked) -> Iterator[str]:
    if len(listed(asked.body.get("stop"))) > 4:
        yield "stop"


@RULES.add(
    "effort",
    "Unrecognized request argument supplied: reasoning_effort; Unsupported value: "
    "'reasoning_effort' does not support 'minimal' with this model.",
    EFFORTS,
)
def _effort(asked: Asked) -> Iterator[str]:
    effort = asked.body.get("reasoning_effort")
    if effort is not None and effort not in MODELS[asked.model].efforts:
        yield "reasoning_effort"


@RULES.add(
    "sampling",
    "Unsupported value: 'temperature' does not support 0.2 with this model. Only "
    "the default (1) value is supported.",
    SAMPLING,
    lambda model: not MODELS[model].sampling,
)
def _sampling(asked: Asked) -> Iterator[str]:
    if MODELS[asked.model].samples(asked.body.get("reasoning_effort")):
        return
    defaults = {"temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}
    for key, default in defaults.items():
        if asked.body.get(key, default) != default:
            yield key
    for key in ("stop", "logit_bias"):
        if asked.body.get(key):
            yield key


@RULES.add(
    "length of a reasoning model",
    "Unsupported parameter: 'max_tokens' is not supported "
    "with this model. Use 'max_completion_tokens' instead.",
    EFFORTS,
    lambda model: MODELS[model].reasons,
)
def _limit(asked: Asked) -> Iterator[str]:
    if "max_tokens" in asked.body:
        yield "max_tokens"


@RULES.add(
    "user", "Invalid 'user': string too long. Expected a string with maximum length 64", _API
)
def _user(asked: Asked) -> Iterator[str]:
    if len(asked.body.get("user") or "") > 64:
        yield "user"
